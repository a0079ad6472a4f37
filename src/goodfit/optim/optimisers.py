"""Optimisers, each a short formula that can be held beside the paper.

A formula takes a parameter, its gradient, the optimiser's memory of it (`slots`) and the hyper-parameters of the
step, and returns the new parameter and memory. Only arithmetic, `sqrt` and `sign` are used, so one formula serves

- tensors: one network, or a population with hyper-parameters of shape [K, 1, ...];
- numbers: the compiled loops of `goodfit.population.compiled` run it on every element in one pass.

Adding one is adding one entry to `OPTIMISERS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, sign, sqrt
from torch.optim import SGD, Adadelta, Adagrad, Adam, AdamW, Optimizer, RMSprop

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean

Value = Any  # a number or a tensor: every formula is written for both
Trained = Sequence[Tensor] | Sequence[dict[str, Any]]
"""Parameters, or PyTorch's groups of parameters."""


class Hyper(NamedTuple):
    """Hyper-parameters of one step t = 1, 2, ...; whatever is formed from others is formed in double precision."""

    lr: Value
    weight_decay: Value
    shrink: Value
    """1 - lr * weight_decay."""
    momentum: Value
    beta1: Value
    rest1: Value
    """1 - beta1."""
    debias1: Value
    """1 / (1 - beta1^t)."""
    beta2: Value
    rest2: Value
    debias2: Value
    """1 / sqrt(1 - beta2^t)."""
    rho: Value
    rest_rho: Value
    eps: Value


def hyper_table(config: Config, rates: np.ndarray, first_step: int = 0) -> np.ndarray:
    """Return the hyper-parameters of consecutive steps: float64 [S, fields of `Hyper`].

    Args:
        rates: learning rate of every step, [S].
        first_step: steps taken before.
    """
    c = config
    columns = Hyper(
        lr=rates, weight_decay=c.weight_decay, shrink=1 - rates * c.weight_decay, momentum=c.momentum,
        beta1=c.beta1, rest1=1 - c.beta1, debias1=1 / _bias(c.beta1, first_step, len(rates)),
        beta2=c.beta2, rest2=1 - c.beta2, debias2=1 / np.sqrt(_bias(c.beta2, first_step, len(rates))),
        rho=c.rho, rest_rho=1 - c.rho, eps=c.eps,
    )  # fmt: skip
    table = np.empty((len(rates), len(columns)))
    for column, values in enumerate(columns):
        table[:, column] = values
    return table


def _bias(beta: float, first_step: int, steps: int) -> np.ndarray:
    """Return 1 - beta^t of the steps t = first_step + 1, ..."""
    blocks = range(first_step // _KEPT, (first_step + steps - 1) // _KEPT + 1)
    kept = [_kept_bias(beta, block) for block in blocks]
    start = first_step - blocks[0] * _KEPT
    return (kept[0] if len(kept) == 1 else np.concatenate(kept))[start : start + steps]


_KEPT = 4096


@lru_cache(maxsize=256)
def _kept_bias(beta: float, block: int) -> np.ndarray:
    # kept, for a population of small networks would spend more time on powers than on gradients
    return 1 - beta ** (block * _KEPT + 1 + np.arange(_KEPT))


def sgd(p: Value, g: Value, velocity: Value, h: Hyper) -> tuple[Value, Value]:
    """Gradient descent with momentum as PyTorch defines it: v <- mu v + g, p <- p - lr v (v starts at 0)."""
    velocity = h.momentum * velocity + (g + h.weight_decay * p)
    return p - h.lr * velocity, velocity


def nesterov(p: Value, g: Value, velocity: Value, h: Hyper) -> tuple[Value, Value]:
    """Nesterov's momentum (Sutskever et al. 2013, in PyTorch's form): p <- p - lr (g + mu v)."""
    g = g + h.weight_decay * p
    velocity = h.momentum * velocity + g
    return p - h.lr * (g + h.momentum * velocity), velocity


def adagrad(p: Value, g: Value, total: Value, h: Hyper) -> tuple[Value, Value]:
    """AdaGrad (Duchi et al. 2011): each rate is divided by the root of all squared gradients so far."""
    g = g + h.weight_decay * p
    total = total + g * g
    return p - h.lr * g / (sqrt(total) + h.eps), total


def rmsprop(p: Value, g: Value, square: Value, h: Hyper) -> tuple[Value, Value]:
    """RMSprop (Tieleman & Hinton 2012): a moving average of squared gradients, which forgets by `rho`."""
    g = g + h.weight_decay * p
    square = h.rho * square + h.rest_rho * (g * g)
    return p - h.lr * g / (sqrt(square) + h.eps), square


def adadelta(p: Value, g: Value, square: Value, moved: Value, h: Hyper) -> tuple[Value, Value, Value]:
    """Adadelta (Zeiler 2012, algorithm 1): the unit of the step comes from earlier steps."""
    g = g + h.weight_decay * p
    square = h.rho * square + h.rest_rho * (g * g)
    step = sqrt(moved + h.eps) / sqrt(square + h.eps) * g
    moved = h.rho * moved + h.rest_rho * (step * step)
    return p - h.lr * step, square, moved


def adam(p: Value, g: Value, m: Value, v: Value, h: Hyper) -> tuple[Value, Value, Value]:
    """Adam (Kingma & Ba 2015, algorithm 1), weight decay added to the gradient."""
    g = g + h.weight_decay * p
    m = h.beta1 * m + h.rest1 * g
    v = h.beta2 * v + h.rest2 * (g * g)
    return p - h.lr * (h.debias1 * m) / (h.debias2 * sqrt(v) + h.eps), m, v


def adamw(p: Value, g: Value, m: Value, v: Value, h: Hyper) -> tuple[Value, Value, Value]:
    """AdamW (Loshchilov & Hutter 2019, algorithm 2), decay decoupled, scaled by the rate as in PyTorch."""
    m = h.beta1 * m + h.rest1 * g
    v = h.beta2 * v + h.rest2 * (g * g)
    return h.shrink * p - h.lr * (h.debias1 * m) / (h.debias2 * sqrt(v) + h.eps), m, v


def lion(p: Value, g: Value, m: Value, h: Hyper) -> tuple[Value, Value]:
    """Lion (Chen et al. 2023, algorithm 2): the sign of an interpolated momentum; decay decoupled."""
    direction = sign(h.beta1 * m + h.rest1 * g)
    return h.shrink * p - h.lr * direction, h.beta2 * m + h.rest2 * g


class Lion(Optimizer):
    """Lion for one network as a `torch.optim.Optimizer`; PyTorch has none of its own."""

    def __init__(self, params: Trained, lr: float, betas: tuple[float, float], weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - lr * group["weight_decay"]).sub_(torch.sign(beta1 * m + (1 - beta1) * p.grad), alpha=lr)
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)


