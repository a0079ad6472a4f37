"""Images: a folder of class folders, an `.npz` file, a folder of `.npy` files, and their preparation."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from goodfit.data.decoding import decode_images
from goodfit.data.mapped import Rows
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.memory import pieces

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
IMAGE_ARRAYS = ("images", "image", "x", "x_train", "data", "arr_0")
LABEL_ARRAYS = ("labels", "label", "y", "y_train", "target", "targets", "arr_1")
LAYOUT = "a folder of class folders, such as images/cat/1.png and images/dog/2.png"

Size = Annotated[int, Field(strict=True, ge=1)]
Centre = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Scale = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 or float32 [n, C, H, W], in memory or memory-mapped, labels as the user wrote them (None: none
    given), and notes."""

    images: np.ndarray
    labels: np.ndarray | None
    notes: list[str] = field(default_factory=list)


def read_images(path: Path, target: str | None = None, shape: tuple[int, int, int] | None = None) -> ImageSet:
    """Read a folder of class folders, a folder of `.npy` files, or an `.npz` file.

    Args:
        target: name of the label array.
        shape: channels, height and width that image files are brought to; arrays stay as they are.
    """
    of_files = path.is_dir() and not any(path.glob("*.npy"))
    return read_image_folder(path, shape) if of_files else read_arrays(path, target)


def read_image_folder(path: Path, shape: tuple[int, int, int] | None = None) -> ImageSet:
    """Read `path/<class>/<image>`, or images directly in `path` (no labels), in sorted order.

    All are brought to the most common size, grey only if all are grey; or to `shape` (channels, height, width).

    Raises:
        GoodfitError: no such folder, another layout, an empty class, a file that is no image.
    """
    if not path.is_dir():
        raise GoodfitError(f"{path} is not a folder: expected {LAYOUT}")
    notes: list[str] = []
    files = _images_in(path, notes)
    classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not files and not classes:
        raise GoodfitError(f"{path} holds no images: expected {LAYOUT}")
    if files and classes:
        raise GoodfitError(f"{path} holds both images and folders: expected {LAYOUT}")
    labels = None
    if classes:
        of_class = {folder.name: _images_in(folder, notes) for folder in classes}
        empty = [name for name, found in of_class.items() if not found]
        if empty:
            raise GoodfitError(f"{path / empty[0]} holds no images: expected {LAYOUT}")
        files = [file for found in of_class.values() for file in found]
        labels = np.array([name for name, found in of_class.items() for _ in found])
    return ImageSet(decode_images(files, notes, shape), labels, notes)


def read_arrays(path: Path, target: str | None) -> ImageSet:
    """Read images and labels from the arrays of an `.npz` file or a folder of `.npy` files (never pickled objects).

    Images of a folder stay on disk: they are memory-mapped.

    Args:
        target: name of the label array; by default one of `LABEL_ARRAYS`.

    Raises:
        GoodfitError: no such file, a damaged one, or arrays that are no images with one label each.
    """
    arrays = _map_arrays(path) if path.is_dir() else _unpack_arrays(path)
    found = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
    image_name = _pick(arrays, IMAGE_ARRAYS)
    label_name = target or _pick(arrays, LABEL_ARRAYS)
    if target and target not in arrays:
        raise GoodfitError(f"{path} has no array '{target}'{did_you_mean(target, arrays)}: it holds {found}")
    if image_name is None or arrays[image_name].ndim not in (3, 4) or 0 in arrays[image_name].shape:
        raise GoodfitError(
            f"{path} needs an array 'images' of [n, H, W], [n, H, W, C] or [n, C, H, W]: it holds {found}"
        )
    plain = _check_mapped if path.is_dir() else _plain
    images, how = _channels_first(plain(arrays[image_name], str(path)))
    labels = None if label_name is None else np.array(arrays[label_name])
    if labels is not None and labels.shape == (len(images), 1):
        labels = labels[:, 0]
    if labels is not None and labels.shape != (len(images),):
        raise GoodfitError(
            f"{path} has {len(images)} images but labels of shape {labels.shape}: one label each is needed"
        )
    notes = [f"{path.name}: images are read as {how}"]
    others = [name for name in arrays if name not in (image_name, label_name)]
    if others:
        notes.append(f"{path.name}: these arrays are not used: {', '.join(others)}")
    return ImageSet(images, labels, notes)


