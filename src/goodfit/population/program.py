"""From a chain of layers to the table that the compiled loops run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from goodfit.population.chain import Link
from goodfit.population.compiled import direct, winograd
from goodfit.population.compiled import program as column
from goodfit.population.compiled.image_steps import AT_ONCE, MOST_PRODUCTS
from goodfit.population.compiled.passes import ACTIVATION_CODES
from goodfit.population.compiled.small import SMALL

PERCEPTRON = {"linear", "activation", "dropout"}
SMALL_IN_ALL = 4 * SMALL
"""Weights of a whole network up to which the loop for small ones serves it."""


@dataclass(frozen=True)
class Program:
    """A network's operations (see `goodfit.population.compiled.program`), and how much memory they need.

    Attributes:
        ops: int64 [ops, FIELDS]. numbers: float64 [ops, NUMBERS].
        dropouts: for every operation the number and purpose of its dropout; None where it has none.
        inputs, outputs: values of a sample before the first and after the last operation.
        units: rows of the arena of values. saved: float32 that batch norm keeps. choices: rows kept by max pooling.
        scratch: float32 that convolutions need. small: whether the loop for small perceptrons serves it.
    """

    ops: np.ndarray
    numbers: np.ndarray
    dropouts: tuple[tuple[int, str] | None, ...]
    inputs: int
    outputs: int
    units: int
    saved: int
    choices: int
    scratch: int
    small: bool

    @property
    def ways(self) -> set[int]:
        """How the convolutions are computed (see `goodfit.population.compiled.routines`)."""
        convolutions = self.ops[self.ops[:, column.KIND] == column.CONVOLUTION]
        return set(convolutions[:, column.TRANSFORMED].tolist())

    @property
    def filters(self) -> int:
        """The most channels that an operation gives."""
        return int(self.ops[:, column.C_OUT].max())

    @property
    def has_images(self) -> bool:
        """Whether there is more than the layers of a perceptron."""
        return bool((self.ops[:, column.KIND] > column.DROPOUT).any())


def compile_chain(links: Sequence[Link], places: Mapping[str, int], states: Mapping[str, int]) -> Program:
    """Lay out a chain in memory.

    Args:
        places: where every parameter begins in the flat vector of all, by its name.
        states: where every running mean begins in the flat vector of running statistics, by its name.
    """
    links = _joined(_with_slopes(links))
    small = _is_small(links)
    inputs = math.prod(links[0].before)
    rows = [_row(link, places, states) for link in links]
    at, end, saved, choices, scratch = 0, inputs, 0, 0, 0
    if links[0].kind == "linear" and not small:
        at, end = -1, 0
    for number, (link, row) in enumerate(zip(links, rows, strict=True)):
        row[column.IN] = at
        follower = links[number + 1].kind if number + 1 < len(links) else ""
        if link.kind not in ("activation", "dropout"):
            # rows count from 1 where a batch is not in the arena, for 0 means the network's input
            end = max(end, 1)
            if link.kind == "convolution" and follower == "norm-pool":
                row[column.CODE] = rows[number + 1][column.CODE] = _sharing(link, first=at == 0)
            at, end = end, end + _kept(row)
        row[column.OUT] = at
        if link.kind == "linear" and follower == "activation":
            row[column.CODE], rows[number + 1][column.BIAS] = 1, row[column.BIAS]
        if link.kind in ("batch-norm", "norm-pool"):
            row[column.SAVED], saved = saved, saved + 2 * row[column.C]
        if link.kind in ("max-pool", "norm-pool"):
            row[column.CHOICE], choices = choices, choices + row[column.N_OUT]
        if link.kind == "convolution":
            scratch = max(scratch, _scratch(link, row[column.TRANSFORMED]))
    return Program(
        ops=np.array(rows, np.int64),
        numbers=np.array([[link.rate, link.momentum, link.eps] for link in links]),
        dropouts=tuple(map(_dropout, links)),
        inputs=inputs, outputs=math.prod(links[-1].after), units=end, saved=saved, choices=choices, scratch=scratch,
        small=small,
    )  # fmt: skip


def _scratch(link: Link, transformed: int) -> int:
    """Return how many float32 a convolution needs."""
    if transformed:
        return int(winograd.scratch_size(link.before[0], link.after[0]))
    return int(direct.scratch_size(*link.before, link.after[0], *link.kernel, link.padding))


def _sharing(link: Link, first: bool) -> int:
    """Say what a convolution shares with the batch norm, ReLU and max pooling after it."""
    products = link.before[0] * math.prod(link.kernel)
    return column.AS_ONE if first and products <= MOST_PRODUCTS else column.IN_PLACE


def _kept(row: list[int]) -> int:
    """Return how many values of a sample an operation's output needs memory for."""
    if row[column.KIND] == column.CONVOLUTION and row[column.CODE] == column.AS_ONE:
        return min(AT_ONCE, row[column.C_OUT]) * row[column.H_OUT] * row[column.W_OUT]
    return row[column.N_OUT]


