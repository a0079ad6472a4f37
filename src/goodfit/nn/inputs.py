"""Modules with several inputs."""

import math
from collections.abc import Sequence

from torch import Tensor, nn


class SeveralInputs(nn.Module):
    """Give a module its several inputs out of one flat sample, in which they lie one after the other.

    Args:
        module: takes one positional argument for each input.
        shapes: shape of each input for one sample.

    Shape:
        input: [B, sum of the inputs' sizes].
    """

    def __init__(self, module: nn.Module, shapes: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.module = module
        self.shapes = [tuple(shape) for shape in shapes]

    def forward(self, x: Tensor) -> Tensor:
        pieces = x.split([math.prod(shape) for shape in self.shapes], dim=1)
        inputs = [piece.reshape(-1, *shape) for piece, shape in zip(pieces, self.shapes, strict=True)]
        return self.module(*inputs)
