"""Augmentation of images: random changes that leave the label true, as operations on whole batches.

`change(x, u, ...)` takes images [N, C, H, W] and uniform draws [N, draws] in [0, 1), and returns new images. Adding one
is adding one entry to `AUGMENTATIONS`. Images are as networks see them: standardised, so that 0 is the training
pixels' mean and 1 their standard deviation. What moves in from outside repeats the border.

Like every draw, these are keyed: by (seed, `augment`, step, place in the batch). Operations are such that an image's
result does not depend on the images beside it, to the last bit (see docs/design.md).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from goodfit.calls import bind, find, read_call
from goodfit.errors import GoodfitError
from goodfit.randomness import dropout_keys, uniform_bits

_WHAT = "setting 'augment'"
_DRAWN_BITS = 24
"""Of a uniform draw: as many as float32 holds."""


def flip(x: Tensor, u: Tensor, chance: float = 0.5) -> Tensor:
    """Mirror left and right with a chance."""
    return torch.where(_each(u[:, 0] < chance), x.flip(3), x)


def crop(x: Tensor, u: Tensor, pixels: int = 2) -> Tensor:
    """Shift by up to so many pixels each way: the crop of an image that was padded by them."""
    height, width = x.shape[2:]
    down, right = ((u * (2 * pixels + 1)).long() - pixels).unbind(1)
    rows = (torch.arange(height, device=x.device) + down[:, None]).clamp(0, height - 1)
    columns = (torch.arange(width, device=x.device) + right[:, None]).clamp(0, width - 1)
    place = rows[:, :, None] * width + columns[:, None, :]
    return x.flatten(2).gather(2, place.flatten(1)[:, None].expand(-1, x.shape[1], -1)).reshape(x.shape)


def rotation(x: Tensor, u: Tensor, degrees: float = 10.0) -> Tensor:
    """Turn about the centre by up to so many degrees each way, read linearly between pixels."""
    angles = [math.radians(degrees) * (2 * draw - 1) for draw in u[:, 0].tolist()]
    # one by one: vectorised sine and cosine round differently at the end of a tensor
    cosine, sine = (torch.tensor([f(a) for a in angles], device=x.device) for f in (math.cos, math.sin))
    down, right = _offsets(x)
    cosine, sine = cosine[:, None, None], sine[:, None, None]
    return _sampled(x, cosine * down + sine * right, cosine * right - sine * down)


def scale(x: Tensor, u: Tensor, share: float = 0.1) -> Tensor:
    """Enlarge or shrink about the centre by up to a share."""
    factor = (1 + share * (2 * u[:, 0] - 1))[:, None, None]
    down, right = _offsets(x)
    return _sampled(x, down / factor, right / factor)


def brightness(x: Tensor, u: Tensor, strength: float = 0.2) -> Tensor:
    """Add up to so many standard deviations of the pixels, each way."""
    return x + _each(strength * (2 * u[:, 0] - 1))


def contrast(x: Tensor, u: Tensor, strength: float = 0.2) -> Tensor:
    """Stretch the distance to the image's mean by a factor from 1 - strength to 1 + strength."""
    middle = _each(_mean(x.flatten(1)))
    return middle + _each(1 + strength * (2 * u[:, 0] - 1)) * (x - middle)


def saturation(x: Tensor, u: Tensor, strength: float = 0.2) -> Tensor:
    """Stretch the distance to grey by a factor from 1 - strength to 1 + strength; grey images stay as they are."""
    grey = sum(x.unbind(1)[1:], x[:, 0])[:, None] / x.shape[1]
    return grey + _each(1 + strength * (2 * u[:, 0] - 1)) * (x - grey)


def erasing(x: Tensor, u: Tensor, chance: float = 0.5, largest: float = 0.33) -> Tensor:
    """With a chance set a rectangle to 0: of 2 % to `largest` of the area, 0.3 to 3.3 as high as wide."""
    height, width = x.shape[2:]
    area = (0.02 + (largest - 0.02) * u[:, 1]) * (height * width)
    ratio = 0.3 + 3 * u[:, 2]
    tall, wide = ((area * ratio).sqrt().round().clamp(1, height), (area / ratio).sqrt().round().clamp(1, width))
    top, left = (u[:, 3] * (height - tall + 1)).floor(), (u[:, 4] * (width - wide + 1)).floor()
    rows, columns = (torch.arange(n, device=x.device)[None] for n in (height, width))
    down = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    across = (columns >= left[:, None]) & (columns < (left + wide)[:, None]) & (u[:, :1] < chance)
    return torch.where((down[:, :, None] & across[:, None, :])[:, None], torch.zeros((), device=x.device), x)


