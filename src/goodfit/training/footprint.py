"""How much memory a population takes at most, reckoned before it trains."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.nn.models import make_module
from goodfit.optim.optimisers import find_optimiser
from goodfit.population import Problem
from goodfit.population.augmented import MOST_VALUES
from goodfit.population.dense import bucket
from goodfit.population.loop import STREAMED_ROWS
from goodfit.population.problem import EVALUATION_ROWS, StreamedPart
from goodfit.population.resident import PREDICTED_AT_ONCE
from goodfit.population.workers import worker_count

FLOAT, INDEX = 4, 8
"""Bytes of a number and of a row number."""


def member_bytes(config: Config, problem: Problem, kernel: str) -> int:
    """Return the bytes that one more member of a population takes."""
    weights, activations = _weights_and_activations(config, problem, kernel)
    # weights, gradient, best weights, a temporary copy, and the optimiser's memory
    copies = 4 + len(find_optimiser(config.optimiser).slots) + (config.dropconnect > 0)
    held_out = 3 * len(problem.validation or ()) * problem.outputs
    training = 4 * config.batch_size * activations
    evaluation = 2 * EVALUATION_ROWS * activations
    if kernel in ("resident", "side-by-side", "sequential"):
        training = evaluation = 0  # members take turns: see `shared_bytes`
    if kernel in ("dense", "generic"):
        copies += 4  # temporaries of the update, which is made for all members at once
    own_labels = 2 * len(problem.train) if config.label_noise else 0
    order = len(problem.train) * INDEX
    return FLOAT * (copies * weights + held_out + max(training, evaluation) + own_labels) + order


def shared_bytes(configs: Sequence[Config], problem: Problem, kernel: str) -> int:
    """Return the bytes that a population takes once, however many members it has."""
    streamed = 0
    if isinstance(problem.train, StreamedPart):
        streamed = 3 * STREAMED_ROWS * math.prod(problem.input_shape) * FLOAT
    if any(config.augment for config in configs):
        samples = len(configs) * len(problem.train) * math.prod(problem.input_shape)
        streamed += 3 * min(MOST_VALUES, samples) * FLOAT
    if kernel in ("dense", "generic"):
        return streamed
    at_once = {"resident": worker_count(), "side-by-side": worker_count(), "sequential": 1}[kernel]
    rows = PREDICTED_AT_ONCE if kernel == "resident" else EVALUATION_ROWS
    turns = []
    for config in {(c.model, c.hidden, c.batch_size): c for c in configs}.values():
        activations = _weights_and_activations(config, problem, kernel)[1]
        turns.append(FLOAT * max(4 * config.batch_size, 3 * rows) * activations)
    return streamed + at_once * max(turns)


def _weights_and_activations(config: Config, problem: Problem, kernel: str) -> tuple[int, int]:
    """Return the number of a network's weights, and of the values that it computes for one sample."""
    if config.model != "mlp":
        return _observed(config, problem)
    hidden = map(bucket, config.hidden) if kernel == "dense" else config.hidden
    sizes = [math.prod(problem.input_shape), *hidden, problem.outputs]
    return sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes)), sum(sizes)


def _observed(config: Config, problem: Problem) -> tuple[int, int]:
    """Pass two samples through a module and count."""
    module = make_module(config, problem.input_shape, problem.outputs).eval()
    values = [math.prod(problem.input_shape)]

    def count(layer: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            values.append(output.numel() // 2)

    for layer in module.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    with torch.no_grad():
        module(next(iter(problem.train.chunks())).x[:2].cpu())
    return sum(p.numel() for p in module.parameters()), sum(values)
