"""What one should know of each activation: the facts a person looks up before choosing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from goodfit.nn.activations import ACTIVATIONS, SELU_ALPHA, SELU_LAMBDA, Activation, softmax, step

Side = Literal["nowhere", "below", "both sides"]
INF = math.inf


@dataclass(frozen=True)
class ActivationFacts:
    """Facts of one activation; the contract tests check the numerical ones against the function.

    Attributes:
        low, high: infimum and supremum of its values.
        zero_centred: whether its mean is 0 for standard normal inputs.
        saturates: where its derivative tends to 0: for large negative inputs, on both sides, nowhere.
        init: the usual initialiser before it; empty where a hidden layer cannot have it.
        watch: the diagnosis that belongs to it.
        untrainable: why a hidden layer cannot have it and what to take instead; empty where it can.
    """

    formula: str
    low: float
    high: float
    zero_centred: bool
    saturates: Side
    monotone: bool
    init: str
    watch: str
    source: str
    untrainable: str = ""


_NOT_ZERO = "outputs are not centred: the next layer's gradients share signs"

# fmt: off
ACTIVATION_FACTS: Mapping[str, ActivationFacts] = {
    #                             formula                                          low       high zero   saturates    monotone
    "identity":   ActivationFacts("x",                                             -INF,     INF, True,  "nowhere",    True,
                                  "xavier-normal", "layers without it are one linear layer", "Rosenblatt 1958"),
    "relu":       ActivationFacts("max(0, x)",                                     0.0,      INF, False, "below",      True,
                                  "kaiming-normal", "dead units: never active on any sample", "Nair & Hinton 2010"),
    "leaky-relu": ActivationFacts("x if x > 0 else 0.01 x",                        -INF,     INF, False, "nowhere",    True,
                                  "kaiming-normal", "its slope below 0 is small, not 0: no unit dies", "Maas et al. 2013"),
    "prelu":      ActivationFacts("x if x > 0 else a x, a learned from 0.25",      -INF,     INF, False, "nowhere",    True,
                                  "kaiming-normal", "the slope, which weight decay draws towards relu", "He et al. 2015"),
    "elu":        ActivationFacts("x if x > 0 else exp(x) - 1",                    -1.0,     INF, False, "below",      True,
                                  "kaiming-normal", "units that stay near -1", "Clevert et al. 2016"),
    "selu":       ActivationFacts("1.0507 (x if x > 0 else 1.6733 (exp(x) - 1))",  -SELU_LAMBDA * SELU_ALPHA,
                                                                                             INF, True,  "below",      True,
                                  "lecun-normal", "keeps mean 0, variance 1 only with init lecun-normal and alpha-dropout",
                                  "Klambauer et al. 2017"),
    "softplus":   ActivationFacts("log(1 + exp(x))",                               0.0,      INF, False, "below",      True,
                                  "xavier-normal", _NOT_ZERO, "Dugas et al. 2001"),
    "sigmoid":    ActivationFacts("1 / (1 + exp(-x))",                             0.0,      1.0, False, "both sides", True,
                                  "xavier-normal", "saturated units; " + _NOT_ZERO, "Rumelhart et al. 1986"),
    "tanh":       ActivationFacts("(exp(x) - exp(-x)) / (exp(x) + exp(-x))",       -1.0,     1.0, True,  "both sides", True,
                                  "xavier-normal", "saturated units", "LeCun et al. 1998"),
    "gelu":       ActivationFacts("x Phi(x), Phi the normal distribution",         -0.16997, INF, False, "below",      False,
                                  "kaiming-normal", "units that stay near 0", "Hendrycks & Gimpel 2016"),
    "silu":       ActivationFacts("x / (1 + exp(-x))",                             -0.27846, INF, False, "below",      False,
                                  "kaiming-normal", "units that stay near 0", "Elfwing et al. 2018"),
    "mish":       ActivationFacts("x tanh(log(1 + exp(x)))",                       -0.30884, INF, False, "below",      False,
                                  "kaiming-normal", "units that stay near 0", "Misra 2019"),
    "step":       ActivationFacts("1 if x >= 0 else 0",                            0.0,      1.0, False, "both sides", True,
                                  "", "no gradient at all", "Rosenblatt 1958",
                                  untrainable="its derivative is 0 everywhere, so no gradient reaches the layers before "
                                              "it: choose sigmoid, its smooth form"),
    "softmax":    ActivationFacts("exp(x_i) / sum of exp(x_j)",                    0.0,      1.0, False, "both sides", True,
                                  "", "for outputs: probabilities that sum to 1", "Bridle 1990",
                                  untrainable="it turns outputs into probabilities, which the loss cross-entropy does "
                                              "itself: choose sigmoid for hidden layers"),
}
# fmt: on


def _beside_zero(x: Tensor) -> Tensor:
    return softmax(torch.stack([x, torch.zeros_like(x)], -1))[..., 0]


_UNTRAINABLE: Mapping[str, Activation] = {"step": step, "softmax": _beside_zero}


def value_and_derivative(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return an activation's values and derivatives at x [n], in double precision.

    PReLU is taken with the slope that it starts from, softmax as a function of one output beside another that is 0.
    """
    x = x.double().detach().requires_grad_()
    y = (ACTIVATIONS[name] if name in ACTIVATIONS else _UNTRAINABLE[name])(x)
    if not y.requires_grad:
        return y, torch.zeros_like(y)
    return y.detach(), torch.autograd.grad(y.sum(), x)[0]
