"""The ensemble that a set of trainings gives, chosen on rows that they have not trained on."""

from dataclasses import dataclass, replace

import numpy as np

from goodfit.decision import choose_factors
from goodfit.ensemble.pool import Pool, make_pool
from goodfit.ensemble.selection import SELECTIONS, running_averages
from goodfit.model import Model
from goodfit.runs import Runs

DEFAULT = "best"


@dataclass(frozen=True)
class EnsembleChoice:
    """The chosen members and what each counts.

    Attributes:
        members: best first. shares: what each counts in the average.
        metrics, losses: of the 1, 2, ... best candidates averaged; metric and loss: of the chosen ensemble; all on rows
            that the networks have not trained on, but that chose them.
        pool: all candidates.
        chosen: what each candidate of the pool counts, [M].
        order: positions of the candidates in the pool, best first by what ranked them, at most so many as may be averaged.
    """

    members: Runs
    shares: list[float]
    metrics: list[float]
    losses: list[float]
    metric: float
    loss: float
    pool: Pool
    chosen: np.ndarray
    order: np.ndarray

    @property
    def prediction(self) -> np.ndarray:
        """What the chosen ensemble predicts for the pool's rows: [n] or [n, C]."""
        return self.pool.average(self.chosen)

    def model(self, *, calibrate: bool = False) -> Model:
        """Return the ensemble as a model (see `Runs.model`), with the class factors that its metric likes best."""
        return self.favouring(self.members.model(self.shares, calibrate=calibrate), self.prediction)

    def favouring(self, model: Model, prediction: np.ndarray) -> Model:
        """Return the model with the class factors that suit what it predicts for the pool's rows, [n] or [n, C]."""
        if prediction.ndim == 1:
            return model
        return replace(model, class_factors=choose_factors(self.pool.metric, self.pool.truth, prediction))


def choose_ensemble(
    runs: Runs, most: int, rank: str = "validation_loss", selection: str = DEFAULT, seed: int = 0
) -> EnsembleChoice:
    """Choose which trainings to average.

    Args:
        most: largest number of candidates that are averaged.
        rank: `validation_loss` or `validation_metric`, by which the candidates are ordered.
        selection: name in `SELECTIONS`.

    Raises:
        GoodfitError: no training ended with finite outputs.
    """
    pool = make_pool(runs)
    chosen = SELECTIONS[selection](pool, most, rank, seed)
    order = pool.order(rank)
    used = [k for k in order if chosen[k] > 0]
    members = [t for k in used for t in pool.candidates[k]]
    # what a candidate counts is parted among its folds
    shares = [float(chosen[k]) / len(pool.candidates[k]) for k in used for _ in pool.candidates[k]]
    averages = running_averages(pool, order[:most])
    return EnsembleChoice(
        Runs(runs.task, members),
        shares,
        [pool.score(average) for average in averages],
        [pool.loss(_first(len(pool), order[:size])) for size in range(1, len(averages) + 1)],
        pool.score(pool.average(chosen)),
        pool.loss(chosen),
        pool,
        chosen,
        order[:most],
    )


def _first(count: int, positions: np.ndarray) -> np.ndarray:
    shares = np.zeros(count)
    shares[positions] = 1
    return shares
