"""A PyTorch DataLoader, read out into arrays once."""

import math
from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from goodfit.errors import GoodfitError
from goodfit.memory import too_large


@dataclass(frozen=True)
class LoadedArrays:
    """What a loader gives.

    Shape:
        x: float32 [n, ...]. y: float64 [n] or int64 [n].

    Attributes:
        batch_size: the loader's; None where it has none. notes: what a person should know of how it was read.
    """

    x: np.ndarray
    y: np.ndarray
    batch_size: int | None
    notes: list[str] = field(default_factory=list)


def read_loader(loader: Any, name: str) -> LoadedArrays:
    """Read every sample of a DataLoader, or of any iterable of batches `(x, y)`, once.

    A loader over an indexed data set is read in the order of its indices, whatever its sampler, and to the last row
    (`drop_last` does not count). Random changes that the data set makes are drawn once and stay; they are noted.

    Args:
        name: how the loader is called in messages.

    Raises:
        GoodfitError: no batches `(x, y)` of tensors, targets of another shape than [B] or [B, 1], samples of differing
            shapes, targets of differing kinds, values that are complex or not finite, or more than fits in memory.
    """
    if not isinstance(loader, Iterable):
        raise GoodfitError(
            f"{name} is a {type(loader).__name__}: give a DataLoader, or another iterable of batches (x, y)"
        )
    notes: list[str] = []
    batches: Iterable[Any] = loader
    if isinstance(loader, DataLoader) and not isinstance(loader.dataset, IterableDataset):
        if _draws(loader.dataset):
            notes.append(f"{name} changes its samples at random: they were read once and are the same in every epoch")
        batches = DataLoader(
            loader.dataset,
            batch_size=loader.batch_size or 256,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
        )
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    for batch in batches:
        x, y = _pair(batch, name)
        if not xs:
            _check_size(loader, x, name)
        if xs and x.shape[1:] != xs[0].shape[1:]:
            raise GoodfitError(
                f"{name} gives samples of shapes {tuple(xs[0].shape[1:])} and {tuple(x.shape[1:])}: all must have the same"
            )
        if ys and y.is_floating_point() != ys[0].is_floating_point():
            raise GoodfitError(
                f"{name} gives targets of {ys[0].dtype} and {y.dtype}: all must be whole numbers (classes), or all floats"
            )
        xs.append(x.detach().cpu().float())
        ys.append(y.detach().cpu())
    if not xs:
        raise GoodfitError(f"{name} is empty: it must give at least one batch")
    inputs, targets = torch.cat(xs).numpy(), torch.cat(ys)
    if not np.isfinite(inputs).all():
        raise GoodfitError(f"{name} gives inputs that are not finite: mend or remove those samples")
    if not torch.isfinite(targets).all():
        raise GoodfitError(f"{name} gives targets that are not finite: mend or remove those samples")
    whole = not targets.is_floating_point()
    return LoadedArrays(
        inputs, targets.numpy().astype(np.int64 if whole else np.float64), getattr(loader, "batch_size", None), notes
    )


def _pair(batch: Any, name: str) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        raise GoodfitError(
            f"{name} gives batches of type {type(batch).__name__}: each must be a pair (x, y) of tensors, so wrap the data set "
            "or give a collate_fn"
        )
    x, y = batch
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(x) != len(y):
        raise GoodfitError(
            f"{name} gives targets of shape {tuple(y.shape)} for {len(x)} samples: they must be [B] or [B, 1]"
        )
    if x.is_complex() or y.is_complex():
        raise GoodfitError(f"{name} gives complex numbers: give real and imaginary part apart")
    return x, y


def _check_size(loader: Any, x: Tensor, name: str) -> None:
    data = getattr(loader, "dataset", None)
    if isinstance(data, Sized):
        why = too_large(4 * len(data) * math.prod(x.shape[1:]))
        if why:
            raise GoodfitError(f"{name} cannot be read into memory: {why}; give fewer samples")


def _draws(data: Any) -> bool:
    """Return whether a data set gives other values when asked for the same sample again."""
    try:
        first, second = (torch.as_tensor(data[0][0]) for _ in range(2))
    except Exception:
        return False  # whatever is wrong is said when it is read
    return first.shape != second.shape or not torch.equal(first.nan_to_num(), second.nan_to_num())
