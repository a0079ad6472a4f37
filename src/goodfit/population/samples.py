"""One step's samples as tensors, and the members' losses on them: what the kernels written in PyTorch share."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from goodfit.losses import RowLoss, smoothing_term
from goodfit.population.kernel import Batches


@dataclass(frozen=True)
class Samples:
    """The batches of one step.

    Shape:
        x: [K, B, ...]. y: [K, B]. opposite: [K, B], labels of the samples mixed in, None without Mixup.
        weight: [K, B], 1 / count for real rows, 0 for those that fill a batch up. mix: [K, 1].
    """

    x: Tensor
    y: Tensor
    opposite: Tensor | None
    weight: Tensor
    mix: Tensor

    def losses(self, output: Tensor, row_loss: RowLoss) -> Tensor:
        """Return the mean loss [K] for outputs [K, B, n_out]."""
        rows = row_loss(output, self.y)
        if self.opposite is not None:
            rows = self.mix * rows + (1 - self.mix) * row_loss(output, self.opposite)
        return (rows * self.weight).sum(1)

    def smoothing(self, output: Tensor, share: Tensor | None) -> Tensor | float:
        """Return what label smoothing by `share` [K] adds to the mean losses: [K]; 0 where no member smooths (None)."""
        return 0.0 if share is None else share * self.losses(output, smoothing_term)


def gather(batches: Batches, step: int, *, filled: bool = True) -> Samples:
    """Return the samples of one of the steps, for all members.

    Args:
        filled: batches are filled up to B rows; False cuts them to their real rows, which must be equally many.
    """
    rows = np.stack([rows[step] for rows in batches.rows])
    counts = batches.counts[:, step]
    if not filled:
        rows = rows[:, : counts[0]]
    place = np.arange(rows.shape[1])
    real = place < counts[:, None]
    mirror = np.where(real, counts[:, None] - 1 - place, place)
    device = batches.part.device
    weight = torch.from_numpy((real / counts[:, None]).astype(np.float32)).to(device)
    mix = torch.from_numpy(batches.mix[:, step]).to(device).unsqueeze(1)
    opposite = np.take_along_axis(rows, mirror, axis=1)
    return _mixed(batches.part.x, batches.part.y, rows, opposite, weight, mix)


@dataclass(frozen=True)
class Batch:
    """The batch of one member in one step, real rows only.

    Shape:
        x: [B, ...]. y: [B]. opposite: [B], None without Mixup. share: of a row's own sample in it.
    """

    x: Tensor
    y: Tensor
    opposite: Tensor | None
    share: float

    def loss(self, output: Tensor, row_loss: RowLoss) -> Tensor:
        """Return the mean loss for outputs [B, n_out]."""
        loss = row_loss(output, self.y).mean()
        if self.opposite is None:
            return loss
        return self.share * loss + (1 - self.share) * row_loss(output, self.opposite).mean()

    def smoothing(self, output: Tensor, share: float) -> Tensor | float:
        """Return what label smoothing by `share` adds to the mean loss."""
        return share * self.loss(output, smoothing_term) if share else 0.0


def gather_one(batches: Batches, step: int, member: int) -> Batch:
    """Return the samples of one of the steps for one member."""
    x, y = batches.part.x, batches.targets(member)
    here = torch.from_numpy(batches.rows[member][step, : batches.counts[member, step]]).to(x.device)
    share = float(batches.mix[member, step])
    if share == 1:
        return Batch(x[here], y[here], None, share)
    there = here.flip(0)
    return Batch(share * x[here] + (1 - share) * x[there], y[here], y[there], share)


def _mixed(x: Tensor, y: Tensor, rows: np.ndarray, opposite: np.ndarray, weight: Tensor, mix: Tensor) -> Samples:
    here = torch.from_numpy(rows).to(x.device)
    if not (mix != 1).any():
        return Samples(x[here], _targets(y, here), None, weight, mix)
    there = torch.from_numpy(opposite).to(x.device)
    share = mix.reshape(-1, *[1] * x.ndim)
    # a member without Mixup keeps its samples to the last bit: 1 * x + 0 * x'
    mixed = share * x[here] + (1 - share) * x[there]
    return Samples(mixed, _targets(y, here), _targets(y, there), weight, mix)


def _targets(y: Tensor, rows: Tensor) -> Tensor:
    return y[rows] if y.ndim == 1 else y.gather(1, rows)
