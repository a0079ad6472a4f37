"""What the units of a network do on given data: saturated, dead, and how mean and variance fare through depth."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.nn.activation_layers import Elementwise, PReLU
from goodfit.nn.dropout import KeyedDropout

SATURATED_BELOW = 0.05
"""A unit counts as saturated on a sample where its gradient is less than this share of the largest possible."""
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class UnitStatistics:
    """One layer on the data given. Units are features, or channels (all pixels of a channel count).

    Attributes:
        name: of the layer in its module. kind: the activation's name, or the layer's class.
        mean, variance: of all its outputs.
        saturated: float64 [units], share of the samples on which a unit's gradient is small; None where the layer is
            neither sigmoid nor tanh.
        dead: bool [units], units that are active on no sample at all, so that nothing can teach them with these
            data; None where the layer is not a ReLU.
    """

    name: str
    kind: str
    mean: float
    variance: float
    saturated: Tensor | None
    dead: Tensor | None


def unit_statistics(module: nn.Module, x: Tensor, *, saturated_below: float = SATURATED_BELOW) -> list[UnitStatistics]:
    """Pass samples through a network in evaluation mode; return what every layer did, in order.

    Layers are the modules without children. An activation that a module's `forward` calls as a function is no layer
    and stays unseen; the networks of `goodfit.nn.MODELS` have layers throughout.

    Args:
        x: samples [n, ...].
        saturated_below: share of the largest gradient below which a unit is saturated.
    """
    heard: dict[str, _Sums] = {}

    def listen(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def add(layer: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 1:
                heard.setdefault(name, _Sums(_kind(layer), saturated_below)).add(output)

        return layer.register_forward_hook(add)

    layers = [(name, layer) for name, layer in module.named_modules() if not list(layer.children())]
    # these pass their input on
    handles = [listen(name, layer) for name, layer in layers if not isinstance(layer, nn.Identity | KeyedDropout)]
    training = module.training
    try:
        with torch.no_grad():
            module.eval()
            for chunk in x.split(ROWS_AT_ONCE):
                module(chunk)
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    return [sums.statistics(name) for name, sums in heard.items()]


_KINDS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu", nn.ReLU6: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh", PReLU: "prelu", nn.PReLU: "prelu",
}  # fmt: skip

_GRADIENT_SHARE: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda y: 4 * y * (1 - y),
    "tanh": lambda y: 1 - y * y,
}
"""The gradient as a share of its maximum, from the activation's output."""


def _kind(layer: nn.Module) -> str:
    return layer.name if isinstance(layer, Elementwise) else _KINDS.get(type(layer), type(layer).__name__)


class _Sums:
    """Sums over the samples seen so far, in double precision."""

    def __init__(self, kind: str, saturated_below: float) -> None:
        self._kind, self._saturated_below = kind, saturated_below
        self._count = 0
        self._sum = self._squares = self._saturated = torch.zeros(1, dtype=torch.float64)
        self._highest = torch.tensor(-torch.inf)

    def add(self, output: Tensor) -> None:
        """Add a chunk of outputs [B, units, ...]."""
        units = output.movedim(1, 0).flatten(1).double()
        self._count += units.shape[1]
        self._sum = self._sum + units.sum(1)
        self._squares = self._squares + units.square().sum(1)
        self._highest = torch.maximum(self._highest, units.amax(1))
        if self._kind in _GRADIENT_SHARE:
            self._saturated = self._saturated + (_GRADIENT_SHARE[self._kind](units) < self._saturated_below).sum(1)

    def statistics(self, name: str) -> UnitStatistics:
        """Return what the sums say."""
        mean = float(self._sum.mean()) / self._count
        return UnitStatistics(
            name,
            self._kind,
            mean,
            float(self._squares.mean()) / self._count - mean**2,
            self._saturated / self._count if self._kind in _GRADIENT_SHARE else None,
            self._highest <= 0 if self._kind == "relu" else None,
        )