def _with_slopes(links: Sequence[Link]) -> list[Link]:
    """Put an identity before every dropout that does not follow an activation: it keeps the mask as its slope."""
    chain: list[Link] = []
    for link in links:
        if link.kind == "dropout" and (not chain or chain[-1].kind not in ("activation", "dropout")):
            chain.append(Link("activation", "", link.before, link.after, "identity"))
        chain.append(link)
    return chain


def _joined(links: Sequence[Link]) -> list[Link]:
    """Make one link of batch norm, ReLU and max pooling in a row: the loops then pass once over the images."""
    chain: list[Link] = []
    for link in links:
        before = [(one.kind, one.activation) for one in chain[-2:]]
        if link.kind == "max-pool" and link.kernel[0] <= LARGEST_WINDOW and before == _BEFORE_POOLING:
            chain[-2:] = [replace(chain[-2], kind="norm-pool", after=link.after, kernel=link.kernel)]
        else:
            chain.append(link)
    return chain


_BEFORE_POOLING = [("batch-norm", ""), ("activation", "relu")]
LARGEST_WINDOW = 15
"""Side of a pooling window of which 8 bits can number every pixel, and none of them."""


def _is_small(links: Sequence[Link]) -> bool:
    if any(link.kind not in PERCEPTRON for link in links):
        return False
    sizes = [link.before[0] * link.after[0] for link in links if link.kind == "linear"]
    return max(sizes) <= SMALL and sum(sizes) <= SMALL_IN_ALL


_KINDS = {
    "linear": column.LINEAR,
    "activation": column.ACTIVATION,
    "dropout": column.DROPOUT,
    "convolution": column.CONVOLUTION,
    "batch-norm": column.BATCH_NORM,
    "max-pool": column.MAX_POOL,
    "average-pool": column.AVERAGE_POOL,
    "norm-pool": column.NORM_POOL,
}


def _row(link: Link, places: Mapping[str, int], states: Mapping[str, int]) -> list[int]:
    row = [0] * column.FIELDS
    row[column.KIND] = _KINDS[link.kind]
    row[column.CODE] = ACTIVATION_CODES[link.activation] if link.activation else int(link.alpha)
    row[column.N_IN], row[column.N_OUT] = math.prod(link.before), math.prod(link.after)
    row[column.WEIGHT] = places.get(f"{link.name}.weight", -1)
    row[column.BIAS] = places.get(f"{link.name}.bias", -1)
    row[column.STATE] = states.get(f"{link.name}.running_mean", -1)
    row[column.VARIANCE] = states.get(f"{link.name}.running_var", -1)
    row[column.C : column.W + 1] = _as_image(link.before)
    row[column.C_OUT : column.W_OUT + 1] = _as_image(link.after)
    row[column.KERNEL_H], row[column.KERNEL_W] = link.kernel
    row[column.STRIDE], row[column.PADDING] = link.stride, link.padding
    if link.kind == "convolution" and (*link.kernel, link.stride) == (3, 3, 1) and link.padding <= 2:
        row[column.TRANSFORMED] = int(winograd.pays(link.before[0], *link.after))
    return row


def _as_image(shape: tuple[int, ...]) -> list[int]:
    """[C, H, W] of a shape; features are channels of one pixel."""
    padded = (*shape, 1, 1, 1)[:3]
    return [padded[0], padded[1], math.prod(shape) // (padded[0] * padded[1])]


def _dropout(link: Link) -> tuple[int, str] | None:
    if link.rate == 0:
        return None
    return link.number, "dropconnect" if link.kind == "linear" else "dropout"
