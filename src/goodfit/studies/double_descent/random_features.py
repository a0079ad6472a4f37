"""Random ReLU features and a linear read-out: the simplest model that descends twice, solved exactly.

Features max(0, x W) with fixed normal W, of which the first N are used (Belkin et al. 2019, section "Random Fourier
features"; Mei & Montanari 2022 for ReLU). Only the read-out is trained, by least squares on one-hot targets.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from goodfit.config import Config
from goodfit.population.workers import for_each, one_blas_thread
from goodfit.randomness import numpy_generator
from goodfit.studies.double_descent.least_squares import Spectrum
from goodfit.studies.double_descent.points import Measured, OutOfTimeError, Point
from goodfit.studies.double_descent.rows import StudyRows


class RandomFeatures:
    """The read-out of the first N random features (see `points.Learner`).

    A point's `epochs` are steps of gradient descent in the limit of small rates, its `decay` a ridge, both in the units
    of `least_squares.Spectrum.filter`.
    """

    def __init__(self, rows: StudyRows, config: Config) -> None:
        self._rows, self._config = rows, config

    def parameters(self, width: int) -> int:
        return width * self._rows.task.code.outputs

    def measure(self, points: Sequence[Point], seed: int, seconds: float | None) -> list[Measured]:
        found: dict[Point, Measured] = {}
        ends = None if seconds is None else time.monotonic() + seconds
        held_out, truth = self._rows.judging(self._config)
        place = numpy_generator(seed, "random features")
        inputs = held_out.reshape(len(held_out), -1).shape[1]
        weights = place.normal(size=(inputs, max(point.width for point in points))) / np.sqrt(inputs)
        tested = _relu(held_out, weights)
        for samples, of_samples in groupby(sorted(points, key=_place), key=lambda point: point.samples):
            config = self._config.replace(train_rows=samples, seed=seed)
            x, y = self._rows.drawn(config)
            drawn = _Drawn(config, _relu(x, weights), self._targets(y), y, tested, truth, ends)
            groups = [list(same) for _, same in groupby(of_samples, key=lambda point: point.width)]
            with one_blas_thread():  # a decomposition of this size gains little from a second core, two of them all
                for same, measured in zip(groups, for_each(partial(self._solve, drawn), groups), strict=True):
                    found |= dict(zip(same, measured, strict=True))
        return [found[point] for point in points]

    def _solve(self, drawn: "_Drawn", points: Sequence[Point]) -> list[Measured]:
        """Return every ridge and stopping time of one width from one decomposition."""
        if drawn.ends is not None and time.monotonic() > drawn.ends:
            raise OutOfTimeError
        width = points[0].width
        spectrum = Spectrum.of(drawn.phi[:, :width], drawn.targets, drawn.tested[:, :width])
        outputs = [spectrum.outputs(spectrum.filter(point.epochs, point.decay)) for point in points]
        size, config = self.parameters(width), drawn.config
        return [self._rows.judge(config, size, (train, drawn.y), (test, drawn.truth)) for train, test in outputs]

    def _targets(self, y: np.ndarray) -> np.ndarray:
        outputs = self._rows.task.code.outputs
        return y[:, None].astype(float) if self._rows.task.kind == "regression" else np.eye(outputs)[y]


@dataclass(frozen=True)
class _Drawn:
    """One seed's samples of one number: their features phi [n, N], one-hot and coded targets, and the held-out rows'."""

    config: Config
    phi: np.ndarray
    targets: np.ndarray
    y: np.ndarray
    tested: np.ndarray
    truth: np.ndarray
    ends: float | None
    """`time.monotonic()` at which time is up."""


def _place(point: Point) -> tuple[int, int]:
    return point.samples, point.width


def _relu(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.maximum(x.reshape(len(x), -1).astype(np.float64) @ weights, 0)
