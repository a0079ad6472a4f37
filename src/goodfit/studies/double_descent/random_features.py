"""Random ReLU features and a linear read-out: the simplest model that descends twice, solved exactly.

Features max(0, x W) with fixed normal W, of which the first N are used (Belkin et al. 2019, section "Random Fourier
features"; Mei & Montanari 2022 for ReLU). Only the read-out is trained, by least squares on one-hot targets.
"""

import time
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from goodfit.config import Config
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
        began = time.monotonic()
        held_out, truth = self._rows.judging(self._config)
        place = numpy_generator(seed, "random features")
        inputs = held_out.reshape(len(held_out), -1).shape[1]
        weights = place.normal(size=(inputs, max(point.width for point in points))) / np.sqrt(inputs)
        tested = _relu(held_out, weights)
        for samples, of_samples in groupby(sorted(points, key=_place), key=lambda point: point.samples):
            config = self._config.replace(train_rows=samples, seed=seed)
            x, y = self._rows.drawn(config)
            phi, targets = _relu(x, weights), self._targets(y)
            for width, same in groupby(of_samples, key=lambda point: point.width):
                if seconds is not None and time.monotonic() - began > seconds:
                    raise OutOfTimeError
                spectrum = Spectrum.of(phi[:, :width], targets, tested[:, :width])
                for point in same:
                    train, test = spectrum.outputs(spectrum.filter(point.epochs, point.decay))
                    found[point] = self._rows.judge(config, self.parameters(width), (train, y), (test, truth))
        return [found[point] for point in points]

    def _targets(self, y: np.ndarray) -> np.ndarray:
        outputs = self._rows.task.code.outputs
        return y[:, None].astype(float) if self._rows.task.kind == "regression" else np.eye(outputs)[y]


def _place(point: Point) -> tuple[int, int]:
    return point.samples, point.width


def _relu(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.maximum(x.reshape(len(x), -1).astype(np.float64) @ weights, 0)
