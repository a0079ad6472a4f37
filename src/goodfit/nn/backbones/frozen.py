"""A frozen backbone as a preparation: raw images become features, which heads are trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from goodfit.data.images import PixelPreparation
from goodfit.data.mapped import Rows
from goodfit.errors import GoodfitError
from goodfit.memory import pieces
from goodfit.nn.backbones.backbone import Backbone, Trunk

_DAMAGED = "the stored backbone was not written by goodfit: restore the model folder from a copy"


@dataclass(frozen=True, eq=False)
class FrozenBackbone:
    """A backbone that is not trained, for images of one shape.

    Attributes:
        before: brings bytes to [0, 1] and checks size and kind of numbers.
        device: where features are computed.
    """

    backbone: Backbone
    before: PixelPreparation
    device: torch.device

    @cached_property
    def trunk(self) -> Trunk:
        """The network in evaluation mode."""
        return Trunk(self.backbone, self.before.size).eval().to(self.device)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that the features depend on."""
        return self.backbone.digest()

    @torch.no_grad()
    def features(self, images: np.ndarray | Rows) -> np.ndarray:
        """Return features float32 [n, F] of raw images [n, C, H, W], piece by piece."""
        found = [
            self.trunk(torch.from_numpy(self.before.transform(images[piece])).to(self.device)).cpu().numpy()
            for piece in pieces(len(images), images.shape[1:])
        ]
        return np.concatenate(found)

    def fitted(self, features: np.ndarray) -> "FrozenFeatures":
        """Return the preparation whose features have mean 0 and variance 1 on these [n, F], the training part's."""
        mean, scale = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
        return FrozenFeatures(self, mean, np.where(scale > 1e-8, scale, 1.0))


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """Features of a frozen backbone, standardised.

    Shape:
        mean, scale: float64 [F].
    """

    frozen: FrozenBackbone
    mean: np.ndarray
    scale: np.ndarray

    @property
    def before(self) -> PixelPreparation:
        """What reads the raw images."""
        return self.frozen.before

    def transform(self, images: np.ndarray | Rows) -> np.ndarray:
        """Return standardised features float32 [n, F] of raw images [n, C, H, W]."""
        return self.scaled(self.frozen.features(images))

    def scaled(self, features: np.ndarray) -> np.ndarray:
        """Return standardised features, float32."""
        return ((features - self.mean) / self.scale).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays, as JSON values."""
        return {"backbone": self.frozen.backbone.to_json(), "pixels": self.before.to_json()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return centre, scale and the backbone's weights."""
        weights = {f"weights/{name}": value.numpy() for name, value in self.frozen.backbone.weights.items()}
        return {"mean": self.mean, "scale": self.scale} | weights

    @classmethod
    def restore(cls, stored: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> "FrozenFeatures":
        """Make a preparation of what `to_json` and `arrays` gave."""
        weights = {
            n.removeprefix("weights/"): torch.from_numpy(a) for n, a in arrays.items() if n.startswith("weights/")
        }
        try:
            backbone = Backbone.restore(stored["backbone"], weights)
            mean, scale = arrays["mean"], arrays["scale"]
            before = PixelPreparation.restore(stored["pixels"])
        except (KeyError, TypeError, ValidationError):
            raise GoodfitError(_DAMAGED) from None
        return cls(FrozenBackbone(backbone, before, torch.device("cpu")), mean, scale)
