"""A network about to get its first weights, and what initialisers may use of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from goodfit.losses import RowLoss
from goodfit.nn.initialisers.distributions import Fans
from goodfit.nn.initialisers.laws import Law

Layer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
Norm = nn.modules.batchnorm._BatchNorm | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm
LawOfFans = Callable[[Fans], Law]


@dataclass(frozen=True)
class Sample:
    """Training samples for initialisers that look at data.

    Shape:
        x: [B, ...]. y: [B].
    """

    x: Tensor
    y: Tensor
    row_loss: RowLoss


@dataclass(frozen=True)
class Start:
    """What every initialiser is given.

    Attributes:
        generator_for: a generator for each name, drawn from the member's seed; layers ask by their own name.
        gain: what keeps the mean square through the network's activation (`goodfit.nn.mean_field.gain`).
        sample: None where the initialiser does not need data.
    """

    module: nn.Module
    generator_for: Callable[[str], Generator]
    gain: float
    sample: Sample | None = None

    def layers(self) -> dict[str, Layer]:
        """Return the linear layers and convolutions by name, in the order in which the module registered them."""
        return {name: layer for name, layer in self.module.named_modules() if isinstance(layer, Layer)}

    def branches(self) -> list["Branch"]:
        """Return the residual branches, in the order in which the module registered them.

        The rule: a residual block is a module with an attribute `branch` that is a module, whose output the block
        adds to its skip connection. Blocks of a user's own take part by that name.
        """
        found = [(name, module.branch) for name, module in self.module.named_modules() if _has_branch(module)]
        return [Branch(f"{name}.branch".lstrip("."), branch) for name, branch in found if isinstance(branch, nn.Module)]


@dataclass(frozen=True)
class Branch:
    """A residual branch and its name in the network."""

    name: str
    module: nn.Module

    def layers(self) -> dict[str, Layer]:
        """Return its linear layers and convolutions by their names in the network, in order."""
        named = self.module.named_modules(prefix=self.name)
        return {name: layer for name, layer in named if isinstance(layer, Layer)}

    def last(self) -> Layer | Norm | None:
        """Return the last layer, or the last norm where that comes later and has a scale."""
        found = [m for m in self.module.modules() if isinstance(m, Layer | Norm) and isinstance(m.weight, Tensor)]
        return found[-1] if found else None


def _has_branch(module: nn.Module) -> bool:
    return isinstance(getattr(module, "branch", None), nn.Module)


@torch.no_grad()
def fill_layers(start: Start, law: LawOfFans, bias: LawOfFans | None = None) -> None:
    """Draw every layer's weights, each from a generator of its own name; biases become 0 unless they have a law."""
    for name, layer in start.layers().items():
        generator, fans = start.generator_for(name), Fans.of(layer.weight, start.gain)
        law(fans).fill(layer.weight, generator)
        if layer.bias is not None and bias is not None:
            bias(fans).fill(layer.bias, generator)
        elif layer.bias is not None:
            layer.bias.zero_()


def middle(weight: Tensor) -> Tensor:
    """Return the view [n_out, n_in] of a weight at the centre of its kernel."""
    for size in weight.shape[2:]:
        weight = weight.select(2, size // 2)
    return weight
