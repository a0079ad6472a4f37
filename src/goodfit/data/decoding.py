"""Image files to one array, all of one size, in memory or (where that is too small) on disk."""

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from goodfit.data.mapped import keep_pixels
from goodfit.errors import GoodfitError, MissingExtraError
from goodfit.memory import too_large

if TYPE_CHECKING:
    from PIL.Image import Image

GREY_MODES = ("1", "L", "LA")
DEEP = "I;16"  # 16 bits a pixel, also as I;16B and I;16L
FLAT_MODES = ("I", "F")
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that swap width and height

FILES_AT_ONCE = 256
"""Files read together by all threads."""

Result = TypeVar("Result")


def decode_images(files: list[Path], notes: list[str], shape: tuple[int, int, int] | None = None) -> np.ndarray:
    """Return uint8 [n, C, H, W] of image files: upright, of their most common size, grey (C = 1) if all are grey.

    Headers are read first, pixels then a few files at a time: only the result is held in memory. Where that does
    not fit, it is written to disk and memory-mapped (`goodfit.data.mapped.keep_pixels`).

    Args:
        notes: receives what was changed.
        shape: channels (1 or 3), height and width to bring all to, instead of what most have.

    Raises:
        GoodfitError: files that are no images (the first is named, all are counted), or of 32 bits a pixel.
        MissingExtraError: Pillow is not installed.
    """
    headers = list(_of_each(files, lambda image: (image.mode, _upright_size(image))))
    flat = [file for file, (mode, _) in zip(files, headers, strict=True) if mode in FLAT_MODES]
    if flat:
        raise GoodfitError(
            f"{flat[0]} has 32 bits a pixel, whose range is unknown: save it with 8 or 16, or give the arrays as an .npz file"
        )
    sizes = Counter(size for _, size in headers)
    size, whose = sizes.most_common(1)[0][0], "the most common size"
    if shape:
        size, whose = (shape[2], shape[1]), "what the model was trained on"
    resized = len(files) - sizes[size]
    if resized:
        notes.append(f"{resized} of {len(files)} images are resized to {whose}, {size[0]} x {size[1]}")
    deep = sum(mode.startswith(DEEP) for mode, _ in headers)
    if deep:
        notes.append(f"{deep} of {len(files)} images have 16 bits a pixel: their upper 8 bits are used")
    grey = all(mode in GREY_MODES or mode.startswith(DEEP) for mode, _ in headers)
    channels = shape[0] if shape else 1 if grey else 3
    if shape and channels == 1 and not grey:
        notes.append("colour images are turned to grey, which the model was trained on")
    whole = (len(files), channels, size[1], size[0])
    decoded = _of_each(files, lambda image: _decode(image, size, "L" if channels == 1 else "RGB"))
    if too_large(math.prod(whole)):
        return keep_pixels(files, whole, decoded, notes)
    pixels = np.empty(whole, dtype=np.uint8)
    for place, one in enumerate(decoded):
        pixels[place] = one
    return pixels


def _of_each(files: list[Path], read: Callable[["Image"], Result]) -> Iterator[Result]:
    """Yield what is read from each image, in order; several threads read. At the end the unreadable ones are named."""
    try:
        import PIL.Image
    except ImportError:
        raise MissingExtraError("Pillow", "images", "reading image files") from None
    PIL.Image.init()  # which Pillow does when it first needs to, but not safely in several threads
    bad: list[tuple[Path, str]] = []

    def attempt(file: Path) -> tuple[Result] | str:
        try:
            with PIL.Image.open(file) as image:
                return (read(image),)
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            return " ".join(str(error).split()) or type(error).__name__

    with ThreadPoolExecutor(os.cpu_count(), "goodfit-images") as pool:
        for start in range(0, len(files), FILES_AT_ONCE):
            together = files[start : start + FILES_AT_ONCE]
            for file, outcome in zip(together, pool.map(attempt, together), strict=True):
                if isinstance(outcome, str):
                    bad.append((file, outcome))
                else:
                    yield outcome[0]
    if bad:
        others = f", nor can {len(bad) - 1} more" if len(bad) > 1 else ""
        raise GoodfitError(f"{bad[0][0]} cannot be read as an image ({bad[0][1]}){others}: mend or remove it")


def _upright_size(image: "Image") -> tuple[int, int]:
    # asked for the EXIF of a PNG that has none in front of its pixels, Pillow would decode all pixels to look behind
    known = image.format != "PNG" or "exif" in image.info
    turned = known and image.getexif().get(ORIENTATION) in TURNED
    return (image.height, image.width) if turned else (image.width, image.height)


def _decode(image: "Image", size: tuple[int, int], mode: str) -> np.ndarray:
    """Return the pixels [C, H, W]."""
    import PIL.Image
    import PIL.ImageOps

    upright: Image = PIL.ImageOps.exif_transpose(image)
    if upright.mode.startswith(DEEP):  # Pillow's own conversion cuts off above 255
        upright = PIL.Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode == "P":  # Pillow warns of palettes with transparency that go straight to RGB
        upright = upright.convert("RGBA")
    upright = upright.convert(mode)
    pixels = np.asarray(upright if upright.size == size else upright.resize(size))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
