"""A plain convolutional network: small, strong, and a chain, so that the compiled loops train it."""

from collections.abc import Sequence

from torch import nn

from goodfit.config import Config
from goodfit.nn.activation_layers import activation_layer
from goodfit.nn.architecture import Architecture, channel_width, image_channels, in_order
from goodfit.nn.dropout import dropout_layer
from goodfit.nn.norm_layers import NORMS


def _build(config: Config, input_shape: Sequence[int], outputs: int) -> nn.Module:
    depth = config.depth or 0
    channels = image_channels(config, input_shape, 2**depth)
    blocks = {}
    for number in range(depth):
        filters = channel_width(config) * 2**number
        blocks[f"block{number + 1}"] = _block(channels, filters, config)
        channels = filters
    height, width = (side // 2**depth for side in input_shape[1:])
    return in_order(
        **blocks,
        flatten=nn.Flatten(),
        dropout=dropout_layer(config.dropout, config.activation),
        head=nn.Linear(channels * height * width, outputs),
    )


def _block(channels: int, filters: int, config: Config) -> nn.Module:
    return in_order(
        # the normalisation's offset takes the place of a bias
        conv=nn.Conv2d(channels, filters, 3, padding=1, bias=config.norm == "none"),
        norm=NORMS[config.norm].channels(filters),
        activation=activation_layer(config.activation),
        pool=nn.MaxPool2d(2),
    )


CNN = Architecture(
    build=_build,
    about="blocks of convolution 3 x 3, normalisation, activation and max-pooling, then one linear layer",
    activation="relu",
    norm="batch",
    width=32,
    width_means="channels of the first block; each block has twice as many as the one before",
    depth=3,
    depth_means="blocks; each halves height and width",
    dropout="before the linear layer",
)
