"""How far to go along a direction: a step that satisfies the strong Wolfe conditions, for many points at once."""

import torch
from torch import Tensor

from goodfit.landscape.functions import Landscape

MOST_TRIALS = 60
SUFFICIENT_DECREASE = 1e-4
ROUNDING = 1e-12
"""Rise of the value, relative, that rounding may feign near a minimum."""


def wolfe_step(landscape: Landscape, x: Tensor, direction: Tensor, first: Tensor, curvature: float) -> Tensor:
    """Return steps t with f(x + t p) <= f + c1 t f'p and |f'(x + t p) p| <= c2 |f'p| (Nocedal & Wright 2006, eq. 3.7).

    Bisection: where the value did not fall enough or the slope points up again, t was too long; where the slope is
    still steeply down, too short. The bracket always holds a step that will do, so for a smooth function bounded
    below this ends. Near a minimum, where values differ by rounding only, the slope decides alone (Hager & Zhang 2005,
    eq. 4.1).

    Shape:
        x, direction: [R, d]. first: [R, 1], the first step tried. returns: [R, 1]; 0 where no step was found.

    Args:
        curvature: c2, between 1e-4 and 1: 0.9 for Newton-like directions, 0.1 for conjugate gradients.
    """
    value, slope = _along(landscape, x, direction)
    low, high, step = torch.zeros_like(first), torch.full_like(first, torch.inf), first.clone()
    found = ~(slope < 0)  # nowhere to go
    result = torch.zeros_like(first)
    for _ in range(MOST_TRIALS):
        if bool(found.all()):
            break
        there, there_slope = _along(landscape, x + step * direction, direction)
        falls = there <= value + SUFFICIENT_DECREASE * step * slope
        falls |= (there <= value + ROUNDING * value.abs()) & (there_slope <= (2 * SUFFICIENT_DECREASE - 1) * slope)
        too_long = ~falls | (there_slope > -curvature * slope)  # a value that is not a number does not fall either
        too_short = ~too_long & (there_slope < curvature * slope)
        high, low = torch.where(too_long, step, high), torch.where(too_short, step, low)
        result = torch.where(~found & falls, step, result)  # the longest search ends with a step that at least falls
        found |= ~too_long & ~too_short
        step = torch.where(high.isinf(), 2 * step, 0.5 * (low + high))
    return result


def _along(landscape: Landscape, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Return value and slope along the direction: [R, 1] each."""
    return landscape.value(x)[..., None], (landscape.gradient(x) * direction).sum(-1, keepdim=True)
