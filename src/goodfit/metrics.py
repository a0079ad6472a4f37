"""Metrics: what a finished model is judged by. scikit-learn computes, this page names.

Adding one is adding one entry to `METRICS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import sklearn.metrics as skm

from goodfit.errors import GoodfitError, did_you_mean

TaskKind = Literal["regression", "binary", "multiclass"]
CLASSIFICATION: tuple[TaskKind, ...] = ("binary", "multiclass")


@dataclass(frozen=True)
class Metric:
    """One metric.

    `of(truth, output)` takes, for regression, target and prediction [n] in the target's own unit; for
    classification, class indices [n] and probabilities [n, C]. It returns one number.

    Attributes:
        by_label: only the likeliest class counts, not how likely it is.
        by_class: every class counts alike, however few its rows are.
    """

    name: str
    kinds: tuple[TaskKind, ...]
    greater_is_better: bool
    of: Callable[[np.ndarray, np.ndarray], float]
    by_label: bool = False
    by_class: bool = False

    def better(self, a: float, b: float) -> bool:
        """Return whether `a` is strictly better than `b`."""
        return a > b if self.greater_is_better else a < b

    def loss(self, value: float) -> float:
        """Return the value turned so that smaller is better."""
        return -value if self.greater_is_better else value


def log_loss(truth: np.ndarray, p: np.ndarray) -> float:
    """Return the mean negative log probability of the true classes [n] under probabilities [n, C]."""
    chosen = p[np.arange(len(truth)), truth]
    return float(-np.log(np.clip(chosen, 1e-15, 1)).mean())


def brier(truth: np.ndarray, p: np.ndarray) -> float:
    """Return the mean squared distance of probabilities [n, C] from the truth, over all classes (Brier 1950): 0 to 2."""
    return float((p**2).sum(1).mean() - 2 * p[np.arange(len(truth)), truth].mean() + 1)


def _auc(truth: np.ndarray, p: np.ndarray) -> float:
    # undefined where only one class is present (a bootstrap resample can have that)
    return float(skm.roc_auc_score(truth, p[:, 1])) if len(np.unique(truth)) == 2 else float("nan")


def _average_precision(truth: np.ndarray, p: np.ndarray) -> float:
    return float(skm.average_precision_score(truth, p[:, 1])) if truth.any() else float("nan")


def _labels(metric: Callable[..., float], **options: object) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda truth, p: float(metric(truth, p.argmax(1), **options))


_R: tuple[TaskKind, ...] = ("regression",)
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rmse", _R, False, lambda y, p: float(skm.root_mean_squared_error(y, p))),
        Metric("mae", _R, False, lambda y, p: float(skm.mean_absolute_error(y, p))),
        Metric("r2", _R, True, lambda y, p: float(skm.r2_score(y, p))),
        Metric("accuracy", CLASSIFICATION, True, _labels(skm.accuracy_score), True),
        Metric(
            "balanced-accuracy",
            CLASSIFICATION,
            True,
            _labels(skm.recall_score, average="macro", zero_division=0),
            True,
            True,
        ),
        Metric("f1-macro", CLASSIFICATION, True, _labels(skm.f1_score, average="macro", zero_division=0), True, True),
        Metric("log-loss", CLASSIFICATION, False, log_loss),
        Metric("brier", CLASSIFICATION, False, brier),
        Metric("roc-auc", ("binary",), True, _auc, by_class=True),
        Metric("average-precision", ("binary",), True, _average_precision, by_class=True),
    )
}
DEFAULT_METRIC: dict[str, str] = {"regression": "rmse", "binary": "accuracy", "multiclass": "accuracy"}


def find_metric(name: str | None, kind: TaskKind) -> Metric:
    """Return the metric of that name for that kind of task; None gives the kind's default."""
    if name is None:
        return METRICS[DEFAULT_METRIC[kind]]
    usable = [metric.name for metric in METRICS.values() if kind in metric.kinds]
    if name not in usable:
        raise GoodfitError(
            f"metric '{name}' does not fit a {kind} task{did_you_mean(name, usable)}: choose one of {', '.join(usable)}"
        )
    return METRICS[name]
