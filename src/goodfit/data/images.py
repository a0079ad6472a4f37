"""Images: a folder of class folders, an `.npz` file, and their preparation."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from goodfit.errors import GoodfitError, MissingExtraError, did_you_mean

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
IMAGE_ARRAYS = ("images", "image", "x", "x_train", "data", "arr_0")
LABEL_ARRAYS = ("labels", "label", "y", "y_train", "target", "targets", "arr_1")
LAYOUT = "a folder of class folders, such as images/cat/1.png and images/dog/2.png"


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 or float32 [n, C, H, W], labels as the user wrote them (None: none given), and notes."""

    images: np.ndarray
    labels: np.ndarray | None
    notes: list[str] = field(default_factory=list)


def read_image_folder(path: Path) -> ImageSet:
    """Read `path/<class>/<image>`, or images directly in `path` (no labels), in sorted order.

    All are brought to the most common size; grey only if all are grey.

    Raises:
        GoodfitError: another layout, an empty class, a file that is no image.
    """
    files = _images_in(path)
    classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not files and not classes:
        raise GoodfitError(f"{path} holds no images: expected {LAYOUT}")
    if files and classes:
        raise GoodfitError(f"{path} holds both images and folders: expected {LAYOUT}")
    labels = None
    if classes:
        of_class = {folder.name: _images_in(folder) for folder in classes}
        empty = [name for name, found in of_class.items() if not found]
        if empty:
            raise GoodfitError(f"{path / empty[0]} holds no images: expected {LAYOUT}")
        files = [file for found in of_class.values() for file in found]
        labels = np.array([name for name, found in of_class.items() for _ in found])
    notes: list[str] = []
    return ImageSet(_read_files(files, notes), labels, notes)


def read_npz(path: Path, target: str | None) -> ImageSet:
    """Read images and labels from the arrays of an `.npz` file (never pickled objects).

    Args:
        target: name of the label array; by default one of `LABEL_ARRAYS`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise GoodfitError(f"there is no file {path}{did_you_mean(path.name, beside)}: check the path") from None
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise GoodfitError(
            f"{path} is not a readable .npz file of plain arrays ({str(error).splitlines()[0]})"
        ) from None
    found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
    images = _pick(arrays, IMAGE_ARRAYS)
    labels = arrays.get(target) if target else _pick(arrays, LABEL_ARRAYS)
    if target and labels is None:
        raise GoodfitError(f"{path} has no array '{target}'{did_you_mean(target, arrays)}: it holds {found}")
    if images is None or images.ndim not in (3, 4):
        raise GoodfitError(
            f"{path} needs an array 'images' of [n, H, W], [n, H, W, C] or [n, C, H, W]: it holds {found}"
        )
    if labels is not None and labels.shape != (len(images),):
        raise GoodfitError(
            f"{path} has {len(images)} images but labels of shape {labels.shape}: one label each is needed"
        )
    images, how = _channels_first(images)
    images = images if images.dtype == np.uint8 else images.astype(np.float32)
    return ImageSet(images, labels, [f"{path.name}: images are read as {how}"])


class PixelPreparation(BaseModel):
    """Centre and scale for each channel, fitted on the training part; bytes are first brought to [0, 1]."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[int, int, int]
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, images: np.ndarray) -> "PixelPreparation":
        """Fit on images [n, C, H, W]."""
        pixels = _unit(images)
        scale = pixels.std(axis=(0, 2, 3), dtype=np.float64)
        return cls(
            size=tuple(images.shape[1:]),
            mean=tuple(pixels.mean(axis=(0, 2, 3), dtype=np.float64).tolist()),
            scale=tuple(np.where(scale > 1e-8, scale, 1.0).tolist()),
        )

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Return float32 [n, C, H, W]; images of another size are an error."""
        if not isinstance(images, np.ndarray) or images.ndim != 4 or tuple(images.shape[1:]) != self.size:
            got = " x ".join(map(str, images.shape[1:]))
            raise GoodfitError(
                f"the images are {got}: the model was trained on {' x '.join(map(str, self.size))} (channels, height, width)"
            )
        mean, scale = (np.array(v, dtype=np.float32)[:, None, None] for v in (self.mean, self.scale))
        return (_unit(images) - mean) / scale

    def to_json(self) -> dict[str, Any]:
        """Return the fitted values as JSON."""
        return self.model_dump(mode="json")

    @classmethod
    def restore(cls, stored: dict[str, Any]) -> "PixelPreparation":
        """Make a preparation of what `to_json` gave."""
        try:
            return cls.model_validate(stored)
        except ValidationError:
            raise GoodfitError(
                "the stored image preparation was not written by goodfit: restore the model folder from a copy"
            ) from None


def _unit(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else images.astype(np.float32)


def _images_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in ENDINGS and not p.name.startswith("."))


def _pillow() -> ModuleType:
    try:
        import PIL.Image
    except ImportError:
        raise MissingExtraError("Pillow", "images", "reading image files") from None
    return PIL.Image


def _read_files(files: list[Path], notes: list[str]) -> np.ndarray:
    pillow = _pillow()
    images = []
    for file in files:
        try:
            with pillow.open(file) as image:
                images.append(image.convert("L" if image.mode in ("1", "L", "I", "I;16", "F") else "RGB"))
        except (OSError, ValueError, pillow.DecompressionBombError) as error:
            raise GoodfitError(f"{file} cannot be read as an image ({error}): mend or remove it") from None
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    sizes = Counter(image.size for image in images)
    size, count = sizes.most_common(1)[0]
    if len(sizes) > 1:
        notes.append(
            f"{len(images) - count} of {len(images)} images are resized to the most common size, {size[0]} x {size[1]}"
        )
    arrays = [
        np.asarray(image.convert(mode).resize(size) if image.size != size else image.convert(mode)) for image in images
    ]
    stacked = np.stack(arrays)
    return np.ascontiguousarray(stacked[:, None] if mode == "L" else stacked.transpose(0, 3, 1, 2))


def _pick(arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray | None:
    lower = {name.lower(): array for name, array in arrays.items()}
    return next((lower[name] for name in names if name in lower), None)


def _channels_first(images: np.ndarray) -> tuple[np.ndarray, str]:
    if images.ndim == 3:
        return images[:, None], "[n, H, W], one channel"
    if images.shape[1] in (1, 3, 4) and images.shape[3] not in (1, 3, 4):
        return images, "[n, C, H, W]"
    if images.shape[3] in (1, 3, 4):
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), "[n, H, W, C]"
    return images, "[n, C, H, W]"
