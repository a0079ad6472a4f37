"""Methods of descent, each a short step. Adding one is adding one entry to `METHODS`.

A step takes the points of R runs, [R, d], and must treat each run on its own. The optimisers of networks are entries
too: the very formulas of `goodfit.optim`, which the engine trains with.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.landscape.functions import Landscape
from goodfit.landscape.line_search import wolfe_step
from goodfit.optim import OPTIMISERS
from goodfit.optim.optimisers import Hyper, Optimiser

Memory = tuple[Tensor, ...]
Step = Callable[[Landscape, Tensor, Tensor, Memory, Hyper], tuple[Tensor, Memory]]
"""step(landscape, x, gradient, memory, hyper) -> (x, memory); `hyper.lr` is eta, [R, 1]."""

KEPT_PAIRS = 8
"""Pairs that L-BFGS remembers."""
SMALLEST_CURVATURE = 1e-8


@dataclass(frozen=True)
class Method:
    """A method, what it remembers before the first step, the eta it takes if none is given, whether it climbs to maxima."""

    step: Step
    begin: Callable[[Tensor], Memory]
    eta: float
    about: str
    climbs: bool = False


def gradient_descent(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
    """x <- x - eta f'(x)."""
    return x - h.lr * g, memory


def newton(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
    """x <- x - eta H^-1 f'(x). Where the curvature is negative this climbs."""
    direction, failed = torch.linalg.solve_ex(landscape.hessian(x), g[..., None])
    direction = torch.where(failed[..., None] == 0, direction[..., 0], torch.nan)
    return x - h.lr * direction, memory


def safeguarded_newton(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
    """Newton with |eigenvalues| of the Hessian, which always descends, and a Wolfe line search.

    Nocedal & Wright 2006, section 3.4; Dauphin et al. 2014 ("saddle-free Newton").
    """
    curvatures, axes = torch.linalg.eigh(landscape.hessian(x).nan_to_num())
    curvatures = curvatures.abs().clamp_min(SMALLEST_CURVATURE)
    direction = -(axes @ ((axes.mT @ g[..., None]) / curvatures[..., None]))[..., 0]
    return x + wolfe_step(landscape, x, direction, h.lr.clone(), 0.9) * direction, memory


def diagonal_preconditioning(
    landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper
) -> tuple[Tensor, Memory]:
    """x <- x - eta f'(x) / |diagonal of H|: each axis gets a rate of its own."""
    diagonal = landscape.hessian(x).diagonal(dim1=-2, dim2=-1)
    return x - h.lr * g / diagonal.abs().clamp_min(SMALLEST_CURVATURE), memory


def line_search(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
    """Gradient descent, each step as long as the Wolfe conditions ask; eta is the first length tried."""
    return x - wolfe_step(landscape, x, -g, h.lr.clone(), 0.9) * g, memory


def conjugate_gradient(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
    """Polak-Ribiere+ (Nocedal & Wright 2006, eq. 5.44), first trying the step that is exact on a quadratic.

    On a quadratic of d variables it arrives in d steps; the trial step is Newton's along the direction
    (Shewchuk 1994, section 14.1), scaled by eta.
    """
    before, direction = memory
    beta = (_dot(g, g - before) / _dot(before, before)).clamp_min(0)
    direction = -g + torch.where(beta.isfinite(), beta, 0) * direction.nan_to_num()
    direction = torch.where(_dot(g, direction) < 0, direction, -g)
    curvature = _dot(direction, (landscape.hessian(x) @ direction[..., None])[..., 0])
    exact = -_dot(g, direction) / curvature
    first = h.lr * torch.where((curvature > 0) & exact.isfinite(), exact, 1.0)
    return x + wolfe_step(landscape, x, direction, first, 0.1) * direction, (g, direction)


def lbfgs(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
    """Limited-memory BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5) with a Wolfe line search."""
    before_x, before_g, moves, turns = memory
    moves = torch.cat([moves[1:], (x - before_x).nan_to_num()[None]])
    turns = torch.cat([turns[1:], (g - before_g).nan_to_num()[None]])
    direction = -_two_loops(g, moves, turns)
    direction = torch.where(_dot(g, direction) < 0, direction, -g)
    first = torch.where(before_x.isnan().all(-1, keepdim=True), h.lr / g.norm(dim=-1, keepdim=True).clamp_min(1), h.lr)
    new = x + wolfe_step(landscape, x, direction, first, 0.9) * direction
    return new, (x, g, moves, turns)


def _two_loops(g: Tensor, moves: Tensor, turns: Tensor) -> Tensor:
    """Return the inverse Hessian's estimate times g; pairs without positive curvature count for nothing."""
    q, kept = g, []
    curvature = (moves * turns).sum(-1, keepdim=True)
    usable = curvature > 1e-14 * (turns * turns).sum(-1, keepdim=True)
    weight = torch.where(usable, 1 / torch.where(usable, curvature, 1), 0)
    for s, y, rho in zip(moves.flip(0), turns.flip(0), weight.flip(0), strict=True):
        alpha = rho * _dot(s, q)
        q = q - alpha * y
        kept.append((s, y, rho, alpha))
    scale = torch.where(usable[-1], curvature[-1] / _dot(turns[-1], turns[-1]), 1.0)
    q = scale * q
    for s, y, rho, alpha in reversed(kept):
        q = q + (alpha - rho * _dot(y, q)) * s
    return q


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True)


def _nothing(x: Tensor) -> Memory:
    return ()


def _previous_direction(x: Tensor) -> Memory:
    return torch.full_like(x, torch.nan), torch.zeros_like(x)


def _pairs(x: Tensor) -> Memory:
    unknown, pairs = torch.full_like(x, torch.nan), torch.zeros(KEPT_PAIRS, *x.shape, dtype=x.dtype)
    return unknown, unknown, pairs, pairs


def _of_networks(name: str, optimiser: Optimiser) -> Method:
    def step(landscape: Landscape, x: Tensor, g: Tensor, memory: Memory, h: Hyper) -> tuple[Tensor, Memory]:
        new, *slots = optimiser.formula(x, g, *memory, h)
        return new, tuple(slots)

    about = (optimiser.formula.__doc__ or "").split(":")[0].split(",")[0].rstrip(".")
    return Method(step, lambda x: tuple(optimiser.start(x)), 1.0 if name == "adadelta" else 0.1, about)


METHODS: dict[str, Method] = {
    "gd": Method(gradient_descent, _nothing, 0.1, "gradient descent; with noise, stochastic gradient descent"),
    "newton": Method(newton, _nothing, 1.0, "Newton's method, full step", climbs=True),
    "newton-damped": Method(newton, _nothing, 0.5, "Newton's method, half steps", climbs=True),
    "newton-safeguarded": Method(safeguarded_newton, _nothing, 1.0, "|eigenvalues| of the Hessian and a line search"),
    "diagonal": Method(diagonal_preconditioning, _nothing, 0.5, "gradient over the Hessian's diagonal"),
    "line-search": Method(line_search, _nothing, 1.0, "gradient descent with a Wolfe line search"),
    "cg": Method(conjugate_gradient, _previous_direction, 1.0, "conjugate gradients (Polak-Ribiere+)"),
    "lbfgs": Method(lbfgs, _pairs, 1.0, "limited-memory BFGS"),
    **{name: _of_networks(name, optimiser) for name, optimiser in OPTIMISERS.items()},
}


def find_method(name: str) -> Method:
    """Return the method of that name."""
    if name not in METHODS:
        raise GoodfitError(
            f"there is no method '{name}'{did_you_mean(name, METHODS)}: choose from {', '.join(METHODS)}"
        )
    return METHODS[name]
