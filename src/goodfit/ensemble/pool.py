"""The networks to choose from, as they predict rows on which they have not trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.decision import choose_factors, reweighted
from goodfit.errors import GoodfitError
from goodfit.metrics import Metric
from goodfit.runs import Runs, Training

SMALLEST_P = 1e-15


@dataclass(frozen=True)
class Pool:
    """Candidates and their predictions; a candidate is one training, or all folds of one setting.

    Shape:
        predictions: [M, n] in the target's unit, or probabilities [M, n, C]. truth: [n].

    Attributes:
        candidates: by position, the trainings that belong together.
        metric: the task's.
        absolute: judge a regression by the absolute error, not the squared one.
    """

    candidates: Sequence[Runs]
    predictions: np.ndarray
    truth: np.ndarray
    metric: Metric
    absolute: bool = False

    def __len__(self) -> int:
        return len(self.predictions)

    @property
    def values(self) -> np.ndarray:
        """What an average's loss depends on: the predictions, or the probability of the true class: [M, n]."""
        if self.predictions.ndim == 2:
            return self.predictions
        return self.predictions[:, np.arange(len(self.truth)), self.truth]

    def row_losses(self, values: np.ndarray) -> np.ndarray:
        """Return the loss of averaged `values` [..., n], row by row: squared or absolute error, or log-loss."""
        if self.predictions.ndim == 3:
            return -np.log(np.maximum(values, SMALLEST_P))
        error = values - self.truth
        return np.abs(error) if self.absolute else error**2

    def losses(self) -> np.ndarray:
        """Return every candidate's own loss [M]."""
        return np.asarray(self.row_losses(self.values).mean(-1))

    def score(self, prediction: np.ndarray) -> float:
        """Return the metric of a prediction for the pool's rows; rare classes are favoured as the metric likes it.

        Where it does, the same rows choose how far (`goodfit.decision.choose_factors`), which flatters a little.
        """
        if prediction.ndim == 1:
            return self.metric.of(self.truth, prediction)
        factors = choose_factors(self.metric, self.truth, prediction)
        return self.metric.of(self.truth, reweighted(prediction, factors))

    def order(self, rank: str) -> np.ndarray:
        """Return the candidates' positions, best first by `validation_loss` or `validation_metric` (then the loss)."""
        losses = self.losses()
        if rank == "validation_loss":
            return np.argsort(losses, kind="stable")
        metrics = [self.metric.loss(self.score(p)) for p in self.predictions]
        return np.lexsort((losses, np.array(metrics)))

    def average(self, shares: np.ndarray) -> np.ndarray:
        """Return the weighted mean of the predictions: [n] or [n, C]."""
        used = np.flatnonzero(shares)
        return np.asarray(np.tensordot(shares[used] / shares[used].sum(), self.predictions[used], axes=1))

    def loss(self, shares: np.ndarray) -> float:
        """Return the loss of a weighted mean."""
        return float(self.row_losses(shares @ self.values / shares.sum()).mean())

    def only(self, rows: np.ndarray) -> "Pool":
        """Return the pool on some of its rows (positions, or bool [n])."""
        return Pool(self.candidates, self.predictions[:, rows], self.truth[rows], self.metric, self.absolute)

    def among(self, positions: np.ndarray) -> "Pool":
        """Return the pool with some of its candidates, in that order."""
        candidates = [self.candidates[k] for k in positions]
        return Pool(candidates, self.predictions[positions], self.truth, self.metric, self.absolute)


def make_pool(runs: Runs) -> Pool:
    """Return the usable trainings as candidates; trainings that differ in fold and seed alone are one, if all are usable.

    Raises:
        GoodfitError: no training ended with finite outputs.
    """
    task = runs.task
    kept: list[Runs] = []
    found = []
    known = None
    for members in _belonging(runs):
        if not all(map(_finite, members)):
            continue
        rows, prediction = members.unseen()
        known = rows if known is None else known
        if np.array_equal(rows, known):
            kept.append(members)
            found.append(prediction)
    if known is None:
        raise GoodfitError("no training ended with finite outputs: lower the learning rate or look at the data")
    absolute = task.kind == "regression" and kept[0][0].config.loss == "absolute-error"
    return Pool(kept, np.stack(found), task.target[known], task.metric, absolute)


def _belonging(runs: Runs) -> list[Runs]:
    groups: dict[Any, list[Training]] = {}
    for number, training in enumerate(runs):
        key = (training.config.point(), training.snapshot) if training.config.fold is not None else number
        groups.setdefault(key, []).append(training)
    return [Runs(runs.task, members) for members in groups.values()]


def _finite(training: Training) -> bool:
    if not training.usable:
        return False
    output = training.load()[1]
    return output is not None and bool(np.isfinite(output).all())
