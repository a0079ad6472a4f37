"""Mean-field theory of signals at the start: what variance a wide network's layers have, before any training.

With weights of variance sigma_w^2 / n_in and biases of variance sigma_b^2, both with mean 0, the pre-activations of a
wide layer are normal, and their mean square obeys (Poole et al. 2016, arXiv 1606.05340, equation 3)

    q_1 = sigma_w^2 E[x^2] + sigma_b^2,    q_{l+1} = sigma_w^2 E[phi(sqrt(q_l) z)^2] + sigma_b^2,    z ~ N(0, 1).

Going back through a layer multiplies the gradient's mean square by (Schoenholz et al. 2017, arXiv 1611.01232)

    chi_l = sigma_w^2 E[phi'(sqrt(q_l) z)^2].
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.nn.activations import ACTIVATIONS, Activation

NODES, REACH = 1 << 14, 10.0
"""Of the midpoint rule. It converges for smooth functions as fast as Gauss-Hermite quadrature does, and its nodes lie
close enough for a saturated derivative, a peak of width 1/sqrt(q); no node lies on the kink at 0."""


@dataclass(frozen=True)
class Prediction:
    """What theory says of each hidden layer 1 ... L.

    Attributes:
        preactivation: mean square of the values before the activation.
        mean, variance: of the values after it.
        gradient: mean square of the gradient by the values before the activation, in units of the last layer's.
    """

    preactivation: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    gradient: np.ndarray


def predict(activation: str, weight: float, bias: float, depth: int, inputs: float = 1.0) -> Prediction:
    """Follow a signal through hidden layers of equal width.

    Args:
        activation: name in `goodfit.nn.ACTIVATIONS`.
        weight: sigma_w^2, the weights' variance times the fan-in. bias: sigma_b^2.
        inputs: mean square of the network's inputs.
    """
    phi = ACTIVATIONS[activation]
    q, rows = weight * inputs + bias, []
    for _ in range(depth):
        first, square, slope = moments(phi, q)
        rows.append((q, first, square - first**2, weight * slope))
        q = weight * square + bias
    preactivation, mean, variance, chi = np.array(rows).reshape(depth, 4).T
    # gradients go back: layer l has what layer l + 1 has, times its own chi
    gradient = np.append(np.cumprod(chi[:-1][::-1])[::-1], 1.0)
    return Prediction(preactivation, mean, variance, gradient)


def moments(phi: Activation, q: float) -> tuple[float, float, float]:
    """Return E[phi], E[phi^2] and E[phi'^2] for normal inputs with mean 0 and variance q."""
    z, weight = _nodes()
    x = (math.sqrt(q) * z).requires_grad_()
    y = phi(x)
    [slope] = torch.autograd.grad(y.sum(), x)
    y = y.detach()
    return float(weight @ y), float(weight @ y.square()), float(weight @ slope.square())


@lru_cache
def gain(activation: str) -> float:
    """Return 1 / sqrt(E[phi(z)^2]): weights of that standard deviation over sqrt(n_in) keep the mean square at 1.

    This is He's rule for any activation: sqrt(2) for ReLU, sqrt(2 / (1 + a^2)) for leaky ReLU (He et al. 2015), 1 for
    the identity and SELU. PyTorch rounds tanh's 1.59 to 5/3 and takes 3/4 for SELU.

    Raises:
        GoodfitError: an unknown activation.
    """
    if activation not in ACTIVATIONS:
        raise GoodfitError(
            f"activation '{activation}' is unknown{did_you_mean(activation, ACTIVATIONS)}: choose one of {', '.join(ACTIVATIONS)}"
        )
    return 1 / math.sqrt(moments(ACTIVATIONS[activation], 1.0)[1])


@lru_cache
def _nodes() -> tuple[torch.Tensor, torch.Tensor]:
    z = (torch.arange(NODES, dtype=torch.float64) + 0.5) * (2 * REACH / NODES) - REACH
    weight = torch.exp(-0.5 * z.square())
    return z, weight / weight.sum()
