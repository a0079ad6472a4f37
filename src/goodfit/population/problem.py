"""What every member of a population trains on: tensors on one device, and the loss."""

from dataclasses import dataclass

import torch
from torch import Tensor

from goodfit.losses import RowLoss


@dataclass(frozen=True)
class Part:
    """One part of the data.

    Shape:
        x: float32 [n, n_in] or [n, C, H, W]. y: float32 [n] (regression) or int64 [n] (class index).
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device) -> "Part":
        """Return the part on a device."""
        return Part(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Problem:
    """Training part, validation part (None: train to the end, keep the last weights), outputs and loss."""

    train: Part
    validation: Part | None
    outputs: int
    row_loss: RowLoss

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one prepared sample."""
        return tuple(self.train.x.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.train.x.device
