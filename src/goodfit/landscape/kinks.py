"""Where derivatives do not exist: autograd does not tell, at a kink it gives the mean of both sides.

So its Hessian is believed only where the gradient close by is what the Hessian foretells.
"""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from goodfit.landscape.functions import Landscape, corners, grid

CLOSE = (1e-6, 1e-8, 1e-10)
"""Distances, in widths of the box, at which the gradient is compared with what the Hessian foretells."""
AGREE = 0.1
"""Of the largest curvature: how far the two may differ."""
ROUNDING = 1e-12
HALVINGS = 40
"""Of a segment of a grid, in search of a kink within."""
SMALLEST_JUMP = 1e-6
"""Of the steepest slope."""


@dataclass(frozen=True)
class Kink:
    """Where the slope along one variable jumps, from what it is just before to what it is just after."""

    at: tuple[float, ...]
    along: str
    before: float
    after: float


def derivatives_at(landscape: Landscape, points: Tensor, typical: float, scale: float) -> Tensor:
    """Return how many derivatives exist: 2; 1 where the curvature jumps or is infinite; 0 where the slope jumps.

    One distance at which gradient and Hessian agree is enough, so that a bend in a wide box is not called a kink.

    Shape:
        points: [R, d]. typical: a size of second derivatives. scale: a size of values. returns: [R].
    """
    hessian, here, width = landscape.hessian(points), landscape.gradient(points), _width(landscape)
    moves = _distances(landscape) * _directions(landscape.dimension)
    changes = landscape.gradient(points[:, None, None] + moves) - here[:, None, None]  # [R, distances, directions, d]
    foretold = (hessian.nan_to_num(0, 0, 0)[:, None, None] @ moves[..., None])[..., 0]
    inside = changes.isfinite().all(-1)  # a function may end here
    errors = torch.where(inside, (changes - foretold).norm(dim=-1), 0).amax(-1)
    sizes = torch.where(inside, changes.norm(dim=-1), 0).amax(-1)
    curved = hessian.abs().nan_to_num(0, 0, 0).amax((-1, -2)).clamp_min(1e-3 * typical)
    allowed = AGREE * curved[:, None] * moves.norm(dim=-1).amax(-1) + ROUNDING * scale / width
    known = hessian.isfinite().all(-1).all(-1) & here.isfinite().all(-1)
    twice = known & (errors <= allowed).any(-1)
    return torch.where(twice, 2, torch.where(sizes[:, -1] < 0.5 * sizes[:, -2], 1, 0))


def largest_kink(landscape: Landscape, points: int, scale: float) -> Kink | None:
    """Return where the slope jumps most, None where no jump was found between the points of a grid with so many a side.

    Of kinks as large as each other the one nearest to the box's centre is returned; those at its edge do not count.
    """
    found = [_kink_along(landscape, axis, points, scale) for axis in range(landscape.dimension)]
    return max(filter(None, found), key=lambda kink: abs(kink.after - kink.before), default=None)


def _kink_along(landscape: Landscape, axis: int, points: int, scale: float) -> Kink | None:
    at, width = _sharpest_bends(landscape, axis, points), _width(landscape)
    steps = torch.eye(landscape.dimension, dtype=torch.float64)[axis] * _distances(landscape)
    before, after = (landscape.gradient(at + side * steps)[..., axis] for side in (-1, 1))  # [distances, S]
    jumps = (after - before).abs()
    least = SMALLEST_JUMP * float(after.abs().nan_to_num(0, 0, 0).max()) + ROUNDING * scale / width
    steady = (jumps[-1] > 0.5 * jumps[-2]) & (jumps[-1] < 2 * jumps[-2])  # else a bend, or an infinite slope
    low, high = landscape.box[axis]
    inside = (at[:, axis] > low + CLOSE[0] * width) & (at[:, axis] < high - CLOSE[0] * width)
    jumps = torch.where(steady & inside & (jumps[-1] > least), jumps[-1], 0)
    if not bool((jumps > 0).any()):
        return None
    off_centre = (at - torch.tensor(landscape.box, dtype=torch.float64).mean(-1)).norm(dim=-1)
    k = int(torch.where(jumps >= (1 - 1e-6) * jumps.max(), off_centre, torch.inf).argmin())
    return Kink(tuple(at[k].tolist()), landscape.names[axis], float(before[-1, k]), float(after[-1, k]))


def _sharpest_bends(landscape: Landscape, axis: int, points: int) -> Tensor:
    """Return in each segment along an axis of a grid where the slope changes most beyond its curvature: [S, d].

    Each segment is halved again and again, towards the change that its curvature at both ends explains less.
    """
    whole = grid(landscape.box, points).reshape(*[points] * landscape.dimension, landscape.dimension)
    a, b = (whole.narrow(axis, k, points - 1).reshape(-1, landscape.dimension) for k in (0, 1))
    slope_a, slope_b = (landscape.gradient(x)[:, axis] for x in (a, b))
    curvature = sum(landscape.hessian(x)[:, axis, axis].nan_to_num(0, 0, 0) for x in (a, b)) / 2
    for _ in range(HALVINGS):
        middle = (a + b) / 2
        slope, explained = landscape.gradient(middle)[:, axis], curvature * (middle - a)[:, axis]
        left = (slope - slope_a - explained).abs() > (slope_b - slope - explained).abs()
        a, b = torch.where(left[:, None], a, middle), torch.where(left[:, None], middle, b)
        slope_a, slope_b = torch.where(left, slope_a, slope), torch.where(left, slope, slope_b)
    return (a + b) / 2


def _directions(dimension: int) -> Tensor:
    """Return the directions to the neighbours in a grid, diagonals too, each of length 1: [n, d]."""
    signs = [s for s in itertools.product((-1.0, 0.0, 1.0), repeat=dimension) if any(s)]
    directions = torch.tensor(signs, dtype=torch.float64)
    return directions / directions.norm(dim=-1, keepdim=True)


def _distances(landscape: Landscape) -> Tensor:
    return torch.tensor(CLOSE, dtype=torch.float64)[:, None, None] * _width(landscape)


def _width(landscape: Landscape) -> float:
    low, high = corners(landscape.box)
    return float((high - low).norm())
