"""Trails of the optimisers on a surface, from one start: the record of the study `optimisers` as a picture."""

from typing import Any

import numpy as np

from goodfit.landscape.critical_points import find_critical_points
from goodfit.landscape.functions import find_function
from goodfit.report.drawing import Chart, drawing
from goodfit.report.ground import COLOURS, draw_ground, mark_critical, title_of

FAR = 50.0
"""Points further outside than so many widths of the box are left out: drawing programs cannot place them."""


def trails(found: dict[str, Any]) -> Chart:
    """Draw where every optimiser went on a function of two variables, with its critical points."""
    surface = find_function(found["name"])
    low, high = np.array(surface.box).T
    with drawing("trails", f"Trails of {', '.join(found['trails'])} on {title_of(surface)}", 7.4, 4.8) as canvas:
        axes = canvas.axes
        draw_ground(axes, surface, surface.box)
        for (name, trail), colour in zip(found["trails"].items(), COLOURS, strict=False):
            points = np.array(trail["points"])
            near = (np.abs(points - (low + high) / 2) <= FAR * (high - low)).all(-1, keepdims=True)
            axes.plot(
                *np.where(near, points, np.nan).T,
                ".-",
                color=colour,
                linewidth=1.2,
                markersize=3,
                alpha=0.85,
                label=f"{name} ({trail['rate']:g})",
            )
        mark_critical(axes, find_critical_points(surface))
        axes.set_title(title_of(surface), loc="left", fontsize=11)
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    caption = "From one start, each with the rate in brackets; black: critical points."
    return Chart(f"Trails on {surface.name}", canvas.svg, caption, figure=canvas.figure)
