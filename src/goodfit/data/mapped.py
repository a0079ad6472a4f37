"""Arrays that stay on disk (memory-mapped) and are read row by row; pixels of image files decoded into such an array."""

import hashlib
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goodfit._version import __version__
from goodfit.data.download import cache_folder, written_beside
from goodfit.errors import GoodfitError
from goodfit.wording import size


@dataclass(frozen=True)
class Rows:
    """Some rows of an array, read when they are asked for.

    Shape:
        array: [N, ...], in memory or memory-mapped. rows: int64 [n].
    """

    array: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return these of the rows, in memory and contiguous."""
        return np.ascontiguousarray(self.array[self.rows[rows]])

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, ...]."""
        return (len(self.rows), *self.array.shape[1:])


def keep_pixels(
    files: Sequence[Path], shape: tuple[int, ...], decoded: Iterable[np.ndarray], notes: list[str]
) -> np.ndarray:
    """Return the pixels of image files, uint8 [n, C, H, W], memory-mapped from a file in the cache.

    The file is written once and serves as long as the images' names, sizes and times of change are the same; when they
    are not, it is replaced.

    Args:
        decoded: the pixels of each file, [C, H, W]; not looked at where the file is there.
        notes: receives where the file is.

    Raises:
        GoodfitError: the disk is full, or the cache folder cannot be written.
    """
    folder = cache_folder() / "pixels"
    place, state = hashlib.sha256(), hashlib.sha256(f"{__version__} {shape}".encode())
    place.update(os.path.commonpath([file.absolute() for file in files]).encode())
    for file in files:
        found = file.stat()
        state.update(f"{file.absolute()}\x1f{found.st_size}\x1f{found.st_mtime_ns}\x1e".encode())
    path = folder / f"{place.hexdigest()[:16]}-{state.hexdigest()[:16]}.npy"
    if not path.is_file():
        _write(path, shape, decoded)
        for older in folder.glob(f"{place.hexdigest()[:16]}-*.npy"):
            if older != path:
                with suppress(OSError):  # Windows keeps a file that another process has open
                    older.unlink()
    notes.append(f"the decoded images ({size(math.prod(shape))}) are kept on disk, in {folder}")
    try:
        pixels: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise GoodfitError(f"{path} is damaged: delete it to have the images decoded again") from None
    return pixels


def _write(path: Path, shape: tuple[int, ...], decoded: Iterable[np.ndarray]) -> None:
    needed = math.prod(shape)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < needed:
            raise GoodfitError(
                f"the decoded images need {size(needed)} of disk, but {path.parent} has {size(free)} free: "
                "set GOODFIT_CACHE to a folder with more room"
            )
        # not through the memory map: a write to it that the disk cannot hold kills the process
        with written_beside(path) as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for pixels in decoded:
                file.write(np.ascontiguousarray(pixels).data)
    except OSError as error:
        raise GoodfitError(
            f"the decoded images ({size(needed)}) cannot be written to {path.parent} ({error.strerror}): "
            "set GOODFIT_CACHE to a folder with more room"
        ) from None
