"""The multi-layer perceptron, for one network, as in a textbook."""

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import linear

from goodfit.nn.activations import Activation
from goodfit.nn.dropout import KeyedDropout


class MLP(nn.Module):
    """Linear layers with an activation and dropout between them; DropConnect on the weights of all layers.

    Shape:
        input: [B, ...], flattened to [B, n_in]. output: [B, n_out].
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        activation: Activation,
        dropout: float = 0.0,
        dropconnect: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [math.prod(input_shape), *hidden, outputs]
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes))
        self.dropouts = nn.ModuleList(KeyedDropout(dropout) for _ in hidden)
        self.connects = nn.ModuleList(KeyedDropout(dropconnect, purpose="dropconnect") for _ in self.layers)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(1)
        for number, (layer, connect) in enumerate(zip(self.layers, self.connects, strict=True)):
            assert isinstance(layer, nn.Linear)
            h = linear(h, connect(layer.weight) if connect.active else layer.weight, layer.bias)
            if number < len(self.dropouts):
                h = self.activation(h)
                h = self.dropouts[number](h) if self.dropouts[number].active else h
        return h
