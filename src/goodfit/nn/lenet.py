"""LeNet (LeCun et al. 1998) in its form with batch normalisation, for any image size from 16 x 16."""

from collections.abc import Sequence

from torch import nn

from goodfit.config import Config
from goodfit.nn.activation_layers import activation_layer
from goodfit.nn.architecture import Architecture, channel_width, image_channels, in_order
from goodfit.nn.dropout import dropout_layer
from goodfit.nn.norm_layers import NORMS

CHANNELS, UNITS = (6, 16), (120, 84)
SMALLEST = 16
"""Pixels that leave one value for each channel after two convolutions and two poolings."""


def _build(config: Config, input_shape: Sequence[int], outputs: int) -> nn.Module:
    channels = image_channels(config, input_shape, SMALLEST)
    first, second, third, fourth = (max(1, round(n * channel_width(config) / CHANNELS[0])) for n in (*CHANNELS, *UNITS))
    height, width = ((side - 4) // 2 for side in input_shape[1:])
    flat = second * ((height - 4) // 2) * ((width - 4) // 2)
    norm, name, rate = NORMS[config.norm], config.activation, config.dropout
    return in_order(
        conv1=nn.Conv2d(channels, first, 5),
        norm1=norm.channels(first),
        activation1=activation_layer(name),
        pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(first, second, 5),
        norm2=norm.channels(second),
        activation2=activation_layer(name),
        pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        linear1=nn.Linear(flat, third),
        norm3=norm.features(third),
        activation3=activation_layer(name),
        dropout1=dropout_layer(rate, name),
        linear2=nn.Linear(third, fourth),
        norm4=norm.features(fourth),
        activation4=activation_layer(name),
        dropout2=dropout_layer(rate, name),
        linear3=nn.Linear(fourth, outputs),
    )


LENET = Architecture(
    build=_build,
    about="two convolutions 5 x 5, three linear layers (LeCun et al. 1998), images from 16 x 16",
    activation="sigmoid",
    norm="batch",
    width=CHANNELS[0],
    width_means="channels of the first convolution; every other layer in proportion",
    dropout="after the first two linear layers",
)
