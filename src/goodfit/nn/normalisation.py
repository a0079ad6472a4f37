"""Batch, layer and group normalisation written out.

They equal PyTorch's, whose parameters and buffers they share by name. Written out, they can be vectorised over
members without one's numbers depending on another's, which PyTorch's cannot. Means are sum / n: `mean` adds in
another order when members are vectorised.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015): each feature, or channel, is centred and scaled over the batch.

    Equals PyTorch's BatchNorm1d/2d/3d, but takes a batch of one row too (its values become the offset).

    Shape:
        input: [B, F] or [B, C, ...]. output: the same.

    Args:
        like: has `momentum`, the weight of the new value in the running averages (PyTorch's convention); None
            averages all batches.
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(self, like: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__()
        self.eps, self.momentum = like.eps, like.momentum
        self.weight, self.bias = like.weight, like.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(like, name))

    def forward(self, x: Tensor) -> Tensor:
        over = [0, *range(2, x.ndim)]
        shape = (-1, *[1] * (x.ndim - 2))
        if self.training or self.running_mean is None or self.running_var is None:
            n = x.numel() // x.shape[1]
            mean = x.sum(over) / n
            centred = x - mean.reshape(shape)
            var = (centred * centred).sum(over) / n
            if self.training:
                self._remember(mean.detach(), var.detach() * n / max(n - 1, 1))
        else:
            mean, var = self.running_mean, self.running_var
            centred = x - mean.reshape(shape)
        return _scaled(centred / torch.sqrt(var + self.eps).reshape(shape), self.weight, self.bias, shape)

    def _remember(self, mean: Tensor, var: Tensor) -> None:
        """Move the running averages (the variance's is unbiased) towards this batch's values."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.float()
        self.running_mean.copy_(self.running_mean + share * (mean - self.running_mean))
        self.running_var.copy_(self.running_var + share * (var - self.running_var))

    def extra_repr(self) -> str:
        return f"eps={self.eps}, momentum={self.momentum}"


class LayerNorm(nn.Module):
    """Layer normalisation (Ba et al. 2016): each sample is centred and scaled over its last axes.

    Shape:
        input: [..., *normalized_shape]. output: the same.
    """

    def __init__(self, like: nn.LayerNorm) -> None:
        super().__init__()
        self.eps, self.shape = like.eps, like.normalized_shape
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        y = _standardised(x.flatten(x.ndim - len(self.shape)), self.eps).reshape(x.shape)
        return _scaled(y, self.weight, self.bias, self.shape)

    def extra_repr(self) -> str:
        return f"{self.shape}, eps={self.eps}"


class GroupNorm(nn.Module):
    """Group normalisation (Wu & He 2018): each sample is centred and scaled over groups of its features or channels.

    Shape:
        input: [B, F] or [B, C, ...]. output: the same.
    """

    def __init__(self, like: nn.GroupNorm) -> None:
        super().__init__()
        self.eps, self.groups = like.eps, like.num_groups
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        y = _standardised(x.reshape(len(x), self.groups, -1), self.eps).reshape(x.shape)
        return _scaled(y, self.weight, self.bias, (-1, *[1] * (x.ndim - 2)))

    def extra_repr(self) -> str:
        return f"groups={self.groups}, eps={self.eps}"


def _standardised(x: Tensor, eps: float) -> Tensor:
    """Centre and scale over the last axis."""
    n = x.shape[-1]
    centred = x - x.sum(-1, keepdim=True) / n
    var = (centred * centred).sum(-1, keepdim=True) / n
    return centred / torch.sqrt(var + eps)


def _scaled(y: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """Return weight * y + bias, reshaped to fit; either may be missing."""
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


WRITTEN_OUT: dict[type[nn.Module], Callable[..., nn.Module]] = {
    nn.modules.batchnorm._BatchNorm: BatchNorm,
    nn.LayerNorm: LayerNorm,
    nn.GroupNorm: GroupNorm,
}


def write_out_norms(module: nn.Module) -> nn.Module:
    """Replace PyTorch's normalisation layers in a module by those written out, in place; return the module.

    A layer of a class of its own that computes something else stays as it is.
    """
    for name, child in list(module.named_children()):
        same = (ours for theirs, ours in WRITTEN_OUT.items() if getattr(type(child), "forward", None) is theirs.forward)
        ours = next(same, None)
        if ours:
            setattr(module, name, ours(child))
        else:
            write_out_norms(child)
    return module
