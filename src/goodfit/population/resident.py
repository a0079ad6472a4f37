"""The resident kernel: chains of known layers on CPU cores, a member per thread, many steps between two visits to
Python.

The loops are in `goodfit.population.compiled`. A member's weights, gradient and optimiser memory stay in the cache
of its core while it trains, nothing waits for other members, and no two networks of a name need to be alike: width,
depth, activation, normalisation and optimiser are free.
"""

import math
import threading
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.losses import LOSSES
from goodfit.nn.dropout import key_dropouts
from goodfit.nn.models import STRUCTURE
from goodfit.optim.optimisers import find_optimiser, hyper_table
from goodfit.population.chain import Link, NotAChain, read_chain
from goodfit.population.compiled.image_steps import ImageMemory
from goodfit.population.compiled.losses import LOSS_CODES
from goodfit.population.compiled.optimisers import OPTIMISER_CODES
from goodfit.population.compiled.passes import ACTIVATION_CODES
from goodfit.population.compiled.routines import routines
from goodfit.population.compiled.small import BLOCK, train_small
from goodfit.population.compiled.steps import predict, train_steps
from goodfit.population.compiled.vectors import LANES
from goodfit.population.kernel import Batches, Snapshot
from goodfit.population.problem import Part, Problem
from goodfit.population.program import compile_chain
from goodfit.population.start import first_network
from goodfit.population.workers import for_each, one_blas_thread
from goodfit.randomness import dropout_keys

SHARED = ("model", "precision")
"""Settings in which the members of one population must agree."""
PREDICTED_AT_ONCE = 256
"""Rows passed through one network at once: its units' values stay in the core's cache."""


class ResidentKernel:
    """K chains on the CPU (see `goodfit.population.kernel.Kernel`)."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._loss = LOSS_CODES[_loss_name(problem)]
        chains: dict[object, list[Link]] = {}
        self._members = []
        for config in configs:
            module, make = key_dropouts(first_network(config, problem)), _make(config)
            if make not in chains:
                chains[make] = read_chain(module, problem.input_shape)
            self._members.append(_Member(config, module, chains[make]))

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

    def snapshot(self, member: int) -> Snapshot:
        return self._members[member].snapshot()

    def keep(self, members: Sequence[int]) -> None:
        self._members = [self._members[k] for k in members]


def refusal(config: Config, problem: Problem) -> str | None:
    """Say why the kernel cannot train a config, or return None."""
    if problem.device.type != "cpu":
        return "it runs on the CPU only"
    if config.precision != "float32":
        return f"it does not compute in {config.precision}"
    for what, name, known in (
        ("optimiser", config.optimiser, OPTIMISER_CODES),
        ("loss", _loss_name(problem), LOSS_CODES),
    ):
        if name not in known:
            return f"{what} '{name}' has no compiled form"
    module = key_dropouts(first_network(config, problem))
    try:
        links = read_chain(module, problem.input_shape)
    except NotAChain as reason:
        return str(reason)
    for link in links:
        if link.activation and link.activation not in ACTIVATION_CODES:
            return f"activation '{link.activation}' has no compiled form"
    if math.prod(links[-1].after) != problem.outputs:
        return "its output has another shape than the task's"
    return None


def _loss_name(problem: Problem) -> str:
    """Return the name of a loss of ours; one's own may bear the same and has no compiled form."""
    name = getattr(problem.row_loss, "__name__", type(problem.row_loss).__name__)
    is_ours = any(problem.row_loss is loss for loss, _ in LOSSES.values())
    return name if is_ours else f"{name} of your own"


def _make(config: Config) -> object:
    """Return the settings that a chain depends on; a module of one's own is the same factory for all."""
    named = isinstance(config.model, str)
    return tuple(getattr(config, name) for name in (*STRUCTURE, "dropout", "dropconnect")) if named else None


