"""Weight initialisers: `initialiser(weight, bias, generator)` fills one layer in place.

`weight` is [n_out, n_in] or [out, in, kh, kw], `bias` [n_out] or None. All but `default` set the bias to 0.
Adding one is adding one entry to `INITIALISERS`.
"""

import math
from collections.abc import Callable

from torch import Generator, Tensor, nn
from torch.nn import init

Initialiser = Callable[[Tensor, Tensor | None, Generator], None]


def framework_default(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
    """What PyTorch's Linear and Conv do: weights and bias uniform within 1/sqrt(fan_in)."""
    init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    if bias is not None:
        bound = 1 / math.sqrt(max(weight[0].numel(), 1))
        init.uniform_(bias, -bound, bound, generator=generator)


def _with_zero_bias(fill: Callable[[Tensor, Generator], object]) -> Initialiser:
    def initialiser(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
        fill(weight, generator)
        if bias is not None:
            init.zeros_(bias)

    return initialiser


def _lecun_normal(weight: Tensor, generator: Generator) -> object:
    return init.normal_(weight, std=1 / math.sqrt(weight[0].numel()), generator=generator)


INITIALISERS: dict[str, Initialiser] = {
    "default": framework_default,
    "zeros": _with_zero_bias(lambda w, g: init.zeros_(w)),
    "xavier-uniform": _with_zero_bias(lambda w, g: init.xavier_uniform_(w, generator=g)),
    "xavier-normal": _with_zero_bias(lambda w, g: init.xavier_normal_(w, generator=g)),
    "kaiming-uniform": _with_zero_bias(lambda w, g: init.kaiming_uniform_(w, nonlinearity="relu", generator=g)),
    "kaiming-normal": _with_zero_bias(lambda w, g: init.kaiming_normal_(w, nonlinearity="relu", generator=g)),
    "lecun-normal": _with_zero_bias(_lecun_normal),
    "orthogonal": _with_zero_bias(lambda w, g: init.orthogonal_(w, generator=g)),
}


def initialise(module: nn.Module, initialiser: Initialiser, generator_for: Callable[[str], Generator]) -> None:
    """Fill every Linear and convolution of a module; each layer draws from a generator of its own name."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            initialiser(layer.weight.data, None if layer.bias is None else layer.bias.data, generator_for(name))
