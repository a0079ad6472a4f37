"""What a kernel does: hold K members of one shape, step them, evaluate them, let some go.

The loop in `goodfit.population.loop` is written once against this interface.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from goodfit.config import Config
from goodfit.population.problem import Part, Problem


@dataclass(frozen=True)
class Batches:
    """What every member sees in S consecutive steps.

    Shape:
        part: the samples; `part.y` is [n], or [K, n] where labels differ between members.
        rows: K times int64 [S, B], rows of `part`. A batch with fewer than B rows is filled up by repeating its first.
        counts: int64 [K, S], how many rows of each batch are real.
        mix: float32 [K, S], share of a row's own sample in it, the rest is the sample opposite in the batch
            (Mixup); 1 is none.
        rates: float64 [K, S], learning rates.
        first_step: steps that every member has taken before.
    """

    part: Part
    rows: list[np.ndarray]
    counts: np.ndarray
    mix: np.ndarray
    rates: np.ndarray
    first_step: int

    @property
    def steps(self) -> int:
        """S."""
        return self.counts.shape[1]

    def between(self, start: int, stop: int) -> "Batches":
        """Return steps start ... stop - 1, counted from the first of these."""
        return Batches(
            self.part, [rows[start:stop] for rows in self.rows], self.counts[:, start:stop], self.mix[:, start:stop],
            self.rates[:, start:stop], self.first_step + start,
        )  # fmt: skip

    def targets(self, member: int) -> Tensor:
        """Return the targets [n] that a member sees."""
        return self.part.y[member] if self.part.y.ndim == 2 else self.part.y


Snapshot = Callable[[], dict[str, Tensor]]
"""Weights kept as they were at some step: called, it names them as the module's `state_dict`, on the CPU."""


class Kernel(Protocol):
    """K members, in an order that only `keep` changes."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None: ...

    def advance(self, batches: Batches) -> np.ndarray:
        """Take S optimiser steps each; return the mean loss of every batch before its step: float64 [K, S]."""
        ...

    def output(self, part: Part, members: Sequence[int]) -> Tensor:
        """Return these members' outputs in evaluation mode: [len(members), n, n_out]."""
        ...

    def snapshot(self, member: int) -> Snapshot:
        """Copy one member's weights as they are now."""
        ...

    def keep(self, members: Sequence[int]) -> None:
        """Let every member go that is not listed; the listed ones take the order given."""
        ...
