"""Penalties on the size of weights: L1, L2, and both at once, the elastic net (Zou & Hastie 2005).

What is minimised is loss + l1 * sum |w| + l2/2 * sum w^2. The sum runs over the weights of layers: every parameter of two
or more axes (matrices, filters, embeddings). Biases, and the scales and shifts of norms, are left alone: they are few, and
pulling them to zero takes away what the data say about means (Goodfellow et al. 2016, section 7.1).

A penalty acts through the gradient, so the optimiser treats it as it treats the loss. At w = 0 the derivative of |w| is
taken as 0: weights come close to zero and cross it, they do not stay on it.
"""

from typing import Any

from torch import Tensor, sign

Value = Any  # a number or a tensor: the compiled loops run the formula on every element


def penalised(p: Value, g: Value, l1: Value, l2: Value) -> Value:
    """Return the gradient g of the loss with that of l1 |p| + l2/2 p^2 added."""
    return g + (l1 * sign(p) + l2 * p)


def is_penalised(p: Tensor) -> bool:
    """Return whether one network's parameter is a layer's weight, which penalties apply to."""
    return p.ndim >= 2
