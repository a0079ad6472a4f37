"""What is measured: points on the plane of size, samples, time and decay, over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from goodfit.errors import GoodfitError
from goodfit.studies.comparison import Means

FEWEST_SEEDS = 2


@dataclass(frozen=True)
class Point:
    """One training.

    Attributes:
        width: units or random features. samples: training rows.
        epochs: how long it trains; infinite where the solution is computed at once.
        decay: weight decay or ridge.
    """

    width: int
    samples: int
    epochs: float
    decay: float = 0.0


class Measured(NamedTuple):
    """What one training with one seed came to; NaN where it diverged.

    `train_*` are on the labels that were trained on, noise included; `tune_loss` is on held-out rows that choose
    decay and stopping time, `test_*` on others that only judge. Errors are shares of rows, or for regression the root
    mean squared error in the target's unit.
    """

    parameters: float
    train_loss: float
    train_error: float
    tune_loss: float
    test_loss: float
    test_error: float


class OutOfTimeError(Exception):
    """The time limit has come before all of a seed was trained."""


class Learner(Protocol):
    """A model of which every point of the plane can be trained."""

    def parameters(self, width: int) -> int:
        """Return the number of trained parameters."""
        ...

    def measure(self, points: Sequence[Point], seed: int, seconds: float | None) -> list[Measured]:
        """Train every point with one seed.

        Raises:
            OutOfTimeError: it takes longer than `seconds`.
        """
        ...


class Results:
    """Every point with every seed."""

    def __init__(self, points: Sequence[Point], seeds: Sequence[int], values: np.ndarray) -> None:
        self._place = {point: k for k, point in enumerate(points)}
        self.seeds, self._values = list(seeds), values

    def of(self, points: Sequence[Point], measure: str) -> np.ndarray:
        """Return one field of `Measured`: [seeds, points]."""
        return self._values[:, [self._place[point] for point in points], Measured._fields.index(measure)]

    def tuned(self, alternatives: Sequence[Sequence[Point]]) -> list[Point]:
        """Return for each place that of its alternatives whose mean loss on the tuning rows is lowest."""
        chosen = []
        for points in alternatives:
            losses = self.of(points, "tune_loss").mean(0)
            chosen.append(points[int(np.where(np.isfinite(losses), losses, np.inf).argmin())])
        return chosen

    @property
    def trainings(self) -> int:
        """How many trainings there were."""
        return self._values.shape[0] * self._values.shape[1]


def collect(learner: Learner, points: Sequence[Point], first_seed: int, seeds: int, means: Means) -> Results:
    """Measure points over seeds; a seed that a run folder holds already is not measured again.

    Raises:
        GoodfitError: fewer than two seeds were asked for, or came to an end within the time limit.
    """
    if seeds < FEWEST_SEEDS:
        raise GoodfitError(f"{seeds} seed: bands over seeds need at least {FEWEST_SEEDS}, give --seeds 5")
    points, done = list(dict.fromkeys(points)), []
    for number, seed in enumerate(range(first_seed, first_seed + seeds), start=1):
        stage = f"seed {seed}"
        kept = means.folder.store.stage(stage) if means.folder else None
        if kept is None:
            means.on_stage(stage, f"{len(points)} trainings, seed {number} of {seeds}")
            try:
                kept = learner.measure(points, seed, means.seconds_left)
            except OutOfTimeError:
                break
            if means.folder:
                means.folder.store.finish_stage(stage, kept)
        done.append(kept)
    if len(done) < FEWEST_SEEDS:
        raise GoodfitError(
            f"the time limit came after {len(done)} of {seeds} seeds: give more time, or fewer epochs or rows"
            " (--set epochs=200, --set train_rows=200)"
        )
    return Results(points, range(first_seed, first_seed + len(done)), np.array(done, dtype=np.float64))