class PixelPreparation(BaseModel):
    """Centre and scale for each channel, fitted on the training part.

    Whole numbers are bytes and first brought to [0, 1]; floats are taken as they are. Which of the two the training
    part held is kept: the other at prediction would be off by a factor of 255 without a sign of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: tuple[Size, Size, Size]
    values: Literal["bytes", "floats"]
    mean: tuple[Centre, ...]
    scale: tuple[Scale, ...]

    @model_validator(mode="after")
    def _one_per_channel(self) -> "PixelPreparation":
        if not len(self.mean) == len(self.scale) == self.size[0]:
            raise ValueError("one centre and one scale per channel")
        return self

    @classmethod
    def fit(
        cls, images: np.ndarray | Rows, method: Literal["standard", "centre", "min-max", "none"] = "standard"
    ) -> "PixelPreparation":
        """Fit on images [n, C, H, W], piece by piece, in memory or not: means and sums of squared deviations are merged
        in float64 (Chan, Golub & LeVeque 1983, equation 2.1).

        Args:
            method: standard: mean 0 and variance 1; centre: mean 0; min-max: from 0 to 1; none: as they are.

        Raises:
            GoodfitError: pixels that are neither bytes nor finite floats.
        """
        count, mean, squares = 0, np.zeros(images.shape[1]), np.zeros(images.shape[1])
        low, high = np.full(images.shape[1], np.inf), np.full(images.shape[1], -np.inf)
        for piece in pieces(len(images), images.shape[1:]):
            plain = _plain(np.ascontiguousarray(images[piece]), "the images")
            pixels = _unit(plain)
            here = pixels.size // len(mean)
            difference = pixels.mean(axis=(0, 2, 3), dtype=np.float64) - mean
            squares += here * pixels.var(axis=(0, 2, 3), dtype=np.float64)
            squares += difference**2 * (count * here / (count + here))
            count += here
            mean += difference * (here / count)
            low, high = np.minimum(low, pixels.min(axis=(0, 2, 3))), np.maximum(high, pixels.max(axis=(0, 2, 3)))
        centre, scale = {
            "standard": (mean, np.sqrt(squares / count)),
            "centre": (mean, np.ones_like(mean)),
            "min-max": (low, high - low),
            "none": (np.zeros_like(mean), np.ones_like(mean)),
        }[method]
        return cls(
            size=tuple(images.shape[1:]),
            values=_values(plain),
            mean=tuple(centre.tolist()),
            scale=tuple(np.where(scale > 1e-8, scale, 1.0).tolist()),
        )

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Return float32 [n, C, H, W].

        Raises:
            GoodfitError: images of another size or kind of numbers than in training.
        """
        if not isinstance(images, np.ndarray) or images.ndim != 4 or tuple(images.shape[1:]) != self.size:
            got = _times(images.shape[1:]) if isinstance(images, np.ndarray) else f"a {type(images).__name__}"
            raise GoodfitError(
                f"the images are {got}: the model was trained on {_times(self.size)} (channels, height, width)"
            )
        plain = _plain(images, "the images")
        if _values(plain) != self.values:
            raise GoodfitError(
                f"the images hold {_values(plain)}: the model was trained on {self.values} (bytes are whole numbers 0 ... 255)"
            )
        mean, scale = (np.array(v, dtype=np.float32)[:, None, None] for v in (self.mean, self.scale))
        prepared = plain.astype(np.float32)  # a copy, also of floats
        if self.values == "bytes":
            prepared /= np.float32(255)
        prepared -= mean
        prepared /= scale
        return prepared

    def to_json(self) -> dict[str, Any]:
        """Return the fitted values as JSON."""
        return self.model_dump(mode="json")

    @classmethod
    def restore(cls, stored: dict[str, Any]) -> "PixelPreparation":
        """Make a preparation of what `to_json` gave.

        Raises:
            GoodfitError: anything else.
        """
        try:
            return cls.model_validate(stored)
        except ValidationError:
            raise GoodfitError(
                "the stored image preparation was not written by goodfit: restore the model folder from a copy"
            ) from None


@dataclass(frozen=True)
class PreparedImages:
    """Images as networks see them, prepared when they are asked for."""

    images: np.ndarray | Rows
    preparation: PixelPreparation

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, C, H, W]."""
        return self.images.shape

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return these rows, float32."""
        return self.preparation.transform(self.images[rows])

    def all(self) -> np.ndarray:
        """Return all rows, float32, prepared piece by piece."""
        prepared = np.empty(self.shape, np.float32)
        for piece in pieces(len(prepared), self.shape[1:]):
            prepared[piece] = self[piece]
        return prepared


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _plain(images: np.ndarray, where: str) -> np.ndarray:
    """Return uint8 where all values are whole numbers of a byte, float32 of floats; anything else is an error."""
    if images.dtype.kind in "biu":
        if images.dtype.itemsize > 1 or images.dtype.kind == "i":
            low, high = (int(images.min()), int(images.max())) if images.size else (0, 0)
            if low < 0 or high > 255:
                raise GoodfitError(
                    f"{where}: whole numbers must be bytes, 0 ... 255, but they are {low} ... {high}: bring them to floats"
                )
        return images.astype(np.uint8, copy=False)
    if images.dtype.kind != "f":
        raise GoodfitError(f"{where}: pixels must be bytes or floats, but they are {images.dtype}")
    with np.errstate(over="ignore"):
        single = images.astype(np.float32, copy=False)
    bad = ~np.isfinite(single)
    if bad.any():
        raise _not_finite(where, int(bad.reshape(len(bad), -1).any(axis=1).sum()), len(bad))
    return single


