"""What raw inputs go through before a network sees them: the kinds of preparation, and the part of a config that asks for one."""

from typing import Any, Protocol

import numpy as np

from goodfit.config import Config
from goodfit.data.decorrelation import Decorrelated
from goodfit.data.images import PixelPreparation
from goodfit.data.mapped import Rows
from goodfit.data.neighboured import Neighboured
from goodfit.data.preparation import TablePreparation


class Features(Protocol):
    """Features of images, as a preparation."""

    @property
    def before(self) -> PixelPreparation:
        """What reads the raw images."""
        ...

    def transform(self, images: np.ndarray | Rows) -> np.ndarray:
        """Return prepared features float32 [n, F] of raw images [n, C, H, W]."""
        ...

    def scaled(self, features: np.ndarray) -> np.ndarray:
        """Return prepared features, float32, of what `Extractor.features` gave."""
        ...

    def to_json(self) -> dict[str, Any]: ...

    def arrays(self) -> dict[str, np.ndarray]: ...


class Extractor(Protocol):
    """Makes features of images, such as a frozen backbone (`goodfit.nn.backbones.FrozenBackbone`)."""

    @property
    def digest(self) -> str:
        """Names all that the features depend on."""
        ...

    def features(self, images: np.ndarray | Rows) -> np.ndarray:
        """Return features float32 [n, F] of raw images [n, C, H, W]."""
        ...

    def fitted(self, features: np.ndarray) -> Features:
        """Return the preparation fitted on the features of the training part."""
        ...


Preparation = TablePreparation | PixelPreparation | Decorrelated | Neighboured | Features


def treatment(config: Config, is_table: bool) -> tuple[Any, ...]:
    """Return the part of a config that decides how the data are prepared."""
    scaled: tuple[Any, ...] = (config.numeric, config.bins if config.numeric == "piecewise" else 0)
    if not is_table:
        scaled = ("pixels",) if config.pixels == "standard" else ("pixels", config.pixels)
    if config.decorrelate != "none":
        scaled = (*scaled, config.decorrelate)
    return scaled if config.neighbours == "none" else (*scaled, "neighbours", config.neighbours)


def innermost(preparation: Preparation) -> TablePreparation | PixelPreparation:
    """Return what reads the raw inputs."""
    while not isinstance(preparation, TablePreparation | PixelPreparation):
        preparation = preparation.before
    return preparation
