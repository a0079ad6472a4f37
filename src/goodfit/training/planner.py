"""Which configs train together, on which kernel, in how much memory, and why."""

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from goodfit.config import Config
from goodfit.data.treatment import treatment
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.memory import available_memory
from goodfit.population import KERNELS, Problem
from goodfit.population.dense import bucket
from goodfit.population.own_data import training_rows
from goodfit.population.workers import worker_count
from goodfit.training.footprint import member_bytes, shared_bytes
from goodfit.training.measure import worth_measuring

LARGEST_SHARE_OF_MEMORY = 0.25
"""Of the free memory, that one population may take."""
PREFERRED = ("resident", "dense", "generic", "side-by-side", "sequential")
"""Kernels in the order in which they are taken where nothing is measured."""
MOST_ANSWERS = 256
"""Of kernels on whether they can train a make of network, that are remembered."""
_answers: dict[tuple[Any, ...], str | None] = {}


@dataclass(frozen=True)
class Population:
    """Positions (in the list of configs) that train together, the kernel's name, the reason, and the memory they take."""

    positions: tuple[int, ...]
    kernel: str
    reason: str
    bytes: int


def group_by_data(configs: Sequence[Config], is_table: bool) -> list[list[int]]:
    """Return the positions of configs that see the same prepared data and have the same loss, in order of their first."""

    def seen(k: int) -> tuple[object, ...]:
        loss = configs[k].loss if isinstance(configs[k].loss, str) else id(configs[k].loss)
        return treatment(configs[k], is_table), loss, configs[k].fold is not None

    return _grouped(range(len(configs)), seen)


def plan(
    configs: Sequence[Config], positions: Sequence[int], problem: Problem, kernel: str = "auto",
    measure: Callable[..., dict[str, float]] | None = None,
) -> list[Population]:  # fmt: skip
    """Split configs of one problem into populations, by kernel, shape and memory.

    Args:
        kernel: `auto`, or a name in `goodfit.population.KERNELS`.
        measure: how to find out which kernel is fastest (`goodfit.training.measure.seconds_per_step`); None takes
            the first that can.
    """
    check_kernel(kernel)
    fitting = {k: _fitting(configs[k], problem, kernel) for k in positions}
    populations = []
    for members in _grouped(positions, lambda k: (tuple(fitting[k]), _shape(configs[k], fitting[k][0], problem))):
        name, reason = _fastest([configs[k] for k in members], problem, fitting[members[0]], measure)
        if kernel == "auto":
            reason += _why_not_faster(configs[members[0]], problem, name)
        for alike in _grouped(members, lambda k: _shape(configs[k], name, problem)):  # noqa: B023
            populations += _within_memory(configs, alike, problem, name, reason)
    return populations


def check_kernel(kernel: str) -> None:
    """Raise `GoodfitError` for a kernel that there is not."""
    if kernel != "auto" and kernel not in KERNELS:
        raise GoodfitError(
            f"kernel '{kernel}' is unknown{did_you_mean(kernel, KERNELS)}: choose auto, {', '.join(KERNELS)}"
        )


def _grouped(positions: Sequence[int], key: Callable[[int], Any]) -> list[list[int]]:
    groups: dict[Any, list[int]] = {}
    for position in positions:
        groups.setdefault(key(position), []).append(position)
    return list(groups.values())


def _shape(config: Config, kernel: str, problem: Problem) -> tuple[Any, ...]:
    """Return the values in which the members of one population on a kernel agree."""
    shape = {name: getattr(config, name) for name in KERNELS[kernel].shared}
    if "width" in shape:
        depth, hidden = shape.pop("depth"), tuple(map(bucket, config.hidden)) if kernel == "dense" else config.hidden
        shape["width"] = hidden if config.model == "mlp" else (config.width, depth)
    if "train_rows" in shape and config.fold is not None:
        # folds may differ by a row
        judging = problem.judging(config) if problem.judging else None
        shape["train_rows"] = len(training_rows(config, len(problem.train), judging))
    # a factory of one's own is compared by identity: two lambdas may build different modules
    shape["model"] = config.model if isinstance(config.model, str) else id(config.model)
    return tuple(sorted(shape.items()))


