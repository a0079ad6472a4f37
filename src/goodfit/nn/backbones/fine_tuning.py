"""A backbone whose last blocks are trained further, each block at a rate of its own, under a new head."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from goodfit.errors import GoodfitError
from goodfit.nn.backbones.backbone import Backbone, Trunk, blocks
from goodfit.nn.dropout import KeyedDropout
from goodfit.wording import count


class TransferNetwork(nn.Module):
    """Backbone, dropout and a linear head. Frozen blocks stay in evaluation mode: their batch norms keep what they know.

    Args:
        unfreeze: blocks that train, counted from the output.
        layer_rate: factor of the learning rate from each block to the one before it; the head trains at the full rate.

    Shape:
        input: [B, *sample_shape], pixels in [0, 1] or floats as they are. output: [B, outputs].
    """

    def __init__(
        self, trunk: Trunk, features: int, outputs: int, unfreeze: int, layer_rate: float, dropout: float
    ) -> None:
        super().__init__()
        found = blocks(trunk.network)
        self.trunk = trunk
        self.rate_factors = {
            f"trunk.network.{name}": layer_rate**depth
            for depth, names in enumerate(reversed(found[-unfreeze:]), start=1)
            for name in names
        }
        trained = set(self.rate_factors)
        for name, parameter in trunk.named_parameters(prefix="trunk"):
            parameter.requires_grad_(name in trained)
        self.dropout = KeyedDropout(dropout)
        self.head = nn.Linear(features, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dropout(self.trunk(x)))

    def train(self, mode: bool = True) -> "TransferNetwork":
        super().train(mode)
        for layer in self.trunk.modules():
            parameters = list(layer.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                layer.eval()
        return self


@dataclass(frozen=True, eq=False, repr=False)
class FineTuning:
    """Factory of `TransferNetwork`s for `Config.model`; each starts from the pretrained weights.

    Raises:
        GoodfitError: fewer blocks than are to be trained, a factor that is none.
    """

    backbone: Backbone
    sample_shape: tuple[int, ...]
    outputs: int
    unfreeze: int
    layer_rate: float = 0.4
    dropout: float = 0.2

    def __post_init__(self) -> None:
        there = len(blocks(self.backbone.network()))
        if not 1 <= self.unfreeze <= there:
            raise GoodfitError(
                f"{count(self.unfreeze, 'block')} of backbone {self.backbone.name} to be trained: it has {there}, "
                f"so give 1 to {there}"
            )
        if not 0 < self.layer_rate <= 1:
            raise GoodfitError(f"the factor of the rate from block to block is {self.layer_rate:g}: give one in (0, 1]")
        # a config names its model by module and qualified name; equal names must mean equal networks
        words = (
            f"{self.backbone.name}, {self.unfreeze} of {there} blocks, x {self.layer_rate:g}, dropout {self.dropout:g}"
        )
        object.__setattr__(self, "__qualname__", f"{words}, {self.backbone.digest()[:16]}")

    def __call__(self) -> nn.Module:
        return TransferNetwork(
            Trunk(self.backbone, self.sample_shape), self.backbone.features, self.outputs, self.unfreeze, self.layer_rate,
            self.dropout,
        )  # fmt: skip

    def __repr__(self) -> str:
        return str(vars(self)["__qualname__"])

    def to_json(self) -> dict[str, Any]:
        """Return what builds the network, without weights, as JSON values."""
        return {
            "backbone": self.backbone.to_json(), "sample_shape": list(self.sample_shape), "outputs": self.outputs,
            "unfreeze": self.unfreeze, "layer_rate": self.layer_rate, "dropout": self.dropout,
        }  # fmt: skip

    @classmethod
    def restore(cls, stored: dict[str, Any]) -> "FineTuning":
        """Make a factory of what `to_json` gave; its networks get their weights from elsewhere."""
        try:
            backbone = Backbone.restore(stored["backbone"])
            rest = {name: stored[name] for name in ("outputs", "unfreeze", "layer_rate", "dropout")}
            return cls(backbone, tuple(stored["sample_shape"]), **rest)
        except (KeyError, TypeError, ValidationError):
            raise GoodfitError(
                "the stored network on a backbone was not written by goodfit: restore the model folder from a copy"
            ) from None
