"""The resident kernel: perceptrons of any size on CPU cores, a member per thread, many steps between two visits to
Python.

The loops are in `goodfit.population.compiled`. A member's weights, gradient and optimiser memory stay in the cache
of its core while it trains, nothing waits for other members, and no two members need to be alike: width, depth,
activation and optimiser are free.
"""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.nn.mlp import MLP
from goodfit.nn.models import build_model
from goodfit.optim.optimisers import find_optimiser, hyper_table
from goodfit.population.compiled.losses import LOSS_CODES
from goodfit.population.compiled.mlp import SMALL, predict, train_steps
from goodfit.population.compiled.optimisers import OPTIMISER_CODES
from goodfit.population.compiled.passes import ACTIVATION_CODES
from goodfit.population.kernel import Batches
from goodfit.population.problem import Part, Problem
from goodfit.population.workers import for_each, one_blas_thread
from goodfit.randomness import dropout_keys

SHARED = ("model", "precision")
"""Settings in which the members of one population must agree."""

PREDICTED_AT_ONCE = 256
"""Rows passed through one network at once: its units' values stay in the core's cache."""


class ResidentKernel:
    """K perceptrons on the CPU (see `goodfit.population.kernel.Kernel`)."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._loss = LOSS_CODES[problem.row_loss.__name__]
        self._members = [_Perceptron(config, problem) for config in configs]

    def advance(self, batches: Batches) -> np.ndarray:
        x = batches.part.x.flatten(1).contiguous().numpy()
        train = partial(_train, batches=batches, x=x, loss=self._loss)
        with one_blas_thread():
            return np.stack(for_each(train, list(enumerate(self._members))))

    def output(self, part: Part, members: Sequence[int]) -> Tensor:
        x = part.x.flatten(1).contiguous().numpy()
        with one_blas_thread():
            outputs = for_each(lambda k: self._members[k].predict(x), list(members))
        return torch.from_numpy(np.stack(outputs))

    def weights(self, member: int) -> dict[str, Tensor]:
        return self._members[member].weights()

    def keep(self, members: Sequence[int]) -> None:
        self._members = [self._members[k] for k in members]


def refusal(config: Config, problem: Problem) -> str | None:
    """Say why the kernel cannot train a config, or return None."""
    if config.model != "mlp":
        return "it knows model 'mlp' only"
    if problem.device.type != "cpu":
        return "it runs on the CPU only"
    if config.precision != "float32":
        return f"it does not compute in {config.precision}"
    for what, name, known in (
        ("activation", config.activation, ACTIVATION_CODES),
        ("optimiser", config.optimiser, OPTIMISER_CODES),
        ("loss", problem.row_loss.__name__, LOSS_CODES),
    ):
        if name not in known:
            return f"{what} '{name}' has no compiled form"
    return None


class _Perceptron:
    """One member: flat weights, and memory for the values of one batch."""

    def __init__(self, config: Config, problem: Problem) -> None:
        network = build_model(config, problem.input_shape, problem.outputs)
        assert isinstance(network, MLP)
        self.config = config
        self._names = [(name, tuple(value.shape)) for name, value in network.state_dict().items()]
        self._p = torch.cat([value.flatten() for value in network.state_dict().values()]).numpy()
        self._sizes = np.array([math.prod(problem.input_shape), *config.hidden, problem.outputs], np.int64)
        slots = len(find_optimiser(config.optimiser).slots)
        self._g = np.zeros_like(self._p)
        self._slots = [np.zeros_like(self._p) if slot < slots else np.empty(0, np.float32) for slot in range(2)]
        self._dropped = np.empty_like(self._p) if config.dropconnect else np.empty(0, np.float32)
        self._codes = ACTIVATION_CODES[config.activation], OPTIMISER_CODES[config.optimiser]

    def train(self, x: np.ndarray, y: Tensor, rows: np.ndarray, counts: np.ndarray, mix: np.ndarray,
              rates: np.ndarray, first_step: int, loss: int) -> np.ndarray:  # fmt: skip
        target, label = (y.numpy(), _NO_LABELS) if y.is_floating_point() else (_NO_TARGETS, y.numpy())
        hyper = hyper_table(self.config, rates, first_step).astype(np.float32)
        batch, buffers = self._memory(rows.shape[1])
        activation, optimiser = self._codes
        scratch = np.empty((5, rows.shape[1]), np.float32)
        losses = np.empty(len(rows))
        train_steps(
            x, target, label, rows, counts, mix, self._sizes, self._p, self._g, self._slots[0], self._slots[1],
            hyper, self._keys(first_step, len(rows)), self.config.dropout, self.config.dropconnect, activation, loss,
            optimiser, batch, buffers, np.empty_like(buffers), np.empty_like(buffers), scratch, self._dropped,
            losses,
        )  # fmt: skip
        return losses

    def predict(self, x: np.ndarray) -> np.ndarray:
        rows = min(PREDICTED_AT_ONCE, len(x))
        batch, buffers = self._memory(rows)
        out = np.empty((len(x), self._sizes[-1]), np.float32)
        slopes, keys = np.empty_like(buffers), np.zeros((2, len(self._sizes) - 1), np.uint64)
        predict(x, self._sizes, self._p, self._codes[0], batch, buffers, slopes, keys, out)
        return out

    def weights(self) -> dict[str, Tensor]:
        sizes = [int(np.prod(shape)) for _, shape in self._names]
        pieces = torch.from_numpy(self._p.copy()).split(sizes)
        return {name: piece.reshape(shape) for (name, shape), piece in zip(self._names, pieces, strict=True)}

    def _memory(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return memory for a gathered batch, and for every layer's values."""
        first, units = int(self._sizes[0]), int(self._sizes[1:].sum())
        shape = (first, rows) if first * self._sizes[1] < SMALL else (rows, first)
        return np.empty(shape, np.float32), np.empty((units, rows), np.float32)

    def _keys(self, first_step: int, steps: int) -> np.ndarray:
        """Return the keys of dropout and DropConnect: uint64 [S, 2, layers]."""
        layers = len(self._sizes) - 1
        keys = np.zeros((steps, 2, layers), np.uint64)
        for kind, (rate, purpose) in enumerate(
            ((self.config.dropout, "dropout"), (self.config.dropconnect, "dropconnect"))
        ):
            if rate:
                for layer in range(layers):
                    keys[:, kind, layer] = dropout_keys(self.config.seed, first_step + np.arange(steps), layer, purpose)
        return keys


_NO_LABELS, _NO_TARGETS = np.empty(0, np.int64), np.empty(0, np.float32)


def _train(item: tuple[int, _Perceptron], batches: Batches, x: np.ndarray, loss: int) -> np.ndarray:
    k, member = item
    return member.train(
        x, batches.targets(k), np.ascontiguousarray(batches.rows[k]), batches.counts[k], batches.mix[k],
        batches.rates[k], batches.first_step, loss,
    )  # fmt: skip
