"""The multi-layer perceptron, for one network, as in a textbook."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from goodfit.nn.activations import Activation
from goodfit.randomness import keep_mask


class KeyedDropout(nn.Module):
    """Dropout whose mask is a hash of (key, element) instead of a draw from a global stream.

    The trainer sets `key` before every step; the same key gives the same mask in every kernel.
    Kept units are scaled by 1/(1-rate) in training; in evaluation nothing happens.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.key = 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = keep_mask(
            torch.tensor([self.key], device=x.device),
            torch.tensor([self.rate], device=x.device),
            tuple(x.shape),
        )
        return x * keep[0] / (1 - self.rate)


class MLP(nn.Module):
    """Linear layers with an activation and dropout between them.

    Shape:
        input: [B, ...], flattened to [B, n_in]. output: [B, n_out].
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        sizes = [math.prod(input_shape), *hidden, outputs]
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes))
        self.dropouts = nn.ModuleList(KeyedDropout(dropout) for _ in hidden)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(1)
        for layer, dropout in zip(self.layers, self.dropouts, strict=False):
            h = dropout(self.activation(layer(h)))
        return self.layers[-1](h)