@dataclass(frozen=True)
class Augmentation:
    """An entry: the change, its uniform draws for each image, and the range of each argument."""

    change: Callable[..., Tensor]
    draws: int
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


AUGMENTATIONS: dict[str, Augmentation] = {
    "flip": Augmentation(flip, 1, {"chance": (0, 1)}),
    "crop": Augmentation(crop, 2, {"pixels": (0, 1000)}),
    "rotation": Augmentation(rotation, 1, {"degrees": (0, 180)}),
    "scale": Augmentation(scale, 1, {"share": (0, 0.9)}),
    "brightness": Augmentation(brightness, 1, {"strength": (0, 10)}),
    "contrast": Augmentation(contrast, 1, {"strength": (0, 1)}),
    "saturation": Augmentation(saturation, 1, {"strength": (0, 1)}),
    "erasing": Augmentation(erasing, 5, {"chance": (0, 1), "largest": (0.02, 1)}),
}


@lru_cache
def read_augmentation(text: str) -> tuple[Augmentation, Mapping[str, Any]]:
    """Read `name` or `name(arguments)`; return the entry and its arguments.

    Raises:
        GoodfitError: an unknown name, or an argument that it does not take or that is out of range.
    """
    call = read_call(text, _WHAT)
    entry = AUGMENTATIONS[find(call, AUGMENTATIONS, _WHAT)]
    arguments = bind(call, entry.change, 2, _WHAT)
    for name, value in arguments.items():
        low, high = entry.ranges[name]
        if not low <= value <= high:
            raise GoodfitError(f"{_WHAT} is '{text}': '{name}' is {value:g}, it must lie between {low:g} and {high:g}")
    return entry, arguments


def augment(x: Tensor, names: Sequence[str], seeds: Sequence[int], first_step: int) -> Tensor:
    """Return changed copies of the samples of members that are augmented alike.

    Args:
        names: as in `Config.augment`, applied one after the other.
        seeds: the members'.
        first_step: number of the first of the S steps.

    Shape:
        x: [K, S, B, C, H, W]. returns: the same.
    """
    members, steps, rows = x.shape[:3]
    images = x.flatten(0, 2)
    for place, name in enumerate(names):
        entry, arguments = read_augmentation(name)
        numbers = first_step + np.arange(steps)
        keys = np.concatenate([dropout_keys(seed, numbers, place, "augment") for seed in seeds]).view(np.int64)
        elements = torch.arange(rows * entry.draws, dtype=torch.int32, device=x.device)[None]
        bits = uniform_bits(torch.from_numpy(keys).to(x.device), elements) >> (31 - _DRAWN_BITS)
        u = (bits * 2.0**-_DRAWN_BITS).reshape(members * steps * rows, entry.draws)
        images = entry.change(images, u, **arguments)
    return images.reshape(x.shape)


def _each(values: Tensor) -> Tensor:
    """[N] to [N, 1, 1, 1]."""
    return values[:, None, None, None]


def _mean(values: Tensor) -> Tensor:
    """Return the mean of each row [N, n] by halving: PyTorch's sum adds one row alone in another order."""
    count = values.shape[1]
    while values.shape[1] > 1:
        half = (values.shape[1] + 1) // 2
        head, tail = values[:, :half], values[:, half:]
        values = torch.cat([head[:, : tail.shape[1]] + tail, head[:, tail.shape[1] :]], 1)
    return values[:, 0] / count


def _offsets(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return every pixel's distance from the centre, in pixels: downwards [H, 1] and to the right [1, W]."""
    height, width = x.shape[2:]
    down = torch.arange(height, device=x.device) - (height - 1) / 2
    right = torch.arange(width, device=x.device) - (width - 1) / 2
    return down[:, None], right[None, :]


def _sampled(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Return images whose pixels are read off x at distances from its centre [N, H, W], linearly between pixels."""
    height, width = x.shape[2:]
    # grid_sample counts in half heights and widths
    shape = (len(x), height, width)
    grid = torch.stack([right.expand(shape) * (2 / width), down.expand(shape) * (2 / height)], dim=-1)
    return grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
