"""Arrays that stay on disk (memory-mapped) and are read row by row; pixels of image files decoded into such an array."""

import hashlib
import math
import mmap
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goodfit._version import __version__
from goodfit.data.download import cache_folder, written_beside
from goodfit.errors import GoodfitError
from goodfit.wording import size

READ_AHEAD = 128 << 10
"""Bytes that the system is asked to read ahead at once: of longer stretches Linux reads only the beginning."""

CLOSE = 4
"""Rows lie close where at least one in so many is read."""


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
        chosen = self.rows[rows]
        _announce(self.array, chosen)
        return np.ascontiguousarray(self.array[chosen])

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, ...]."""
        return (len(self.rows), *self.array.shape[1:])


def _announce(array: np.ndarray, rows: np.ndarray) -> None:
    """Tell the system which rows of a memory-mapped array will be read, where it listens.

    Left to itself it reads far ahead of every row, which is right for rows that lie close. 64 MB of rows drawn at
    random from a file of 3 GB, however, cost reading all 3 GB; announced they cost 0.15 GB and a fifth of the time.
    """
    mapping = array
    while isinstance(mapping, np.ndarray):
        mapping = mapping.base  # type: ignore[assignment]
    if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_WILLNEED"):
        close = not len(rows) or len(rows) * CLOSE >= np.ptp(rows)
        places = [] if close else list(places_in_file(array, rows, mapping))
        mapping.madvise(mmap.MADV_RANDOM if places else mmap.MADV_NORMAL)
        for start, length in places:
            mapping.madvise(mmap.MADV_WILLNEED, start, length)


def places_in_file(array: np.ndarray, rows: np.ndarray, mapping: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yield start and length of the pages in which rows lie: none where a row is not one stretch of the file."""
    row_bytes = array.itemsize * math.prod(array.shape[1:])
    if array.strides[0] != row_bytes:
        return
    first = array.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    for start in (first + rows * row_bytes).tolist():
        for piece in range(start, start + row_bytes, READ_AHEAD):
            page = piece // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
            yield page, min(piece + READ_AHEAD, start + row_bytes) - page


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
