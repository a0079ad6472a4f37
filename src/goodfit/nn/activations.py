"""Activations, each as a formula. Adding one is adding one entry to `ACTIVATIONS` and its facts to `ACTIVATION_FACTS`
(`goodfit.nn.activation_facts`).

Every formula is composed of operations whose result for an element does not depend on where the element
lies in its tensor: arithmetic, comparisons, exp, expm1, log1p, tanh, erf. PyTorch's fused `sigmoid`, `elu`,
`softplus` and `gelu` handle the last few elements of a tensor by another code path on the CPU, which changes
the last bit when the number of networks beside changes; a test guards every entry against that.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Activation = Callable[[Tensor], Tensor]

SELU_ALPHA = 1.6732632423543772
SELU_LAMBDA = 1.0507009873554805
"""Klambauer et al. 2017, equation 14."""


def identity(x: Tensor) -> Tensor:
    """x."""
    return x


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), written as (1 + tanh(x/2)) / 2, which cannot overflow."""
    return 0.5 * (torch.tanh(0.5 * x) + 1)


def leaky_relu(x: Tensor) -> Tensor:
    """x where positive, 0.01 x elsewhere."""
    return torch.where(x > 0, x, 0.01 * x)


def elu(x: Tensor) -> Tensor:
    """x where positive, exp(x) - 1 elsewhere (Clevert et al. 2016)."""
    return torch.where(x > 0, x, _expm1_below(x))


def selu(x: Tensor) -> Tensor:
    """Self-normalising ELU (Klambauer et al. 2017)."""
    return SELU_LAMBDA * torch.where(x > 0, x, SELU_ALPHA * _expm1_below(x))


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), without overflow."""
    above, below = x.clamp(min=0), x.clamp(max=0)
    return torch.where(x > 0, above + torch.log1p(torch.exp(-above)), torch.log1p(torch.exp(below)))


def _expm1_below(x: Tensor) -> Tensor:
    """exp(x) - 1 where x <= 0, with its slope there; finite with slope 0 elsewhere, so that `where` may drop it."""
    return torch.expm1(x.clamp(max=0))


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function (Hendrycks & Gimpel 2016)."""
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x), also called Swish."""
    return x * sigmoid(x)


def mish(x: Tensor) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019)."""
    return x * torch.tanh(softplus(x))


def prelu(x: Tensor, slope: Tensor | float = 0.25) -> Tensor:
    """x where positive, slope x elsewhere, the slope being learned (He et al. 2015)."""
    return torch.where(x > 0, x, slope * x)


def step(x: Tensor) -> Tensor:
    """1 where x >= 0, else 0: the threshold of the perceptron."""
    return (x >= 0).to(x.dtype)


def softmax(x: Tensor) -> Tensor:
    """exp(x) / sum of exp(x) over the last axis, without overflow."""
    return torch.softmax(x, -1)


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "relu": torch.relu,
    "leaky-relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "softplus": softplus,
    "sigmoid": sigmoid,
    "tanh": torch.tanh,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "prelu": prelu,
}
"""Activations of hidden layers, by name; `prelu` with the slope from which it starts to learn
(`goodfit.nn.activation_layers`)."""
