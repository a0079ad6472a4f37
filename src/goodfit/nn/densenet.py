"""Densely connected networks (Huang et al. 2017): every layer sees the outputs of all layers before it in its block.

`densenet` is the variant of Zhang et al., Dive into Deep Learning, section 8.7: a stem with two halvings, four dense
blocks of four convolutions 3 x 3, channels halved in between. `densenet-bc` is the paper's for small images: no
halving in the stem, three dense blocks whose layers first narrow to 4k channels by a convolution 1 x 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.nn.activation_layers import activation_layer
from goodfit.nn.architecture import Architecture, channel_width, image_channels, in_order
from goodfit.nn.dropout import dropout_layer
from goodfit.nn.norm_layers import NORMS

SMALLEST, SMALLEST_BC = 29, 4
"""Pixels that leave one value for each channel after all halvings."""


class Appended(nn.Module):
    """The input with a layer's output behind its channels.

    Shape:
        input: [B, C, H, W]. output: [B, C + k, H, W].
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layer(x)], 1)


def convolution(config: Config, n_in: int, n_out: int, size: int) -> nn.Sequential:
    """Return normalisation, activation and a convolution that keeps the size."""
    return in_order(
        norm=NORMS[config.norm].channels(n_in),
        activation=activation_layer(config.activation),
        conv=nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=config.norm == "none"),
    )


def dense_block(config: Config, n_in: int, layers: int, growth: int, *, bottleneck: bool) -> nn.Sequential:
    """Return a block that appends `layers` times `growth` channels."""
    found = {}
    for number in range(layers):
        channels = n_in + number * growth
        if bottleneck:
            layer = in_order(
                narrow=convolution(config, channels, 4 * growth, 1), grow=convolution(config, 4 * growth, growth, 3)
            )
        else:
            layer = convolution(config, channels, growth, 3)
        found[f"layer{number + 1}"] = Appended(layer)
    return in_order(**found)


def transition(config: Config, n_in: int, n_out: int) -> nn.Sequential:
    """Return a convolution 1 x 1 to `n_out` channels and an average over 2 x 2 pixels."""
    return in_order(narrow=convolution(config, n_in, n_out, 1), pool=nn.AvgPool2d(2))


def _stages(
    config: Config, stem: nn.Module, channels: int, outputs: int, *, blocks: int, bottleneck: bool
) -> nn.Module:
    growth, layers = channel_width(config), config.depth or 0
    stages = {"stem": stem}
    for number in range(1, blocks + 1):
        stages[f"block{number}"] = dense_block(config, channels, layers, growth, bottleneck=bottleneck)
        channels += layers * growth
        if number < blocks:
            stages[f"transition{number}"] = transition(config, channels, channels // 2)
            channels //= 2
    return in_order(
        **stages,
        norm=NORMS[config.norm].channels(channels),
        activation=activation_layer(config.activation),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        dropout=dropout_layer(config.dropout, config.activation),
        head=nn.Linear(channels, outputs),
    )


def _densenet(config: Config, input_shape: Sequence[int], outputs: int) -> nn.Module:
    channels, first = image_channels(config, input_shape, SMALLEST), 2 * channel_width(config)
    stem = in_order(
        conv=nn.Conv2d(channels, first, 7, stride=2, padding=3, bias=config.norm == "none"),
        norm=NORMS[config.norm].channels(first),
        activation=activation_layer(config.activation),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )
    return _stages(config, stem, first, outputs, blocks=4, bottleneck=False)


def _densenet_bc(config: Config, input_shape: Sequence[int], outputs: int) -> nn.Module:
    channels, first = image_channels(config, input_shape, SMALLEST_BC), 2 * channel_width(config)
    stem = nn.Conv2d(channels, first, 3, padding=1, bias=config.norm == "none")
    return _stages(config, stem, first, outputs, blocks=3, bottleneck=True)


DENSENETS: dict[str, Architecture] = {
    "densenet": Architecture(
        build=_densenet,
        about="four dense blocks behind a stem that quarters height and width (Huang et al. 2017), images from 29 x 29",
        activation="relu",
        norm="batch",
        width=32,
        width_means="growth rate: channels that each layer adds; the stem has twice as many",
        depth=4,
        depth_means="layers of each dense block",
        dropout="before the linear layer",
    ),
    "densenet-bc": Architecture(
        build=_densenet_bc,
        about="three dense blocks with bottlenecks, for small images (Huang et al. 2017); 40 layers",
        activation="relu",
        norm="batch",
        width=12,
        width_means="growth rate: channels that each layer adds; the stem has twice as many",
        depth=6,
        depth_means="layers of each dense block, each of two convolutions",
        dropout="before the linear layer",
    ),
}
