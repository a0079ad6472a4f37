"""PyTorch's fused activations replaced by the formulas of `goodfit.nn.activations` while a block runs.

The fused ones round the last few elements of a tensor differently, so one member's numbers would depend on how many
lie beside it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from goodfit.nn.activations import ACTIVATIONS

_FORMULAS: dict[Any, tuple[Callable[..., Any], dict[str, Any]]] = {
    torch.sigmoid: (ACTIVATIONS["sigmoid"], {}),
    torch.Tensor.sigmoid: (ACTIVATIONS["sigmoid"], {}),
    torch.special.expit: (ACTIVATIONS["sigmoid"], {}),
    F.elu: (ACTIVATIONS["elu"], {"alpha": 1.0, "inplace": False}),
    F.selu: (ACTIVATIONS["selu"], {"inplace": False}),
    F.softplus: (ACTIVATIONS["softplus"], {"beta": 1, "threshold": 20}),
    F.gelu: (ACTIVATIONS["gelu"], {"approximate": "none"}),
    F.silu: (ACTIVATIONS["silu"], {"inplace": False}),
    F.mish: (ACTIVATIONS["mish"], {"inplace": False}),
}
"""Function to formula, and the settings (in order) with which they are the same."""


class WrittenOut(TorchFunctionMode):
    """Within the block, sigmoid, ELU, SELU, softplus, GELU, SiLU and Mish with default settings are our formulas."""

    def __torch_function__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function not in _FORMULAS or not args:
            return function(*args, **kwargs)
        formula, defaults = _FORMULAS[function]
        settings = dict(zip(defaults, args[1:], strict=False)) | kwargs
        if settings != {name: defaults.get(name) for name in settings}:
            return function(*args, **kwargs)
        return formula(args[0])
