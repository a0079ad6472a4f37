"""Perceptrons of any width, trained by `goodfit.training.train`: all of a seed in one population."""

from collections.abc import Sequence

import numpy as np
import torch

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.model import Member, forward, load_weights
from goodfit.nn.models import make_module
from goodfit.runs import Training
from goodfit.studies.comparison import Means
from goodfit.studies.double_descent.points import Measured, OutOfTimeError, Point
from goodfit.studies.double_descent.rows import StudyRows
from goodfit.task import Task
from goodfit.training import train

BROKEN = float("nan")


class Networks:
    """Variants of one config (see `points.Learner`).

    A point's `width` is that of the first hidden layer; the others keep their ratio to it.
    """

    def __init__(self, rows: StudyRows, config: Config, means: Means) -> None:
        if config.model != "mlp" or not config.hidden:
            raise GoodfitError(
                f"the study 'double-descent' varies the width of perceptrons, and the model is '{config.model}' with"
                f" {len(config.hidden)} hidden layers: use --set model=mlp and a depth of at least 1"
            )
        self._rows, self._config, self._means = rows, config, means

    def config(self, point: Point, seed: int) -> Config:
        """Return the training at a point."""
        first = self._config.hidden[0]
        widths = tuple(max(1, round(width * point.width / first)) for width in self._config.hidden)
        return self._config.replace(
            width=widths, train_rows=point.samples, epochs=int(point.epochs), weight_decay=point.decay, seed=seed
        )

    def parameters(self, width: int) -> int:
        config = self.config(Point(width, 1, 1), 0)
        return sum(p.numel() for p in make_module(config, self._shape(), self._task.code.outputs).parameters())

    def measure(self, points: Sequence[Point], seed: int, seconds: float | None) -> list[Measured]:
        longest_first = sorted(points, key=lambda point: -point.epochs)  # progress is told by the first
        runs = train(
            [self.config(point, seed) for point in longest_first], self._task, stage=f"seed {seed}", device=self._means.device,
            time_limit=seconds, on_progress=self._means.on_progress,
        )  # fmt: skip
        if any(training.reason == "out of time" for training in runs):
            raise OutOfTimeError
        found = {point: self._measured(training) for point, training in zip(longest_first, runs, strict=True)}
        return [found[point] for point in points]

    @property
    def _task(self) -> Task:
        return self._rows.task

    def _shape(self) -> tuple[int, ...]:
        return self._task.matrix(self._config, "train").shape[1:]

    @torch.no_grad()
    def _measured(self, training: Training) -> Measured:
        config, weights = training.config, training.weights
        size = sum(value.numel() for value in weights.values())
        if training.reason == "diverged":
            return Measured(float(size), BROKEN, BROKEN, BROKEN, BROKEN, BROKEN)
        module = load_weights(make_module(config, self._shape(), self._task.code.outputs), Member(config, weights))
        (x, y), (held_out, truth) = self._rows.drawn(config), self._rows.judging(config)
        return self._rows.judge(config, size, (forward(module, x), y), (forward(module, held_out), truth))


def width_of(parameters: float, learner: Networks) -> int:
    """Return the width whose number of parameters is nearest; parameters grow with the width."""
    low, high = 1, 2
    while learner.parameters(high) < parameters:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if learner.parameters(middle) < parameters else (low, middle)
    gaps = np.abs([learner.parameters(width) - parameters for width in (low, high)])
    return low if gaps[0] <= gaps[1] else high
