"""`Backbone`: a pretrained network without its head, as plain values and tensors."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.errors import GoodfitError
from goodfit.memory import rows_at_once
from goodfit.nn.backbones.inputs import Adapter, ImageInput
from goodfit.nn.backbones.kinds import build


@dataclass(frozen=True, eq=False, repr=False)
class Backbone:
    """A pretrained network without its head.

    Attributes:
        name: in words. kind: name in `goodfit.nn.backbones.kinds.KINDS`. description: what that kind builds it from.
        features: values that it makes of an image.
        weights: named as in the built network's `state_dict`; empty where they come from elsewhere.
    """

    name: str
    kind: str
    description: dict[str, Any]
    input: ImageInput
    features: int
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    def network(self) -> nn.Module:
        """Return the network, [B, *input.size] -> [B, features]."""
        network = build(self.kind, self.description)
        if self.weights:
            try:
                network.load_state_dict(dict(self.weights))
            except RuntimeError as error:
                first = str(error).splitlines()[-1].strip()
                raise GoodfitError(f"the weights of backbone {self.name} do not fit its description: {first}") from None
        return network

    def digest(self) -> str:
        """Return a SHA-256 over all that the features depend on."""
        found = hashlib.sha256(json.dumps(self.to_json() | {"name": ""}, sort_keys=True).encode())
        for name in sorted(self.weights):
            found.update(name.encode())
            found.update(self.weights[name].contiguous().flatten().view(torch.uint8).numpy().data)
        return found.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the weights, as JSON values."""
        return {
            "name": self.name, "kind": self.kind, "description": self.description,
            "input": self.input.model_dump(mode="json"), "features": self.features,
        }  # fmt: skip

    @classmethod
    def restore(cls, stored: dict[str, Any], weights: Mapping[str, Tensor] | None = None) -> "Backbone":
        """Make a backbone of what `to_json` gave."""
        wanted = ImageInput.model_validate(stored["input"])
        return cls(stored["name"], stored["kind"], stored["description"], wanted, stored["features"], weights or {})


class Trunk(nn.Module):
    """Adapter and backbone. Without gradients a few images at a time: those of a backbone can be large.

    Shape:
        input: [B, *sample_shape], pixels in [0, 1] or floats as they are. output: [B, features].
    """

    def __init__(self, backbone: Backbone, sample_shape: Sequence[int]) -> None:
        super().__init__()
        self.adapter = Adapter(backbone.input, sample_shape)
        self.network = backbone.network()
        self.at_once = rows_at_once(backbone.input.size)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() or len(x) <= self.at_once:
            return self.network(self.adapter(x))
        return torch.cat([self.network(self.adapter(piece)) for piece in x.split(self.at_once)])


def blocks(network: nn.Module) -> list[list[str]]:
    """Return the names of a network's parameters in its blocks, from input to output.

    A block is a numbered module (a stage, a layer of a transformer) or else a child; a block of nothing but
    normalisation belongs to the one before.
    """
    names = [name for name, _ in network.named_parameters()]
    common = _common_prefix([name.split(".") for name in names])
    found: dict[str, list[str]] = {}
    for name in names:
        path = name.split(".")
        first_number = next((k for k, piece in enumerate(path) if piece.isdigit()), common)
        found.setdefault(".".join(path[: first_number + 1]), []).append(name)
    of_norms = {
        f"{name}.{weight}"
        for name, module in network.named_modules()
        if "Norm" in type(module).__name__
        for weight, _ in module.named_parameters(recurse=False)
    }
    joined: list[list[str]] = []
    for members in found.values():
        if joined and of_norms.issuperset(members):
            joined[-1] += members
        else:
            joined.append(members)
    return joined


def _common_prefix(paths: list[list[str]]) -> int:
    """Return how many leading pieces all paths share, a parameter's own name left out."""
    shortest = min(len(path) for path in paths) - 1
    return next((k for k in range(shortest) if len({path[k] for path in paths}) > 1), shortest)
