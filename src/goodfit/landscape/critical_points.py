"""Where the gradient is zero, and what is there: by the signs of the Hessian's eigenvalues."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from goodfit.landscape.functions import Box, Landscape

Kind = Literal["minimum", "maximum", "saddle", "flat"]
GRID = {1: 801, 2: 31}
"""Starts of the search on each axis."""
NEWTON_STEPS = 80
MOST_POINTS = 60
"""More than these are a line or a plane of critical points, not a list."""


@dataclass(frozen=True)
class CriticalPoint:
    """A point without slope.

    `flat` means that neither the eigenvalues nor the values around it tell it from a plain.
    """

    point: tuple[float, ...]
    value: float
    eigenvalues: tuple[float, ...]
    kind: Kind


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
    """Say what a critical point is: by eigenvalues; where one is zero, by the values on circles around it."""
    eigenvalues = torch.linalg.eigvalsh(landscape.hessian(point).nan_to_num(0, 0, 0))
    low, high = corners(landscape.box)
    width = float((high - low).norm())
    typical = float(landscape.hessian(grid(landscape.box, 9)).nan_to_num(0, 0, 0).abs().max())
    zero = 1e-7 * max(typical, 1e-300)
    up, down = bool((eigenvalues > zero).any()), bool((eigenvalues < -zero).any())
    if bool((eigenvalues.abs() <= zero).any()) and not (up and down):
        up, down = _around(landscape, point, width)
    kinds: dict[tuple[bool, bool], Kind] = {
        (True, False): "minimum", (False, True): "maximum", (True, True): "saddle", (False, False): "flat"
    }  # fmt: skip
    return CriticalPoint(
        tuple(point.tolist()), float(landscape.value(point)), tuple(eigenvalues.tolist()), kinds[up, down]
    )


def _around(landscape: Landscape, point: Tensor, width: float) -> tuple[bool, bool]:
    """Return whether there are higher and whether there are lower values close by."""
    angles = torch.linspace(0, 2 * math.pi, 65, dtype=torch.float64)[:-1]
    circle = torch.stack([angles.cos(), angles.sin()], -1) if len(point) == 2 else torch.tensor([[1.0], [-1.0]])
    here = landscape.value(point)
    rounding = 1e-14 * float(here.abs().clamp_min(1e-2))
    rises = torch.cat([landscape.value(point + r * width * circle.double()) - here for r in (3e-4, 1e-3, 3e-3)])
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


def grid(box: Box, points: int) -> Tensor:
    """Return an even grid of the box, edges included: [points^d, d]."""
    axes = [torch.from_numpy(np.linspace(low, high, points)) for low, high in box]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(box))


def corners(box: Box) -> tuple[Tensor, Tensor]:
    """Return the lower and the upper corner, [d] each."""
    low, high = torch.tensor(box, dtype=torch.float64).T
    return low, high
