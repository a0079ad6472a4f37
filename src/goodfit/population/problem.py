"""What every member of a population trains on: tensors on one device, and the loss."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from goodfit.losses import RowLoss

EVALUATION_ROWS = 1024
"""Rows passed through the networks at once when no gradient is needed: more fall out of the processor's cache."""


@dataclass(frozen=True)
class Part:
    """One part of the data, in memory.

    Shape:
        x: float32 [n, n_in] or [n, C, H, W]. y: float32 [n] (regression) or int64 [n] (class index).
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one prepared sample."""
        return tuple(self.x.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.x.device

    def to(self, device: torch.device) -> "Part":
        """Return the part on a device."""
        return Part(self.x.to(device), self.y.to(device))

    def chunks(self) -> "Iterator[Part]":
        """Yield the part piece by piece; in memory it is one piece."""
        yield self

    def fetch(self, rows: Sequence[np.ndarray]) -> "tuple[Part, list[np.ndarray]]":
        """Return a part in memory that holds the rows asked for, and where they are in it."""
        return self, list(rows)


class Source(Protocol):
    """Prepared samples that do not fit in memory, by row."""

    shape: tuple[int, ...]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return samples float32 [len(rows), ...]; rows are sorted and differ."""
        ...


@dataclass(frozen=True)
class StreamedPart:
    """One part of the data whose samples stay where they are (memory-mapped file, image folder) until needed.

    Shape:
        source: [n, ...]. y: as in `Part`, in memory.
    """

    source: Source
    y: Tensor
    device: torch.device

    def __len__(self) -> int:
        return len(self.y)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one prepared sample."""
        return tuple(self.source.shape[1:])

    def chunks(self) -> Iterator[Part]:
        """Yield the part piece by piece."""
        for start in range(0, len(self), EVALUATION_ROWS):
            yield self._load(np.arange(start, min(start + EVALUATION_ROWS, len(self))))

    def fetch(self, rows: Sequence[np.ndarray]) -> tuple[Part, list[np.ndarray]]:
        """Return a part in memory that holds the rows asked for, and where they are in it."""
        needed, where = np.unique(np.concatenate([r.ravel() for r in rows]), return_inverse=True)
        borders = np.cumsum([r.size for r in rows])[:-1]
        places = [w.reshape(r.shape) for w, r in zip(np.split(where.astype(np.int64), borders), rows, strict=True)]
        return self._load(needed), places

    def _load(self, rows: np.ndarray) -> Part:
        x = torch.from_numpy(np.ascontiguousarray(self.source[rows], dtype=np.float32))
        return Part(x.to(self.device), self.y[torch.from_numpy(rows).to(self.y.device)])


@dataclass(frozen=True)
class Problem:
    """Training part, validation part (None: train to the end, keep the last weights), outputs and loss."""

    train: Part | StreamedPart
    validation: Part | StreamedPart | None
    outputs: int
    row_loss: RowLoss

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one prepared sample."""
        return self.train.sample_shape

    @property
    def device(self) -> torch.device:
        """Where the networks train."""
        return self.train.device

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        return 0 if self.train.y.is_floating_point() else self.outputs
