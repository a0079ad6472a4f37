"""The data as one member sees them: its fold and sample of the training rows, its label noise, its order, its Mixup.

Everything hangs on the member's seed, so it does not depend on who trains beside it.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.population.problem import Problem
from goodfit.randomness import batch_order, numpy_generator


class OwnData:
    """Rows, labels and batches of one member."""

    def __init__(self, config: Config, problem: Problem) -> None:
        self._config = config
        self.judging = problem.judging(config) if problem.judging else None
        rows = training_rows(config, len(problem.train), self.judging)
        self.count = len(rows)
        self._rows = None if np.array_equal(rows, np.arange(len(problem.train))) else rows
        self.targets = noisy_targets(config, problem) if config.label_noise else None
        self._classes = None
        if config.resample == "balanced":
            y = (problem.train.y if self.targets is None else self.targets).cpu().numpy()
            rows = np.arange(len(y)) if self._rows is None else self._rows
            self._classes = [rows[y[rows] == label] for label in np.unique(y[rows])]
        # a last batch of one row is left out (another row in every epoch): batch norm cannot train on it
        lonely = self.count % config.batch_size == 1 and self.count > config.batch_size > 1
        self._visited = self.count - lonely
        self.steps_per_epoch = math.ceil(self._visited / config.batch_size)
        first = np.arange(self.steps_per_epoch) * config.batch_size
        self._counts = np.minimum(config.batch_size, self._visited - first)
        self._batches = np.empty((0, config.batch_size), np.int64)

    def begin_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch's rows."""
        order = batch_order(self._config.seed, epoch, self.count)[: self._visited]
        rows = self._rows if self._classes is None else _balanced(self._classes, self.count, self._config.seed, epoch)
        batch = self._config.batch_size
        filled = np.empty(self.steps_per_epoch * batch, np.int64)
        filled[: self._visited] = order if rows is None else rows[order]
        filled[self._visited :] = filled[self._visited - (self._visited % batch or batch)]
        self._batches = filled.reshape(-1, batch)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows of batches start ... stop - 1 of the epoch: int64 [S, B]."""
        return self._batches[start:stop]

    def counts(self, start: int, stop: int) -> np.ndarray:
        """Return how many rows of those batches are real: int64 [S]."""
        return self._counts[start:stop]

    def mix(self, first_step: int, steps: int) -> np.ndarray:
        """Return the Mixup share of every step: float32 [S], drawn from Beta(alpha, alpha) (Zhang et al. 2018)."""
        alpha = self._config.mixup
        if alpha == 0:
            return np.ones(steps, np.float32)
        draws = [
            numpy_generator(self._config.seed, "mixup", step).beta(alpha, alpha)
            for step in range(first_step, first_step + steps)
        ]
        return np.array(draws, np.float32)


def training_rows(config: Config, available: int, judging: np.ndarray | None = None) -> np.ndarray:
    """Return the rows that train a member, sorted int64 [n].

    Args:
        judging: rows that judge the member and so train it not, bool [available].
    """
    rows = np.arange(available) if judging is None else np.flatnonzero(~judging)
    if config.train_rows is not None and config.train_rows < len(rows):
        order = numpy_generator(config.seed, "training rows").permutation(len(rows))
        rows = rows[np.sort(order[: config.train_rows])]
    if config.resample == "bootstrap":
        rows = np.sort(rows[numpy_generator(config.seed, "bootstrap rows").integers(0, len(rows), len(rows))])
    return rows


def _balanced(classes: Sequence[np.ndarray], count: int, seed: int, epoch: int) -> np.ndarray:
    """Return `count` rows, of each class equally many: a fresh choice of a common one's, a rare one's again and again."""
    random = numpy_generator(seed, "balanced rows", epoch)
    shares = np.diff(np.arange(len(classes) + 1) * count // len(classes))
    return np.concatenate([np.resize(random.permutation(c), n) for c, n in zip(classes, shares, strict=True)])


def noisy_targets(config: Config, problem: Problem) -> Tensor:
    """Return the training targets [n] with a member's label noise.

    Classes: with probability `label_noise` a label is replaced by one of the other classes, all equally likely
    (Nakkiran et al. 2020). Regression: normal noise with that standard deviation, in units of the target's own.
    """
    random = numpy_generator(config.seed, "label noise")
    y = problem.train.y.cpu()
    if problem.classes:
        wrong = torch.from_numpy(random.random(len(y)) < config.label_noise)
        shift = torch.from_numpy(random.integers(1, problem.classes, len(y)))
        noisy = torch.where(wrong, (y + shift) % problem.classes, y)
    else:
        noisy = y + config.label_noise * torch.from_numpy(random.normal(size=len(y))).to(y.dtype)
    return noisy.to(problem.train.y.device)
