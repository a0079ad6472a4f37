"""Convolution written as a matrix product."""

from torch import Tensor, nn
from torch.nn.functional import pad, unfold


class Convolution(nn.Module):
    """A `torch.nn.Conv1d` or `Conv2d` computed as unfold and matrix product, sharing its parameters by name.

    Vectorised over members it becomes a batched matrix product, whose numbers for one member do not depend on the
    others; PyTorch's becomes a grouped convolution, which picks its routine by the number of groups.

    Shape:
        input: [B, C, H, W] (or [B, C, L]). output: [B, O, H', W'] (or [B, O, L']).
    """

    def __init__(self, like: nn.Conv1d | nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = like.weight, like.bias
        self.groups, self.flat = like.groups, isinstance(like, nn.Conv1d)
        lead = (1,) if self.flat else ()
        # _reversed_padding_repeated_twice is PyTorch's own reading of padding, 'same' included
        self.padding = like._reversed_padding_repeated_twice
        self.kernel = lead + like.kernel_size
        self.stride = lead + like.stride
        self.dilation = lead + like.dilation

    def forward(self, x: Tensor) -> Tensor:
        x = pad(x, self.padding)
        if self.flat:
            x = x.unsqueeze(2)
        height, width = (
            (n - d * (k - 1) - 1) // s + 1
            for n, d, k, s in zip(x.shape[2:], self.dilation, self.kernel, self.stride, strict=True)
        )
        columns = unfold(x, self.kernel, dilation=self.dilation, stride=self.stride)
        filters = self.weight.shape[0] // self.groups
        columns = columns.reshape(len(x), self.groups, -1, height * width)
        products = self.weight.reshape(self.groups, filters, -1) @ columns
        y = products.reshape(len(x), -1, height, width)
        if self.bias is not None:
            y = y + self.bias.reshape(-1, 1, 1)
        return y.squeeze(2) if self.flat else y

    @classmethod
    def replace_in(cls, module: nn.Module) -> nn.Module:
        """Replace PyTorch's 1-D and 2-D convolutions with zero padding in a module, in place; return the module."""
        for name, child in list(module.named_children()):
            # a subclass may compute something else
            plain = getattr(type(child), "forward", None) in (nn.Conv1d.forward, nn.Conv2d.forward)
            if plain and isinstance(child, nn.Conv1d | nn.Conv2d) and child.padding_mode == "zeros":
                setattr(module, name, cls(child))
            else:
                cls.replace_in(child)
        return module
