"""Activations as layers, so that one can look into a network at each of them, and one that learns."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from goodfit.nn.activations import ACTIVATIONS, prelu


class Elementwise(nn.Module):
    """An activation of `goodfit.nn.ACTIVATIONS`, by its name.

    Shape:
        input: any. output: the same.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.name](x)

    def extra_repr(self) -> str:
        return self.name


class PReLU(nn.Module):
    """ReLU with one learned slope below 0 for the layer (He et al. 2015), 0.25 at the start, as `torch.nn.PReLU()`.

    Written out, because one member's numbers must not depend on those beside it. The authors train the slope
    without weight decay; here, as in PyTorch, the optimiser decays it like every other weight.

    Shape:
        input: any. output: the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return prelu(x, self.weight)


LEARNED_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"prelu": PReLU}
"""Activations with parameters: a layer of its own for each place where it stands."""


def activation_layer(name: str) -> nn.Module:
    """Return a layer for one place in a network."""
    return LEARNED_ACTIVATIONS[name]() if name in LEARNED_ACTIVATIONS else Elementwise(name)
