"""What lies under a descent: the curve of a function of one variable, the contours of one of two, what is marked on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from goodfit.landscape.critical_points import CriticalPoint
from goodfit.landscape.functions import Box, Landscape
from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, PAPER, RED

COLOURS = [BLUE, ORANGE, GREEN, RED, "#8a63c9", "#a07d00", "#c2438b", "#3c8a8e", "#7a8494", "#9a5b2b"]
"""The page's own colours, then some that can be seen on light and on dark paper."""
LEVELS = 16
MARKS = {"minimum": "v", "maximum": "^", "saddle": "X", "flat": "s"}
MOST_LETTERS = 80
LEGEND: dict[str, Any] = {"fontsize": 9, "frameon": True, "facecolor": PAPER, "edgecolor": PAPER, "framealpha": 0.8}
"""Legends lie on contours and hatches."""


def draw_ground(axes: Axes, landscape: Landscape, view: Box) -> None:
    """Draw the curve or the contours, with the variables' names at the axes."""
    axes.set_xlabel(landscape.names[0])
    if landscape.dimension == 1:
        x = np.linspace(*view[0], 801)
        values = landscape.value(torch.from_numpy(x)[:, None]).numpy()
        axes.plot(x, values, color=FAINT, linewidth=2.4, zorder=0)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
        margin = 0.06 * (high - low or 1.0)
        axes.set_xlim(*view[0])
        axes.set_ylim(low - margin, high + margin)
        axes.set_ylabel("value")
        return
    x, y, values = heights(landscape, view, 160)
    levels = contour_levels(values)
    if len(levels) > 1:
        fill = axes.contourf(x, y, values, levels=levels, cmap="Blues_r", alpha=0.35, extend="both")
        fill.set_rasterized(True)  # as shapes, the fills would be most of the file
        axes.contour(x, y, values, levels=levels, colors=[FAINT], linewidths=0.6, linestyles="solid")
    axes.grid(visible=False)
    axes.set_xlim(*view[0])
    axes.set_ylim(*view[1])
    axes.set_ylabel(landscape.names[1])


def mark_critical(axes: Axes, critical: Sequence[CriticalPoint]) -> None:
    """Mark critical points, each kind by its own sign."""
    for kind, marker in MARKS.items():
        at = [c.point if len(c.point) == 2 else (c.point[0], c.value) for c in critical if c.kind == kind]
        if at:
            axes.plot(*zip(*at, strict=True), marker, color=INK, markersize=7, alpha=0.8, zorder=5, label=kind)


def heights(landscape: Landscape, view: Box, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y and the value on a grid, [points, points] each."""
    x, y = np.meshgrid(*(np.linspace(low, high, points) for low, high in view))
    return x, y, landscape.value(torch.from_numpy(np.stack([x, y], -1))).numpy()


def contour_levels(values: np.ndarray) -> np.ndarray:
    """Return heights of contour lines, close together near the lowest: each holds an equal share of the box."""
    finite = values[np.isfinite(values)]
    return np.unique(np.quantile(finite, np.linspace(0.004, 0.99, LEVELS))) if len(finite) else np.zeros(0)


def title_of(landscape: Landscape) -> str:
    """Return the name, and the formula where that says more."""
    name = landscape.name if landscape.name == landscape.formula else f"{landscape.name}: {landscape.formula}"
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"