def _fitting(config: Config, problem: Problem, kernel: str) -> list[str]:
    """Return the kernels that can train a config, in the order of preference."""
    if kernel != "auto":
        reason = _refusal(kernel, config, problem)
        if reason:
            raise GoodfitError(f"kernel '{kernel}' cannot train this config ({reason}): choose 'auto'")
        return [kernel]
    if config.model == "mlp":
        # vectorising by torch.func is for modules that no kernel knows
        known = [name for name in ("resident", "dense") if not _refusal(name, config, problem)]
        if known:
            return [known[0], "sequential"]
    return [name for name in PREFERRED if not _refusal(name, config, problem)]


def _refusal(kernel: str, config: Config, problem: Problem) -> str | None:
    """Return why a kernel cannot train a config; asked once for each make of network and shape of data."""
    make = config.replace(seed=0, lr=1e-3, weight_decay=0.0, dropout=min(config.dropout, 0.5), init="default",
                          init_scale=1.0, augment=(), l1=0.0, l2=0.0, label_smoothing=0.0, fold=None,
                          resample="none")  # fmt: skip
    try:
        # model and loss may be functions that hold data of their own: the answer must not keep them alive
        model = config.model if isinstance(config.model, str) else weakref.ref(config.model)
        loss = weakref.ref(problem.row_loss)
        question = (kernel, repr(make), model, problem.input_shape, problem.outputs, loss, problem.device)
        known = question in _answers
    except TypeError:  # an object of one's own that cannot be a key
        return KERNELS[kernel].refusal(make, problem)
    if not known:
        if len(_answers) >= MOST_ANSWERS:
            _answers.clear()
        _answers[question] = KERNELS[kernel].refusal(make, problem)
    return _answers[question]


def _fastest(
    configs: Sequence[Config], problem: Problem, fitting: Sequence[str], measure: Callable[..., dict[str, float]] | None
) -> tuple[str, str]:
    """Return the kernel for configs of one make, and the reason in words."""
    alone = [name for name in fitting if name not in ("generic", "side-by-side")]
    candidates = alone if alone and len(configs) == 1 else list(fitting)
    first = candidates[0]
    if len(candidates) == 1 or measure is None:
        return first, KERNELS[first].words
    if first in ("resident", "dense") and len(configs) >= worker_count():
        return first, KERNELS[first].words
    if not worth_measuring(configs, problem):
        return first, f"{KERNELS[first].words} (too little work to measure alternatives)"
    seconds = measure(configs, problem, candidates)
    best = min(seconds, key=seconds.__getitem__)
    others = ", ".join(f"{name} {1000 * value:.3g}" for name, value in seconds.items() if name != best)
    return best, f"{KERNELS[best].words}; measured {1000 * seconds[best]:.3g} ms a step and network ({others})"


def _why_not_faster(config: Config, problem: Problem, kernel: str) -> str:
    """Say why a kernel that would be preferred was not taken."""
    if isinstance(config.model, str):
        reason = _refusal("resident", config, problem) if kernel != "resident" else None
        return f" (not resident: {reason})" if reason else ""
    reason = _refusal("generic", config, problem) if kernel != "generic" else None
    return f" (not together: {reason})" if reason else ""


def _within_memory(
    configs: Sequence[Config], positions: Sequence[int], problem: Problem, kernel: str, reason: str
) -> list[Population]:
    """Cut a group into populations that fit in memory."""
    sizes = [member_bytes(configs[k], problem, kernel) for k in positions]
    common = shared_bytes([configs[k] for k in positions], problem, kernel)
    room = max(available_memory(problem.device) * LARGEST_SHARE_OF_MEMORY - common, max(sizes))
    parts = math.ceil(sum(sizes) / room)
    per_part = math.ceil(len(positions) / parts)
    if parts > 1:
        reason += f", in {parts} populations of up to {per_part} to stay within {LARGEST_SHARE_OF_MEMORY:.0%} of the free memory"
    return [
        Population(tuple(positions[i : i + per_part]), kernel, reason, sum(sizes[i : i + per_part]) + common)
        for i in range(0, len(positions), per_part)
    ]