class _Member:
    """One network: its program, and flat vectors of all weights, gradients, and optimiser memory."""

    def __init__(self, config: Config, module: nn.Module, links: Sequence[Link]) -> None:
        self.config = config
        parameters = dict(module.named_parameters())
        running = {
            name: value for name, value in module.state_dict().items() if name.endswith(("running_mean", "running_var"))
        }
        self._saved = {name: tuple(value.shape) for name, value in module.state_dict().items()}
        self._places, self._states = _places(parameters), _places(running)
        self._p, self._state = _flat(parameters), _flat(running)
        self.program = compile_chain(links, self._places, self._states)
        self._routines = routines(self.program.ways)
        slots = len(find_optimiser(config.optimiser).slots)
        self._g = np.zeros_like(self._p)
        self._slots = [np.zeros_like(self._p) if slot < slots else _NOTHING for slot in range(2)]
        connects = any(found and found[1] == "dropconnect" for found in self.program.dropouts)
        # DropConnect writes weights only: the biases beside them stay as they are
        self._dropped = self._p.copy() if connects else _NOTHING
        self._steps = 0

    def train(self, x: np.ndarray, y: Tensor, rows: np.ndarray, counts: np.ndarray, mix: np.ndarray,
              rates: np.ndarray, first_step: int, loss: int) -> np.ndarray:  # fmt: skip
        program = self.program
        target, label = (y.numpy(), _NO_LABELS) if y.is_floating_point() else (_NOTHING, y.numpy())
        hyper = hyper_table(self.config, rates, first_step).astype(np.float32)
        optimiser, losses = OPTIMISER_CODES[self.config.optimiser], np.empty(len(rows))
        added = [np.float32(getattr(self.config, name)) for name in ("label_smoothing", "l1", "l2")]
        data = (x, target, label, rows, counts, mix, program.ops, program.numbers, self._keys(first_step, len(rows)))
        weights = (self._p, self._g, *self._slots)
        if program.small:
            size = program.units * BLOCK
            arenas = _memory.parts(size, size, size, len(self._p) * LANES)
            train_small(*data, *weights, hyper, loss, *added, optimiser, *arenas, self._dropped, losses)
        else:
            size = program.units * rows.shape[1]
            arenas = _memory.parts(size, size, size, program.inputs * rows.shape[1], program.saved, program.scratch)
            images = self._image_memory(rows.shape[1], *arenas[4:])
            train_steps(
                *data, *weights, self._state, hyper, loss, *added, optimiser, *arenas[:4], self._dropped, losses, images
            )  # fmt: skip
        self._steps += len(rows)
        return losses

    def predict(self, x: np.ndarray) -> np.ndarray:
        program, rows = self.program, min(PREDICTED_AT_ONCE, len(x))
        out = np.empty((len(x), program.outputs), np.float32)
        size = program.units * rows
        values, slopes, batch, saved, scratch = _memory.parts(
            size, size, program.inputs * rows, program.saved, program.scratch
        )
        images = self._image_memory(rows, saved, scratch)
        predict(x, program.ops, program.numbers, self._p, self._state, values, slopes, batch, rows, out, images)
        return out

    def snapshot(self) -> Snapshot:
        return partial(self._named, self._p.copy(), self._state.copy(), self._steps)

    def _named(self, p: np.ndarray, state: np.ndarray, steps: int) -> dict[str, Tensor]:
        found = {}
        for name, shape in self._saved.items():
            source, places = (p, self._places) if name in self._places else (state, self._states)
            if name in places:
                piece = source[places[name] : places[name] + math.prod(shape)]
                found[name] = torch.from_numpy(piece).reshape(shape)
            else:
                found[name] = torch.tensor(steps)  # num_batches_tracked
        return found

    def _image_memory(self, rows: int, saved: np.ndarray, scratch: np.ndarray) -> ImageMemory | None:
        if not self.program.has_images:
            return None
        choice, filters = np.empty(self.program.choices * rows, np.uint8), self.program.filters
        no_bias, unwanted = np.zeros(filters, np.float32), np.empty(filters, np.float32)
        return ImageMemory(saved, choice, no_bias, unwanted, scratch, self._routines)

    def _keys(self, first_step: int, steps: int) -> np.ndarray:
        """Return the keys of dropout and DropConnect: uint64 [S, ops]."""
        keys = np.zeros((steps, len(self.program.ops)), np.uint64)
        for k, found in enumerate(self.program.dropouts):
            if found:
                keys[:, k] = dropout_keys(self.config.seed, first_step + np.arange(steps), *found)
        return keys


_NO_LABELS, _NOTHING = np.empty(0, np.int64), np.empty(0, np.float32)


class _Memory(threading.local):
    """Scratch memory of one thread, kept from one member to the next."""

    sizes: tuple[int, ...] = ()
    arrays: tuple[np.ndarray, ...] = ()

    def parts(self, *sizes: int) -> tuple[np.ndarray, ...]:
        """Return float32 arrays of these sizes; what is in them is undefined."""
        if sizes != self.sizes:
            self.sizes, self.arrays = sizes, tuple(np.empty(size, np.float32) for size in sizes)
        return self.arrays


_memory = _Memory()


def _places(tensors: dict[str, Tensor] | dict[str, nn.Parameter]) -> dict[str, int]:
    """Return where each tensor begins in the flat vector of all."""
    ends = np.cumsum([0, *(value.numel() for value in tensors.values())])
    return dict(zip(tensors, map(int, ends), strict=False))


def _flat(tensors: dict[str, Tensor] | dict[str, nn.Parameter]) -> np.ndarray:
    if not tensors:
        return _NOTHING
    return torch.cat([value.detach().flatten() for value in tensors.values()]).numpy()


def _train(item: tuple[int, _Member], batches: Batches, x: np.ndarray, loss: int) -> np.ndarray:
    k, member = item
    return member.train(
        x, batches.targets(k), np.ascontiguousarray(batches.rows[k]), batches.counts[k], batches.mix[k],
        batches.rates[k], batches.first_step, loss,
    )  # fmt: skip
