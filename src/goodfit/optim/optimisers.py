"""Optimisers, each a short formula that can be held beside the paper.

An optimiser turns (parameter, gradient, state, hyper-parameters of the step) into the new parameter, in place.
Hyper-parameters are numbers for one network or tensors [K, 1, ...] for a population: the formula is the same.
Only elementwise arithmetic is used, whose result for an element does not depend on its place in the tensor
(`addcmul` rounds differently at the end of a tensor, so it is avoided).
Adding one is adding one entry to `OPTIMISERS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean

Value = float | Tensor


@dataclass(frozen=True)
class Hyper:
    """Hyper-parameters of step t; what is formed from beta (rest = 1 - beta, bias = 1 - beta^t) comes from doubles."""

    lr: Value
    weight_decay: Value
    momentum: Value
    beta1: Value
    rest1: Value
    bias1: Value
    beta2: Value
    rest2: Value
    bias2: Value
    eps: Value


State = dict[str, Tensor]
Update = Callable[[Tensor, Tensor, State, Hyper], None]


def sgd(p: Tensor, g: Tensor, state: State, h: Hyper) -> None:
    """Stochastic gradient descent with momentum as PyTorch defines it: v <- mu v + g, p <- p - lr v."""
    g = g + h.weight_decay * p
    velocity = state["velocity"]
    # PyTorch starts the velocity at the first gradient; a start at zero gives the same numbers
    velocity.mul_(h.momentum).add_(g)
    p.sub_(h.lr * velocity)


def _adam_direction(g: Tensor, state: State, h: Hyper) -> Tensor:
    m, v = state["m"], state["v"]
    m.mul_(h.beta1).add_(g * h.rest1)
    v.mul_(h.beta2).add_((g * g).mul_(h.rest2))
    root = (v / h.bias2).sqrt_().add_(h.eps)
    return (m / h.bias1).div_(root)


def adam(p: Tensor, g: Tensor, state: State, h: Hyper) -> None:
    """Adam (Kingma & Ba 2015, algorithm 1), weight decay added to the gradient."""
    p.sub_(h.lr * _adam_direction(g + h.weight_decay * p, state, h))


def adamw(p: Tensor, g: Tensor, state: State, h: Hyper) -> None:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2), decay decoupled, scaled by the rate as in PyTorch."""
    p.mul_(1 - h.lr * h.weight_decay)
    p.sub_(h.lr * _adam_direction(g, state, h))


@dataclass(frozen=True)
class Optimiser:
    """A formula, the state it keeps for each parameter, and PyTorch's own optimiser for one network."""

    update: Update
    slots: tuple[str, ...]
    torch: Callable[[Sequence[Tensor], Config], Optimizer]

    def start(self, p: Tensor) -> State:
        """Return the state of a parameter before the first step."""
        return {slot: torch.zeros_like(p) for slot in self.slots}


OPTIMISERS: dict[str, Optimiser] = {
    "sgd": Optimiser(
        sgd,
        ("velocity",),
        lambda ps, c: SGD(ps, lr=c.lr, momentum=c.momentum, weight_decay=c.weight_decay),
    ),
    "adam": Optimiser(
        adam,
        ("m", "v"),
        lambda ps, c: Adam(ps, lr=c.lr, betas=(c.beta1, c.beta2), eps=c.eps, weight_decay=c.weight_decay),
    ),
    "adamw": Optimiser(
        adamw,
        ("m", "v"),
        lambda ps, c: AdamW(ps, lr=c.lr, betas=(c.beta1, c.beta2), eps=c.eps, weight_decay=c.weight_decay),
    ),
}


def find_optimiser(name: str) -> Optimiser:
    """Return the optimiser of that name."""
    if name not in OPTIMISERS:
        raise GoodfitError(
            f"setting 'optimiser' is '{name}'{did_you_mean(name, OPTIMISERS)}: choose one of {', '.join(OPTIMISERS)}"
        )
    return OPTIMISERS[name]
