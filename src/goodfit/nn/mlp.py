"""The multi-layer perceptron, for one network, as in a textbook."""

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import linear

from goodfit.config import MLP_DEPTH, MLP_WIDTH, Config
from goodfit.nn.activation_layers import activation_layer
from goodfit.nn.architecture import Architecture
from goodfit.nn.dropout import KeyedDropout, dropout_layer
from goodfit.nn.norm_layers import NORMS


class MLP(nn.Module):
    """Linear layers; between them normalisation, activation and dropout; DropConnect on the weights of all layers.

    Shape:
        input: [B, ...], flattened to [B, n_in]. output: [B, n_out].
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        hidden: Sequence[int],
        outputs: int,
        activation: str,
        dropout: float = 0.0,
        dropconnect: float = 0.0,
        norm: str = "none",
    ) -> None:
        super().__init__()
        sizes = [math.prod(input_shape), *hidden, outputs]
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes))
        self.norms = nn.ModuleList(NORMS[norm].features(units) for units in hidden)
        self.activations = nn.ModuleList(activation_layer(activation) for _ in hidden)
        self.dropouts = nn.ModuleList(dropout_layer(dropout, activation) for _ in hidden)
        self.connects = nn.ModuleList(KeyedDropout(dropconnect, purpose="dropconnect") for _ in self.layers)

    def forward(self, x: Tensor) -> Tensor:
        h = x.flatten(1)
        for number, (layer, connect) in enumerate(zip(self.layers, self.connects, strict=True)):
            assert isinstance(layer, nn.Linear) and isinstance(connect, KeyedDropout)
            # through the layer where nothing is dropped, so that whoever listens to its hooks hears it
            thinned = self.training and connect.active
            h = linear(h, connect(layer.weight), layer.bias) if thinned else layer(h)
            if number < len(self.activations):
                h = self.activations[number](self.norms[number](h))
                h = self.dropouts[number](h) if self.dropouts[number].active else h
        return h


def _build(config: Config, input_shape: Sequence[int], outputs: int) -> nn.Module:
    return MLP(input_shape, config.hidden, outputs, config.activation, config.dropout, config.dropconnect, config.norm)


PERCEPTRON = Architecture(
    build=_build,
    about="multi-layer perceptron: linear, normalisation, activation, dropout in each hidden layer",
    activation="relu",
    norm="none",
    width=MLP_WIDTH,
    width_means="units of each hidden layer; a list gives every layer its own",
    depth=MLP_DEPTH,
    depth_means="hidden layers",
    dropout="after every hidden layer",
    knows=("dropconnect",),
)
