"""More models from one data set: how many of the best to average, judged on the validation part."""

from dataclasses import dataclass

import numpy as np

from goodfit.errors import GoodfitError
from goodfit.runs import Runs, Training

WITHIN_NOISE = 0.005
"""Sizes whose validation loss is within this share of the lowest count as equal; the largest of them is taken."""


@dataclass(frozen=True)
class EnsembleChoice:
    """The chosen members, best first, and validation metric and loss of the 1, 2, ... best averaged."""

    members: Runs
    metrics: list[float]
    losses: list[float]


def choose_ensemble(runs: Runs, most: int, rank: str = "validation_loss") -> EnsembleChoice:
    """Average the best trainings on validation; take the largest size whose loss is the lowest, up to noise.

    Among equals the larger ensemble depends less on the luck of the validation rows.

    Args:
        most: largest number of members.
        rank: `validation_loss` or `validation_metric`, by which the trainings are ordered.
    """
    task = runs.task
    candidates = [(t, t.load()[1]) for t in runs if t.usable]
    ranked = sorted(
        ((t, out) for t, out in candidates if out is not None and np.isfinite(out).all()),
        key=lambda c: _rank(runs, c[0], rank),
    )
    if not ranked:
        raise GoodfitError("no training ended with finite outputs: lower the learning rate or look at the data")
    total = np.zeros(1)
    metrics: list[float] = []
    losses: list[float] = []
    for size, (_, output) in enumerate(ranked[:most], start=1):
        total = total + task.code.decode(output)
        metrics.append(task.score(total / size, "validation"))
        losses.append(prediction_loss(task.kind == "regression", task.truth("validation"), total / size))
    curve = losses if rank == "validation_loss" else [task.metric.loss(m) for m in metrics]
    best = min(curve)
    size = max(n for n, value in enumerate(curve, start=1) if value <= best + WITHIN_NOISE * abs(best))
    return EnsembleChoice(Runs(task, [t for t, _ in ranked[:size]]), metrics, losses)


def prediction_loss(regression: bool, truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the mean squared error, or the mean negative log probability of the true class."""
    if regression:
        return float(np.mean((truth - prediction) ** 2))
    return float(-np.log(np.clip(prediction[np.arange(len(truth)), truth], 1e-15, 1)).mean())


def _rank(runs: Runs, training: Training, rank: str) -> float:
    value = float(getattr(training, rank))
    return runs.task.metric.loss(value) if rank == "validation_metric" else value
