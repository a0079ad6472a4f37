"""Dropout whose mask is a hash of (key, element) instead of a draw from a global stream."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.nn.activations import SELU_ALPHA, SELU_LAMBDA
from goodfit.randomness import dropout_keys, keep_mask

SELU_FLOOR = -SELU_LAMBDA * SELU_ALPHA
"""What SELU tends to for large negative inputs: what alpha-dropout puts in the place of a dropped value."""


class KeyedDropout(nn.Module):
    """Dropout with a mask that the trainer determines by setting `key` before every step.

    The same key gives the same mask in every kernel. What stays is scaled by 1/(1-rate) in training; in evaluation
    nothing happens. Key and rate are buffers, so that a population can give every member its own.

    Args:
        rate: share that is dropped.
        channels: drop whole channels of [B, C, ...], as `torch.nn.Dropout2d`.
        alpha: alpha-dropout (Klambauer et al. 2017, section 3), as `torch.nn.AlphaDropout`: what is dropped becomes
            `SELU_FLOOR`, and all is scaled and shifted so that mean 0 and variance 1 are kept.
        purpose: names the draw; `dropconnect` where weights rather than units are dropped.
    """

    key: Tensor
    rate: Tensor

    def __init__(self, rate: float, *, channels: bool = False, alpha: bool = False, purpose: str = "dropout") -> None:
        super().__init__()
        self.active, self.channels, self.alpha, self.purpose = rate > 0, channels, alpha, purpose
        self.register_buffer("rate", torch.tensor(rate, dtype=torch.float64), persistent=False)
        self.register_buffer("key", torch.tensor(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.active:
            return x
        drawn = x.shape[:2] if self.channels else x.shape
        elements = torch.arange(drawn.numel(), dtype=torch.int32, device=x.device).reshape(1, *drawn)
        keep = keep_mask(self.key.reshape(1), self.rate.reshape(1), elements)[0]
        if self.alpha:
            return alpha_drop(x, keep, self.rate)
        scale = (1 / (1 - self.rate)).to(x.dtype)
        return x * (keep * scale).reshape(*drawn, *[1] * (x.ndim - len(drawn)))

    def extra_repr(self) -> str:
        return f"{'alpha, ' * self.alpha}{'channels, ' * self.channels}{self.purpose}"


def alpha_drop(x: Tensor, keep: Tensor, rate: Tensor) -> Tensor:
    """Return a (x where kept, `SELU_FLOOR` elsewhere) + b, with a and b such that mean 0 and variance 1 are kept.

    Shape:
        x, keep (bool): any. rate: float64, such that it broadcasts against them.
    """
    scale = 1 / torch.sqrt((1 - rate) * (1 + rate * SELU_FLOOR**2))
    shift = -scale * rate * SELU_FLOOR
    return torch.where(keep, x * scale.to(x.dtype) + shift.to(x.dtype), (scale * SELU_FLOOR + shift).to(x.dtype))


def dropout_layer(rate: float, activation: str) -> KeyedDropout:
    """Return the dropout that belongs after an activation: alpha-dropout after SELU."""
    return KeyedDropout(rate, alpha=activation == "selu")


def key_dropouts(module: nn.Module) -> nn.Module:
    """Replace PyTorch's dropout layers in a module by keyed ones, in place; return the module."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
            setattr(module, name, KeyedDropout(child.p, channels=True))
        elif isinstance(child, nn.Dropout | nn.AlphaDropout):
            setattr(module, name, KeyedDropout(child.p, alpha=isinstance(child, nn.AlphaDropout)))
        else:
            key_dropouts(child)
    return module


def keyed_dropouts(module: nn.Module) -> Iterator[tuple[str, KeyedDropout, int]]:
    """Yield every keyed layer with its name and its number among those of its purpose."""
    seen: dict[str, int] = {}
    for name, layer in module.named_modules():
        if isinstance(layer, KeyedDropout):
            yield name, layer, seen.setdefault(layer.purpose, 0)
            seen[layer.purpose] += 1


def step_key(layer: KeyedDropout, number: int, seed: int, step: int) -> int:
    """Return the key of a layer for one step, as int64."""
    return int(dropout_keys(seed, np.array([step]), number, layer.purpose).view(np.int64)[0])
