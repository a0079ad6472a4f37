"""Batch normalisation written out."""

import torch
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe & Szegedy 2015): each feature, or channel, is centred and scaled over the batch.

    Equals PyTorch's BatchNorm1d/2d/3d, whose parameters and buffers it shares by name. Written out, it can be
    vectorised over members without one's numbers depending on another's, which PyTorch's cannot.

    Shape:
        input: [B, F] or [B, C, ...]. output: the same.

    Args:
        momentum: weight of the new value in the running averages (PyTorch's convention); None averages all batches.
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
            # the mean as sum / n: `mean` adds in another order when members are vectorised
            n = x.numel() // x.shape[1]
            mean = x.sum(over) / n
            centred = x - mean.reshape(shape)
            var = (centred * centred).sum(over) / n
            if self.training:
                self._remember(mean.detach(), var.detach() * n / max(n - 1, 1))
        else:
            mean, var = self.running_mean, self.running_var
            centred = x - mean.reshape(shape)
        y = centred / torch.sqrt(var + self.eps).reshape(shape)
        if self.weight is None:
            return y
        return y * self.weight.reshape(shape) + self.bias.reshape(shape)

    def _remember(self, mean: Tensor, var: Tensor) -> None:
        """Move the running averages (the variance's is unbiased) towards this batch's values."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.float()
        self.running_mean.copy_(self.running_mean + share * (mean - self.running_mean))
        self.running_var.copy_(self.running_var + share * (var - self.running_var))

    @classmethod
    def replace_in(cls, module: nn.Module) -> nn.Module:
        """Replace PyTorch's batch norms in a module, in place; return the module."""
        for name, child in list(module.named_children()):
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(module, name, cls(child))
            else:
                cls.replace_in(child)
        return module

    def extra_repr(self) -> str:
        return f"eps={self.eps}, momentum={self.momentum}"
