"""From images of any size to what a backbone was trained on: channels, size, normalisation."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat
from torch import Tensor, nn
from torch.nn.functional import interpolate

from goodfit.errors import GoodfitError

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601), as Pillow has them."""

Pixels = Annotated[int, Field(strict=True, ge=1)]


class ImageInput(BaseModel):
    """What a backbone was trained on.

    Attributes:
        size: channels, height, width. mean, scale: of each channel, of pixels in [0, 1] (bytes) or as they are (floats).
        resample: how other sizes are brought to this one. order: which of the colours comes first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[Pixels, Pixels, Pixels]
    values: Literal["bytes", "floats"]
    mean: tuple[FiniteFloat, ...]
    scale: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    resample: Literal["bilinear", "bicubic"] = "bilinear"
    order: Literal["rgb", "bgr"] = "rgb"


class Adapter(nn.Module):
    """Channels, size and normalisation of a backbone.

    Resizing is PyTorch's antialiased interpolation. That is linear and works axis by axis, so it is done as two matrix
    products, which `torch.func` can vectorise. The whole picture is resized: nothing is cut off, sides may be stretched.

    Shape:
        input: [B, C, H, W] of `sample_shape`. output: [B, *wanted.size].
    """

    across: Tensor
    down: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, wanted: ImageInput, sample_shape: Sequence[int]) -> None:
        super().__init__()
        channels, height, width = sample_shape
        self.channels = channels, wanted.size[0]
        if self.channels not in ((1, 3), (3, 1)) and channels != wanted.size[0]:
            raise GoodfitError(
                f"the images have {channels} channels and the backbone was trained on {wanted.size[0]}: only grey and colour "
                "are turned into one another"
            )
        self.reverses = wanted.order == "bgr" and channels == wanted.size[0] == 3
        self.resizes = (height, width) != wanted.size[1:]
        buffers = {
            "down": resizing(height, wanted.size[1], wanted.resample),
            "across": resizing(width, wanted.size[2], wanted.resample),
            "mean": torch.tensor(wanted.mean)[:, None, None],
            "scale": torch.tensor(wanted.scale)[:, None, None],
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)  # it follows from the description

    def forward(self, x: Tensor) -> Tensor:
        if self.channels == (3, 1):
            red, green, blue = LUMA
            x = red * x[:, 0:1] + green * x[:, 1:2] + blue * x[:, 2:3]
        elif self.channels == (1, 3):
            x = torch.cat([x, x, x], dim=1)
        elif self.reverses:
            x = x.flip(1)
        if self.resizes:
            x = self.down @ x @ self.across.mT
        return (x - self.mean) / self.scale


def resizing(old: int, new: int, resample: str) -> Tensor:
    """Return the matrix [new, old] that resizes one axis."""
    columns = torch.eye(old).reshape(1, 1, old, old)
    resized = interpolate(columns, size=(new, old), mode=resample, align_corners=False, antialias=True)
    return resized.reshape(new, old)
