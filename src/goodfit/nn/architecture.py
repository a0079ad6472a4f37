"""What a named model tells about itself, and what convolutional ones share."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from goodfit.config import Config
from goodfit.errors import GoodfitError

Build = Callable[[Config, Sequence[int], int], nn.Module]
"""(config with settled settings, shape of one sample, outputs) -> network."""


@dataclass(frozen=True)
class Architecture:
    """A named model: how to build it, and what the settings mean for it.

    Attributes:
        activation, norm: what `auto` stands for.
        width, depth: what None stands for; depth None is fixed by the name.
        dropout: where it is.
        knows: settings with a meaning for it beside width, depth, activation, norm, dropout.
    """

    build: Build
    about: str
    activation: str
    norm: str
    width: int
    width_means: str
    dropout: str
    depth: int | None = None
    depth_means: str = "fixed"
    knows: tuple[str, ...] = ()

    def settled(self, config: Config) -> Config:
        """Return a config of this model with its own values where the settings leave the choice to it.

        Raises:
            GoodfitError: a setting that has no meaning for the model.
        """
        self._refuse_unknown(config)
        changes: dict[str, object] = {}
        if config.activation == "auto":
            changes["activation"] = self.activation
        if config.norm == "auto":
            changes["norm"] = self.norm
        if config.width is None:
            changes["width"] = self.width
        if config.depth is None and self.depth is not None and not isinstance(config.width, tuple):
            changes["depth"] = self.depth
        return config.replace(**changes) if changes else config

    def _refuse_unknown(self, config: Config) -> None:
        if config.depth is not None and self.depth is None:
            raise GoodfitError(f"depth is {config.depth}: model '{config.model}' has a fixed depth, leave it out")
        if isinstance(config.width, tuple) and config.model != "mlp":
            raise GoodfitError(
                f"width is {config.width}: model '{config.model}' takes one number, its {self.width_means}"
            )
        for name in ("dropconnect", "skip"):
            if name not in self.knows and getattr(config, name) != Config.model_fields[name].default:
                raise GoodfitError(f"model '{config.model}' does not know the setting '{name}': leave it out")


def image_channels(config: Config, input_shape: Sequence[int], smallest: int) -> int:
    """Return the channels of a task's images.

    Raises:
        GoodfitError: the samples are no images, or smaller than `smallest` pixels in height or width.
    """
    if len(input_shape) != 3:
        shape = " x ".join(map(str, input_shape))
        raise GoodfitError(
            f"model '{config.model}' is for images [C, H, W] and a sample here has shape {shape}: choose model mlp"
        )
    channels, height, width = input_shape
    if min(height, width) < smallest:
        raise GoodfitError(
            f"model '{config.model}' needs images of at least {smallest} x {smallest} pixels, here they have "
            f"{height} x {width}: enlarge them or choose another model"
        )
    return channels


def channel_width(config: Config) -> int:
    """Return the settled width, which is one number for every model but the perceptron."""
    assert isinstance(config.width, int)
    return config.width


def in_order(**layers: nn.Module) -> nn.Sequential:
    """Return layers one after the other under their names, without those that do nothing."""
    return nn.Sequential(OrderedDict((n, layer) for n, layer in layers.items() if not isinstance(layer, nn.Identity)))
