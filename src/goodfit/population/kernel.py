"""What a kernel does: hold K members of one shape, step them, evaluate them, let some go.

The loop in `goodfit.population.loop` is written once against this interface.
"""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from goodfit.config import Config
from goodfit.population.problem import Part, Problem

EVALUATION_ROWS = 4096
"""Rows passed through the networks at once when no gradient is needed."""


class Kernel(Protocol):
    """K members, in an order that only `keep` changes."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None: ...

    def step(self, rows: Tensor, step: int, rates: Tensor) -> Tensor:
        """Take one optimiser step each.

        Shape:
            rows: int64 [K, B], the training rows of each member's batch. rates: float64 [K].
            returns: [K], the mean loss of each batch before the step.
        """
        ...

    def output(self, part: Part) -> Tensor:
        """Return every member's output in evaluation mode: [K, n, n_out]."""
        ...

    def weights(self, member: int) -> dict[str, Tensor]:
        """Return a copy of one member's weights, named as its module's `state_dict`, on the CPU."""
        ...

    def keep(self, members: Sequence[int]) -> None:
        """Let every member go that is not listed; the listed ones take the order given."""
        ...
