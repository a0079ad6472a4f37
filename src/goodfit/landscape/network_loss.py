"""The loss of a tiny network as a function of two numbers: how far to go from a minimum along two directions."""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from goodfit.randomness import torch_generator

HIDDEN, SAMPLES = 4, 24


@lru_cache(maxsize=16)
def loss_along_two_directions(seed: int) -> Callable[[Tensor], Tensor]:
    """Return L(a, b) = loss(w + a d1 + b d2): [..., 2] -> [...].

    w is a minimum found from the seed's initial weights, d1 and d2 are random directions in which every layer is as
    long as the same layer of w (Li et al. 2018, "Visualizing the loss landscape of neural nets", section 4).
    """
    x = torch.linspace(-1, 1, SAMPLES, dtype=torch.float64)
    y = torch.sin(math.pi * x)
    generator = torch_generator(seed, "network landscape")
    draws = torch.randn(3, 3 * HIDDEN + 1, generator=generator, dtype=torch.float64)
    centre = _minimum(draws[0], x, y)
    directions = torch.cat(
        [
            d * (w.norm() / d.norm(dim=-1, keepdim=True))
            for d, w in zip(_layers(draws[1:]), _layers(centre[None]), strict=True)
        ],
        -1,
    )
    # written out: a matrix product would round differently for one point and for many
    return lambda ab: _loss(centre + (ab[..., :1] * directions[0] + ab[..., 1:] * directions[1]), x, y)


def _layers(weights: Tensor) -> list[Tensor]:
    """Split [n, weights] into hidden weights and biases, output weights and bias."""
    return list(weights.split([HIDDEN, HIDDEN, HIDDEN, 1], -1))


def _loss(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean squared error: [..., weights] -> [...]."""
    w, b, v, c = (part[..., None, :] for part in _layers(weights))
    output = (v * torch.tanh(w * x[:, None] + b)).sum(-1) + c[..., 0]
    return (output - y).square().mean(-1)


def _minimum(weights: Tensor, x: Tensor, y: Tensor) -> Tensor:
    weights = weights.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [weights],
        max_iter=5000,
        max_eval=20000,
        tolerance_grad=1e-12,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = _loss(weights, x, y)
        torch.autograd.backward(loss)
        return loss

    optimiser.step(closure)
    return weights.detach()
