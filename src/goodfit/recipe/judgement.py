"""The one look at the test part: metric, bootstrap interval, and paired differences to the baselines."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from goodfit.calibration import reliability, tempered
from goodfit.decision import reweighted
from goodfit.metrics import METRICS, Metric
from goodfit.model import Model
from goodfit.randomness import numpy_generator
from goodfit.task import Task

RESAMPLES, FEWEST_RESAMPLES = 1000, 200
"""Resamples of a bootstrap, and how many it takes even if the time for it is over."""
LEVEL = 0.95
FEWEST_TO_DECIDE = 20
"""Test rows below which nothing is called better: percentile intervals are too narrow then. Of two models that are alike,
simulated with normal errors, one is called better in 13 % of the cases with 10 rows and 26 % with 3, and the interval of
an RMSE holds the truth in 81 % and 63 %."""
SHOWN_POINTS = 1500


@dataclass(frozen=True)
class Scored:
    """A metric on the test part with its percentile bootstrap interval.

    `draws` [resamples] are for paired differences; `rows` are those that count (`counting_rows`).
    """

    value: float
    interval: tuple[float, float]
    draws: np.ndarray
    rows: int


def bootstrap(
    metric: Metric, truth: np.ndarray, predictions: dict[str, np.ndarray], seed: int, seconds: float | None = None
) -> dict[str, Scored]:
    """Score several predictions on the same resamples of the rows (percentile bootstrap, Efron & Tibshirani 1993).

    Args:
        seconds: after which it ends, if `FEWEST_RESAMPLES` are there; None takes `RESAMPLES`.
    """
    deadline = np.inf if seconds is None else time.monotonic() + seconds
    random = numpy_generator(seed, "bootstrap")
    draws: dict[str, list[float]] = {name: [] for name in predictions}
    for done in range(RESAMPLES):
        if done >= FEWEST_RESAMPLES and time.monotonic() > deadline:
            break
        rows = random.integers(0, len(truth), len(truth))
        for name, prediction in predictions.items():
            draws[name].append(metric.of(truth[rows], prediction[rows]))
    scored = {}
    for name, prediction in predictions.items():
        value, drawn = metric.of(truth, prediction), np.array(draws[name])
        scored[name] = Scored(value, _interval(metric, value, len(truth), drawn), drawn, counting_rows(metric, truth))
    return scored


def counting_rows(metric: Metric, truth: np.ndarray) -> int:
    """Return how many rows a figure rests on: of a metric that counts classes alike, those of the rarest times the classes.

    A resample draws few rows of a rare class, and all alike where all were told right: 4 of 2,000 rows decide then, and
    look certain.
    """
    if not metric.by_class:
        return len(truth)
    present = np.unique(truth, return_counts=True)[1]
    return int(len(present) * present.min())


def _interval(metric: Metric, value: float, rows: int, draws: np.ndarray) -> tuple[float, float]:
    """Return the bootstrap interval; an accuracy of exactly 0 or 1, where no resample differs, gets Wilson's (1927)."""
    if metric.name == "accuracy" and value in (0.0, 1.0):
        wilson = binomtest(round(value * rows), rows).proportion_ci(LEVEL, method="wilson")
        return float(wilson.low), float(wilson.high)
    return percentiles(draws)


def percentiles(draws: np.ndarray) -> tuple[float, float]:
    """Return the central interval of bootstrap draws; draws without a value (one class only) are left out."""
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def against(metric: Metric, network: Scored, baseline: Scored) -> dict[str, Any]:
    """Return the paired difference network - baseline; `undecided` where its interval contains zero or rows are few."""
    low, high = percentiles(network.draws - baseline.draws)
    better = "undecided"
    if (low > 0 or high < 0) and network.rows >= FEWEST_TO_DECIDE:
        better = "network" if (low > 0) == metric.greater_is_better else "baseline"
    return {"difference": network.value - baseline.value, "interval": [low, high], "better": better}


def further_metrics(
    task: Task, truth: np.ndarray, prediction: np.ndarray, factors: tuple[float, ...] | None = None
) -> dict[str, float]:
    """Return every other metric that fits the task; `factors` as in `goodfit.decision`."""
    others = (m for m in METRICS.values() if task.kind in m.kinds and m.name != task.metric.name)
    return {m.name: m.of(truth, reweighted(prediction, factors) if m.by_label else prediction) for m in others}


def regression_picture(
    truth: np.ndarray, prediction: np.ndarray, half_width: float | None, coverage: float, seed: int
) -> dict[str, Any]:
    """Return points true/predicted (a sample where there are many) and how often the interval holds the truth."""
    rows = np.sort(numpy_generator(seed, "shown points").permutation(len(truth))[:SHOWN_POINTS])
    picture: dict[str, Any] = {"true": truth[rows].tolist(), "predicted": prediction[rows].tolist()}
    if half_width is not None:
        inside = float(np.mean(np.abs(truth - prediction) <= half_width))
        picture["coverage"] = {"nominal": coverage, "observed": inside, "width": 2 * half_width}
    return picture


def class_picture(truth: np.ndarray, p: np.ndarray, model: Model) -> dict[str, Any]:
    """Return confusion counts [true, predicted] of the classes named, calibration, and what prediction sets held."""
    named = model.decide(p)
    confusion = confusion_matrix(truth, named, labels=np.arange(p.shape[1]))
    found = {"confusion": confusion.tolist(), "calibration": reliability(truth, p).record()}
    if model.temperature != 1:
        before = tempered(p, 1 / model.temperature)
        found["calibration_before"] = reliability(truth, before).record() | {"temperature": model.temperature}
    found["sets"] = [_set_row(truth, model.sets(p, kind), kind, model.coverage) for kind in model.set_thresholds]
    return found


def _set_row(truth: np.ndarray, inside: np.ndarray, kind: str, nominal: float) -> dict[str, Any]:
    sizes = inside.sum(1)
    observed = float(inside[np.arange(len(truth)), truth].mean())
    return {
        "kind": kind, "nominal": nominal, "observed": observed, "mean_size": float(sizes.mean()),
        "single": float((sizes == 1).mean()),
    }  # fmt: skip
