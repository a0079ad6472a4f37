"""What every member of a population trains on: tensors on one device, and the loss."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.losses import RowLoss
from goodfit.memory import pieces
from goodfit.population.workers import one_ahead


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

    def head(self, count: int) -> "Part":
        """Return the first rows."""
        return Part(self.x[:count], self.y[:count])

    def chunks(self) -> "Iterator[Part]":
        """Yield the part in the pieces that pass through the networks at once when no gradient is needed."""
        for piece in pieces(len(self), self.sample_shape):
            yield Part(self.x[piece], self.y[piece])

    def fetch(self, rows: Sequence[np.ndarray], labels: Tensor | None = None) -> "tuple[Part, list[np.ndarray]]":
        """Return a part in memory that holds the rows asked for, and where they are in it.

        Args:
            labels: [n], or [K, n] where they differ between members, instead of `y`.
        """
        return self if labels is None else Part(self.x, labels), list(rows)


class Source(Protocol):
    """Prepared samples that do not fit in memory, by row."""

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, ...]."""
        ...

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return samples float32 [len(rows), ...]; rows are sorted and differ. A thread of its own calls this."""
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

    def head(self, count: int) -> Part:
        """Return the first rows."""
        return self._load(slice(0, count), self.y)

    def chunks(self) -> Iterator[Part]:
        """Yield the same pieces as a part in memory does; the next is fetched meanwhile."""
        coming = one_ahead(lambda piece: self._load(piece, self.y), pieces(len(self), self.sample_shape))
        with contextlib.closing(coming):
            yield from coming

    def fetch(self, rows: Sequence[np.ndarray], labels: Tensor | None = None) -> tuple[Part, list[np.ndarray]]:
        """Return a part in memory that holds the rows asked for, and where they are in it (see `Part.fetch`)."""
        needed, where = np.unique(np.concatenate([r.ravel() for r in rows]), return_inverse=True)
        borders = np.cumsum([r.size for r in rows])[:-1]
        places = [w.reshape(r.shape) for w, r in zip(np.split(where.astype(np.int64), borders), rows, strict=True)]
        return self._load(needed, self.y if labels is None else labels), places

    def _load(self, rows: slice | np.ndarray, labels: Tensor) -> Part:
        x = torch.from_numpy(np.ascontiguousarray(self.source[rows], dtype=np.float32))
        chosen = rows if isinstance(rows, slice) else torch.from_numpy(rows).to(labels.device)
        return Part(x.to(self.device), labels[..., chosen])


@dataclass(frozen=True)
class Problem:
    """Training part, validation part (None: train to the end, keep the last weights), outputs and loss.

    Attributes:
        judging: in a cross-validation, where both parts are the same, the rows that judge a member and do not train it:
            bool [n]. None: the validation part judges all members.
    """

    train: Part | StreamedPart
    validation: Part | StreamedPart | None
    outputs: int
    row_loss: RowLoss
    judging: Callable[[Config], np.ndarray] | None = None

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