@dataclass(frozen=True)
class Optimiser:
    """A formula, the names of its slots, and the optimiser for one network in PyTorch."""

    formula: Callable[..., tuple[Value, ...]]
    slots: tuple[str, ...]
    torch: Callable[[Trained, Config], Optimizer]

    def start(self, p: Tensor) -> list[Tensor]:
        """Return the slots of a parameter before the first step."""
        return [torch.zeros_like(p) for _ in self.slots]

    def update(self, p: Tensor, g: Tensor, slots: list[Tensor], h: Hyper) -> None:
        """Take one step in place."""
        for old, new in zip((p, *slots), self.formula(p, g, *slots, h), strict=True):
            old.copy_(new)


def _adaptive(optimiser: Callable[..., Optimizer]) -> Callable[[Trained, Config], Optimizer]:
    def make(parameters: Trained, c: Config) -> Optimizer:
        return optimiser(
            parameters, lr=c.lr, betas=(c.beta1, c.beta2), eps=c.eps, weight_decay=c.weight_decay, fused=True
        )

    return make


OPTIMISERS: dict[str, Optimiser] = {
    "sgd": Optimiser(
        sgd, ("velocity",), lambda ps, c: SGD(ps, lr=c.lr, momentum=c.momentum, weight_decay=c.weight_decay)
    ),
    "nesterov": Optimiser(
        nesterov,
        ("velocity",),
        lambda ps, c: SGD(ps, lr=c.lr, momentum=c.momentum, weight_decay=c.weight_decay, nesterov=c.momentum > 0),
    ),
    "adagrad": Optimiser(
        adagrad, ("total",), lambda ps, c: Adagrad(ps, lr=c.lr, eps=c.eps, weight_decay=c.weight_decay)
    ),
    "rmsprop": Optimiser(
        rmsprop,
        ("square",),
        lambda ps, c: RMSprop(ps, lr=c.lr, alpha=c.rho, eps=c.eps, weight_decay=c.weight_decay),
    ),
    "adadelta": Optimiser(
        adadelta,
        ("square", "moved"),
        lambda ps, c: Adadelta(ps, lr=c.lr, rho=c.rho, eps=c.eps, weight_decay=c.weight_decay),
    ),
    "adam": Optimiser(adam, ("m", "v"), _adaptive(Adam)),
    "adamw": Optimiser(adamw, ("m", "v"), _adaptive(AdamW)),
    "lion": Optimiser(
        lion, ("m",), lambda ps, c: Lion(ps, lr=c.lr, betas=(c.beta1, c.beta2), weight_decay=c.weight_decay)
    ),
}


def find_optimiser(name: str) -> Optimiser:
    """Return the optimiser of that name."""
    if name not in OPTIMISERS:
        raise GoodfitError(
            f"setting 'optimiser' is '{name}'{did_you_mean(name, OPTIMISERS)}: choose one of {', '.join(OPTIMISERS)}"
        )
    return OPTIMISERS[name]
