"""Which configs train together, on which kernel, in how much memory, and why."""

import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.population import KERNELS
from goodfit.population.kernel import EVALUATION_ROWS
from goodfit.population.problem import Problem
from goodfit.task import treatment

FREE_PER_MEMBER = (
    "seed", "init", "lr", "weight_decay", "momentum", "beta1", "beta2", "eps", "schedule", "warmup_steps", "dropout",
    "patience",
)  # fmt: skip
"""Settings in which the members of one population may differ; all others make its shape."""

LARGEST_SHARE_OF_MEMORY = 0.25
BYTES = 4


@dataclass(frozen=True)
class Population:
    """Positions (in the list of configs) that train together, the kernel's name, and the reason in words."""

    positions: tuple[int, ...]
    kernel: str
    reason: str


def group(configs: Sequence[Config], is_table: bool) -> list[list[int]]:
    """Return the positions of configs that share a shape, in the order of their first."""
    shapes: dict[tuple[object, ...], list[int]] = {}
    for position, config in enumerate(configs):
        own_model = () if isinstance(config.model, str) else (id(config.model),)
        shared = {name: value for name, value in config.settings().items() if name not in FREE_PER_MEMBER}
        shared.pop("bins")
        shapes.setdefault((repr(shared), treatment(config, is_table), own_model), []).append(position)
    return list(shapes.values())


def choose_kernel(config: Config, kernel: str = "auto") -> tuple[str, str]:
    """Return the kernel's name for a config and the reason in words.

    Args:
        kernel: `auto`, or a name in `goodfit.population.KERNELS`.
    """
    if kernel != "auto" and kernel not in KERNELS:
        raise GoodfitError(
            f"kernel '{kernel}' is unknown{did_you_mean(kernel, KERNELS)}: choose auto, {', '.join(KERNELS)}"
        )
    if kernel == "sequential":
        return kernel, "one at a time, as asked"
    if config.model == "mlp":
        return "dense", "together, as batched matrix products"
    if kernel == "dense":
        raise GoodfitError(
            "kernel 'dense' trains model 'mlp' only: choose 'sequential' or 'auto' for a model of your own"
        )
    return "sequential", "one at a time: the batched kernel knows model 'mlp' only"


def plan(
    configs: Sequence[Config], positions: Sequence[int], problem: Problem, kernel: str = "auto"
) -> list[Population]:
    """Split one group into populations by kernel and memory."""
    first = configs[positions[0]]
    kernel, reason = choose_kernel(first, kernel)
    if kernel == "sequential":
        return [Population((position,), kernel, reason) for position in positions]
    most = max(1, int(available_memory() * LARGEST_SHARE_OF_MEMORY / member_bytes(first, problem)))
    parts = math.ceil(len(positions) / most)
    size = math.ceil(len(positions) / parts)
    if parts > 1:
        reason += (
            f", in {parts} populations of up to {size} to stay within {LARGEST_SHARE_OF_MEMORY:.0%} of the free memory"
        )
    return [Population(tuple(positions[i : i + size]), kernel, reason) for i in range(0, len(positions), size)]


def member_bytes(config: Config, problem: Problem) -> int:
    """Return the bytes that one member of a population of perceptrons takes at most."""
    sizes = [math.prod(problem.input_shape), *config.hidden, problem.outputs]
    weights = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(sizes))
    copies = 7  # weights, gradient, two optimiser slots, best weights, two temporaries of the update
    held_out = len(problem.validation or ()) * problem.outputs * 4
    # a training step keeps about four tensors of each layer's size; evaluation two of the widest layer
    activations = max(4 * config.batch_size * sum(sizes), 2 * EVALUATION_ROWS * max(sizes))
    return BYTES * (copies * weights + held_out + activations + len(problem.train) * 2)


def available_memory() -> int:
    """Return the bytes of memory that are free for use (8 GiB where the system does not tell)."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 << 30
