"""Where the gradient is zero, and what is there: by the signs of the Hessian's eigenvalues where there is a Hessian."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from goodfit.landscape.functions import Landscape, corners, grid
from goodfit.landscape.kinks import CLOSE, derivatives_at

Kind = Literal["minimum", "maximum", "saddle", "flat"]
GRID = {1: 801, 2: 31}
"""Starts of the search on each axis."""
NEWTON_STEPS = 80
AROUND = (3e-4, 1e-3, 3e-3)
"""Distances, in widths of the box, at which values tell what a point is whose curvature is zero."""
MOST_POINTS = 60
"""More than these are a line or a plane of critical points, not a list."""


@dataclass(frozen=True)
class CriticalPoint:
    """A point without slope.

    `flat` means that neither the eigenvalues nor the values around it tell it from a plain.

    Attributes:
        eigenvalues: of the Hessian; none where there is none.
        derivatives: 2; 1 where the second derivative does not exist; 0 at a kink, where the mean of the slopes is zero.
    """

    point: tuple[float, ...]
    value: float
    eigenvalues: tuple[float, ...]
    kind: Kind
    derivatives: int = 2


def find_critical_points(landscape: Landscape) -> list[CriticalPoint]:
    """Return the critical points inside the box, lowest first.

    Newton's method on the gradient from a grid of starts, so a point that attracts none of them is missed; of a line
    or plane of critical points only the first `MOST_POINTS` that were met are listed.
    """
    low, high = corners(landscape.box)
    starts = grid(landscape.box, GRID[landscape.dimension])
    found, close = polish(landscape, starts)
    inside = ((found >= low - 1e-9) & (found <= high + 1e-9)).all(-1)
    apart = 1e-4 * float((high - low).norm())
    kept: list[Tensor] = []
    for point in found[close & inside]:
        if all(float((point - other).norm()) > apart for other in kept):
            kept.append(point)
        if len(kept) == MOST_POINTS:
            break
    return sorted((classify(landscape, point) for point in kept), key=lambda c: c.value)


def polish(landscape: Landscape, x: Tensor) -> tuple[Tensor, Tensor]:
    """Move points to the critical points next to them: points [R, d], and whether each arrived [R].

    Newton on the gradient attracts to minima, maxima and saddles alike. A step is at most a tenth of the box, and
    goes along an axis of the Hessian only where that is curved. A plateau, where the gradient is small but the next
    critical point far, does not count as arrived.
    """
    low, high = corners(landscape.box)
    longest, centre = 0.1 * float((high - low).norm()), (low + high) / 2
    steepest = landscape.gradient(grid(landscape.box, 9)).norm(dim=-1).nan_to_num(0, 0, 0).max()
    step = torch.full_like(x, torch.inf)
    for _ in range(NEWTON_STEPS):
        x = torch.where(x.isfinite().all(-1, keepdim=True), x, centre)
        step = newton_step(landscape, x)
        step = step * (longest / step.norm(dim=-1, keepdim=True).clamp_min(longest))
        x = x - step
    slope = landscape.gradient(x).norm(dim=-1)
    return x, (slope <= 1e-8 * steepest) & (step.norm(dim=-1) <= 1e-6 * longest)


def newton_step(landscape: Landscape, x: Tensor) -> Tensor:
    """Return what Newton's method on the gradient would subtract; nothing along axes without curvature.

    Shape:
        x: [R, d]. returns: [R, d].
    """
    curvatures, axes = torch.linalg.eigh(landscape.hessian(x).nan_to_num(0, 0, 0))
    slopes = (axes.mT @ landscape.gradient(x).nan_to_num(0, 0, 0)[..., None])[..., 0]
    curved = curvatures.abs() > 1e-14 * curvatures.abs().amax(-1, keepdim=True)
    along = torch.where(curved, slopes / torch.where(curved, curvatures, 1), 0)
    return (axes @ along[..., None])[..., 0]


def classify(landscape: Landscape, point: Tensor) -> CriticalPoint:
    """Say what a critical point is: by eigenvalues; where one is zero or there are none, by the values around it."""
    eigenvalues = torch.linalg.eigvalsh(landscape.hessian(point).nan_to_num(0, 0, 0))
    places = grid(landscape.box, 9)
    typical = float(landscape.hessian(places).nan_to_num(0, 0, 0).abs().max())
    scale = float(landscape.value(places).nan_to_num(0, 0, 0).abs().max())
    derivatives = int(derivatives_at(landscape, point[None], typical, scale))
    zero = 1e-7 * max(typical, 1e-300)
    up, down = bool((eigenvalues > zero).any()), bool((eigenvalues < -zero).any())
    if derivatives < 2:  # however small the kink, close enough it is steeper than all else
        up, down, eigenvalues = *_around(landscape, point, CLOSE[:1]), eigenvalues[:0]
    elif bool((eigenvalues.abs() <= zero).any()) and not (up and down):
        up, down = _around(landscape, point, AROUND)
    kinds: dict[tuple[bool, bool], Kind] = {
        (True, False): "minimum", (False, True): "maximum", (True, True): "saddle", (False, False): "flat"
    }  # fmt: skip
    return CriticalPoint(
        tuple(point.tolist()), float(landscape.value(point)), tuple(eigenvalues.tolist()), kinds[up, down], derivatives
    )


def _around(landscape: Landscape, point: Tensor, distances: Sequence[float]) -> tuple[bool, bool]:
    """Return whether there are higher and whether there are lower values at distances given in widths of the box."""
    low, high = corners(landscape.box)
    width = float((high - low).norm())
    angles = torch.linspace(0, 2 * math.pi, 65, dtype=torch.float64)[:-1]
    circle = torch.stack([angles.cos(), angles.sin()], -1) if len(point) == 2 else torch.tensor([[1.0], [-1.0]])
    here = landscape.value(point)
    rounding = 1e-14 * float(here.abs().clamp_min(1e-2))
    rises = torch.cat([landscape.value(point + r * width * circle.double()) - here for r in distances])
    return bool((rises > rounding).any()), bool((rises < -rounding).any())


def lowest_and_highest(landscape: Landscape, points: list[CriticalPoint]) -> tuple[CriticalPoint | None, ...]:
    """Return the lowest minimum and the highest maximum among critical points, None where there is none."""
    minima = [p for p in points if p.kind == "minimum"]
    maxima = [p for p in points if p.kind == "maximum"]
    return min(minima, key=lambda p: p.value, default=None), max(maxima, key=lambda p: p.value, default=None)


def flat_share(landscape: Landscape) -> float:
    """Return the share of the box in which the gradient is below 1 % of the largest there: it has vanished."""
    slopes = landscape.gradient(grid(landscape.box, GRID[landscape.dimension])).norm(dim=-1)
    slopes = slopes[slopes.isfinite()]
    return float((slopes < 0.01 * slopes.max()).double().mean()) if len(slopes) else 0.0