def _check_mapped(images: np.ndarray, where: str) -> np.ndarray:
    """Return memory-mapped images if they can stay as they are; floats are looked through once."""
    if images.dtype not in (np.uint8, np.float32):
        raise GoodfitError(
            f"{where}: images that stay on disk must be uint8 or float32, but they are {images.dtype}: "
            "write them again with .astype(numpy.uint8) or .astype(numpy.float32)"
        )
    if images.dtype == np.float32:
        bad = sum(
            int((~np.isfinite(images[piece])).reshape(piece.stop - piece.start, -1).any(axis=1).sum())
            for piece in pieces(len(images), images.shape[1:])
        )
        if bad:
            raise _not_finite(where, bad, len(images))
    return images


def _not_finite(where: str, bad: int, total: int) -> GoodfitError:
    return GoodfitError(f"{where}: {bad} of {total} images hold NaN or infinite pixels: mend or remove them")


def _values(plain: np.ndarray) -> Literal["bytes", "floats"]:
    return "bytes" if plain.dtype == np.uint8 else "floats"


def _unit(plain: np.ndarray) -> np.ndarray:
    return plain.astype(np.float32) / np.float32(255) if plain.dtype == np.uint8 else plain


def _images_in(folder: Path, notes: list[str]) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    found = [p for p in files if p.suffix.lower() in ENDINGS]
    others = [p.name for p in files if p.suffix.lower() not in ENDINGS]
    if found and others:
        notes.append(f"{folder.name}: {len(others)} of {len(files)} files are no images and left out ({others[0]})")
    return found


def _map_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Return every `.npy` file of a folder, memory-mapped, by its name without the ending."""
    arrays = {}
    for file in sorted(folder.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise GoodfitError(
                f"{file} is not a readable .npy file of plain numbers or text{_reason(error)}: write it again with numpy.save"
            ) from None
    return arrays


def _unpack_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:  # numpy leaves it open where the archive is damaged
            opened = np.load(file, allow_pickle=False)
            arrays = None if isinstance(opened, np.ndarray) else {name: opened[name] for name in opened.files}
    except FileNotFoundError:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise GoodfitError(f"there is no file {path}{did_you_mean(path.name, beside)}: check the path") from None
    except MemoryError:
        raise GoodfitError(
            f"{path} needs more memory than there is: write its arrays as .npy files into a folder, where they stay on disk"
        ) from None
    except Exception as error:  # a damaged archive raises nearly anything
        if path.suffix.lower() in ENDINGS:
            raise GoodfitError(
                f"{path} is a picture alone: give the folder that it is in, or an .npz file of images"
            ) from None
        raise GoodfitError(
            f"{path} is not a readable .npz file of plain arrays{_reason(error)}: give a folder of images, or write arrays of "
            "numbers or text with numpy.savez"
        ) from None
    if arrays is None:
        raise GoodfitError(f"{path} holds a single array: write images and labels with numpy.savez")
    return arrays


def _reason(error: Exception) -> str:
    """Return what the system said, in brackets; NumPy's own text takes foreign files for pickles and says to trust them."""
    return f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""


def _pick(arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> str | None:
    written = {name.lower(): name for name in arrays}
    return next((written[name] for name in names if name in written), None)


def _channels_first(images: np.ndarray) -> tuple[np.ndarray, str]:
    """Return [n, C, H, W] and how the axes were read: 1, 3 or 4 are channels, else the smaller of both candidates."""
    if images.ndim == 3:
        return images[:, None], "[n, H, W], one channel"
    first, last = images.shape[1], images.shape[3]
    usual = (1, 3, 4)
    if last in usual or (first not in usual and last < first):
        turned = images.transpose(0, 3, 1, 2)
        return turned if isinstance(images, np.memmap) else np.ascontiguousarray(turned), "[n, H, W, C]"
    return images, "[n, C, H, W]"
