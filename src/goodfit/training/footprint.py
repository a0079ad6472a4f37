"""How much memory a population takes at most, reckoned before it trains."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from goodfit import memory
from goodfit.config import Config
from goodfit.nn.models import STRUCTURE, make_module, settled
from goodfit.optim.optimisers import find_optimiser
from goodfit.optim.restarts import RESTARTING
from goodfit.population import Problem
from goodfit.population.augmented import MOST_VALUES
from goodfit.population.dense import bucket
from goodfit.population.problem import StreamedPart
from goodfit.population.resident import PREDICTED_AT_ONCE
from goodfit.population.workers import worker_count

FLOAT, INDEX = 4, 8
"""Bytes of a number and of a row number."""
PIECES = 3
"""Pieces of streamed samples at a time: one in use, one being read and prepared, which takes twice its size."""


def member_bytes(config: Config, problem: Problem, kernel: str) -> int:
    """Return the bytes that one more member of a population takes."""
    weights, activations = _weights_and_activations(config, problem, kernel)
    # weights, gradient, best weights, a temporary copy, and the optimiser's memory
    copies = 4 + len(find_optimiser(config.optimiser).slots) + (config.dropconnect > 0)
    snapshots = config.lr_cycles if config.schedule == RESTARTING else 0
    copies += snapshots
    held_out = (3 + snapshots) * len(problem.validation or ()) * problem.outputs
    # values, their gradients, and temporaries of the dropout masks, which are made for all members at once
    training = 10 * config.batch_size * activations
    evaluation = 2 * memory.rows_at_once(problem.input_shape) * activations
    if kernel in ("resident", "side-by-side", "sequential"):
        training = evaluation = 0  # members take turns: see `shared_bytes`
    if kernel in ("dense", "generic"):
        copies += 4  # temporaries of the update, which is made for all members at once
    own_labels = 2 * len(problem.train) if config.label_noise else 0
    order = len(problem.train) * INDEX
    # a piece holds at least one step's samples of every member
    piece = PIECES * config.batch_size * math.prod(problem.input_shape) if _is_streamed(problem) else 0
    return FLOAT * (copies * weights + held_out + max(training, evaluation) + own_labels + piece) + order


def shared_bytes(configs: Sequence[Config], problem: Problem, kernel: str) -> int:
    """Return the bytes that a population takes once, however many members it has."""
    streamed = PIECES * memory.PIECE_BYTES if _is_streamed(problem) else 0
    if any(config.augment for config in configs):
        samples = len(configs) * len(problem.train) * math.prod(problem.input_shape)
        streamed += 3 * min(MOST_VALUES, samples) * FLOAT
    if kernel in ("dense", "generic"):
        return streamed
    at_once = {"resident": worker_count(), "side-by-side": worker_count(), "sequential": 1}[kernel]
    rows = min(
        memory.rows_at_once(problem.input_shape), PREDICTED_AT_ONCE if kernel == "resident" else memory.MOST_ROWS
    )
    turns = []
    makes = {(*(getattr(c, name) for name in STRUCTURE), c.batch_size): c for c in configs}
    for config in makes.values():
        activations = _weights_and_activations(config, problem, kernel)[1]
        turns.append(FLOAT * max(4 * config.batch_size, 3 * rows) * activations)
    return streamed + at_once * max(turns)


def _is_streamed(problem: Problem) -> bool:
    return isinstance(problem.train, StreamedPart)


def _weights_and_activations(config: Config, problem: Problem, kernel: str) -> tuple[int, int]:
    """Return the number of a network's weights, and of the values that it computes for one sample."""
    if config.model != "mlp":
        return _observed(config, problem, kernel)
    hidden = list(map(bucket, config.hidden) if kernel == "dense" else config.hidden)
    sizes = [math.prod(problem.input_shape), *hidden, problem.outputs]
    weights = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes))
    normalised = sum(hidden) if settled(config).norm != "none" else 0
    return weights + 2 * normalised, sum(sizes) + normalised


def _observed(config: Config, problem: Problem, kernel: str) -> tuple[int, int]:
    """Pass two samples through a module and count."""
    module = make_module(config, problem.input_shape, problem.outputs).eval()
    values = [math.prod(problem.input_shape)]

    def count(layer: nn.Module, inputs: object, output: object) -> None:
        if not isinstance(output, Tensor):
            return
        values.append(output.numel() // 2)
        if kernel == "generic" and isinstance(layer, nn.Conv2d):
            # there a convolution is a matrix product of unfolded windows (`goodfit.nn.convolution`)
            windows = output.numel() // 2 // layer.out_channels
            values.append(windows * layer.groups * layer.weight[0].numel())

    for layer in module.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        module(problem.train.head(2).x.cpu().clone())  # the module may change its input in place
    return sum(p.numel() for p in module.parameters()), sum(values)
