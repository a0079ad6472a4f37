"""Image files to one array, all of one size."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from goodfit.errors import GoodfitError, MissingExtraError

if TYPE_CHECKING:
    from PIL.Image import Image

GREY_MODES = ("1", "L", "LA")
DEEP = "I;16"  # 16 bits a pixel, also as I;16B and I;16L
FLAT_MODES = ("I", "F")
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values that swap width and height

Result = TypeVar("Result")


def decode_images(files: list[Path], notes: list[str]) -> np.ndarray:
    """Return uint8 [n, C, H, W] of image files: upright, of their most common size, grey (C = 1) if all are grey.

    Headers are read first, pixels then one file at a time: only the result is held in memory.

    Args:
        notes: receives what was changed.

    Raises:
        GoodfitError: files that are no images (the first is named, all are counted), or of 32 bits a pixel.
        MissingExtraError: Pillow is not installed.
    """
    headers = _of_each(files, lambda _, image: (image.mode, _upright_size(image)))
    flat = [file for file, (mode, _) in zip(files, headers, strict=True) if mode in FLAT_MODES]
    if flat:
        raise GoodfitError(
            f"{flat[0]} has 32 bits a pixel, whose range is unknown: save it with 8 or 16, or give the arrays as an .npz file"
        )
    sizes = Counter(size for _, size in headers)
    size, count = sizes.most_common(1)[0]
    if len(sizes) > 1:
        notes.append(
            f"{len(files) - count} of {len(files)} images are resized to the most common size, {size[0]} x {size[1]}"
        )
    deep = sum(mode.startswith(DEEP) for mode, _ in headers)
    if deep:
        notes.append(f"{deep} of {len(files)} images have 16 bits a pixel: their upper 8 bits are used")
    grey = all(mode in GREY_MODES or mode.startswith(DEEP) for mode, _ in headers)
    pixels = np.empty((len(files), size[1], size[0], 1 if grey else 3), dtype=np.uint8)

    def fill(index: int, image: "Image") -> None:
        pixels[index] = _decode(image, size, "L" if grey else "RGB").reshape(pixels.shape[1:])

    _of_each(files, fill)
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def _of_each(files: list[Path], read: Callable[[int, "Image"], Result]) -> list[Result]:
    try:
        import PIL.Image
    except ImportError:
        raise MissingExtraError("Pillow", "images", "reading image files") from None
    results, bad = [], []
    for index, file in enumerate(files):
        try:
            with PIL.Image.open(file) as image:
                results.append(read(index, image))
        except Exception as error:  # a damaged file makes Pillow raise nearly anything
            bad.append((file, " ".join(str(error).split()) or type(error).__name__))
    if bad:
        others = f", nor can {len(bad) - 1} more" if len(bad) > 1 else ""
        raise GoodfitError(f"{bad[0][0]} cannot be read as an image ({bad[0][1]}){others}: mend or remove it")
    return results


def _upright_size(image: "Image") -> tuple[int, int]:
    # asked for the EXIF of a PNG that has none in front of its pixels, Pillow would decode all pixels to look behind
    known = image.format != "PNG" or "exif" in image.info
    turned = known and image.getexif().get(ORIENTATION) in TURNED
    return (image.height, image.width) if turned else (image.width, image.height)


def _decode(image: "Image", size: tuple[int, int], mode: str) -> np.ndarray:
    import PIL.Image
    import PIL.ImageOps

    upright: Image = PIL.ImageOps.exif_transpose(image)
    if upright.mode.startswith(DEEP):  # Pillow's own conversion cuts off above 255
        upright = PIL.Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    if upright.mode == "P":  # Pillow warns of palettes with transparency that go straight to RGB
        upright = upright.convert("RGBA")
    upright = upright.convert(mode)
    return np.asarray(upright if upright.size == size else upright.resize(size))
