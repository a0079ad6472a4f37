"""Pictures of functions: the curve or contours, critical points, the chord that proves non-convexity; two risks."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from goodfit.landscape.convexity import Chord, Convexity
from goodfit.landscape.verdict import Terrain
from goodfit.report.drawing import INK, ORANGE, Chart, drawing
from goodfit.report.ground import COLOURS, LEGEND, draw_ground, mark_critical, title_of
from goodfit.wording import figure


def draw_function(terrain: Terrain, convexity: Convexity) -> Chart:
    """Draw one function with its critical points and, where it is not convex, the chord that shows it."""
    landscape = terrain.landscape
    plane = landscape.dimension == 2
    label = f"{title_of(landscape)}: {convexity.kind}; {len(terrain.critical)} critical points"
    with drawing("function", label, 6.6, 5.0 if plane else 3.8) as canvas:
        axes = canvas.axes
        draw_ground(axes, landscape, landscape.box)
        chord = convexity.against_convex
        if chord:
            _draw_chord(canvas.axes, chord, terrain)
        mark_critical(axes, terrain.critical)
        axes.set_title(title_of(landscape), loc="left", fontsize=11)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(**LEGEND)
    caption = ". ".join(words[0].upper() + words[1:] for words in convexity.words()) + "."
    header = ["kind", *landscape.names, "value", "eigenvalues"]
    rows: list[list[object]] = [
        [c.kind, *c.point, c.value, ", ".join(map(figure, c.eigenvalues))] for c in terrain.critical
    ]
    return Chart("Critical points and convexity", canvas.svg, caption, header, rows, canvas.figure)


def _draw_chord(axes: Axes, chord: Chord, terrain: Terrain) -> None:
    ends, middle = np.array([chord.a, chord.b]), np.array(chord.middle)
    words = f"chord, {figure(chord.value - chord.allowed)} below the function in its middle"
    if terrain.landscape.dimension == 2:
        axes.plot(*ends.T, "o-", color=ORANGE, markersize=5, label=words)
        axes.plot(*middle, "|", color=ORANGE, markersize=12)
        return
    values = terrain.landscape.value(torch.from_numpy(ends)).numpy()
    axes.plot(ends[:, 0], values, "o-", color=ORANGE, markersize=5, label=words)
    axes.plot([middle[0]] * 2, [chord.allowed, chord.value], ":", color=ORANGE)


def draw_risks(terrains: Sequence[Terrain]) -> Chart:
    """Draw functions of one variable in one picture, each with its lowest minimum: expected against empirical risk."""
    label = "; ".join(f"{t.landscape.name}, minimum at {t.place(t.lowest.point)}" for t in terrains if t.lowest)
    with drawing("functions", label, 6.6, 4.0) as canvas:
        axes = canvas.axes
        x = np.linspace(*terrains[0].landscape.box[0], 801)
        for number, terrain in enumerate(terrains):
            colour, landscape = COLOURS[number % len(COLOURS)], terrain.landscape
            axes.plot(x, landscape.value(torch.from_numpy(x)[:, None]), color=colour, label=title_of(landscape))
            if terrain.lowest:
                at = terrain.lowest.point[0], terrain.lowest.value
                axes.axvline(at[0], color=colour, linewidth=0.9, linestyle="--")
                axes.plot(*at, "v", color=colour, markeredgecolor=INK, markersize=9, zorder=5)
                side = -1 if number % 2 else 1
                axes.annotate(
                    f"{figure(at[0])}", at, xytext=(7 * side, -12), textcoords="offset points", color=colour,
                    ha="left" if side > 0 else "right",
                )  # fmt: skip
        axes.margins(y=0.12)
        axes.set_xlabel(terrains[0].landscape.names[0])
        axes.set_ylabel("value")
        axes.legend(**LEGEND)
    rows: list[list[object]] = [[t.landscape.name, *t.lowest.point, t.lowest.value] for t in terrains if t.lowest]
    return Chart(
        "Lowest minima", canvas.svg, "Triangles and dashed lines: the lowest minimum of each function in the box.",
        ["function", "minimum at", "value"], rows, canvas.figure,
    )  # fmt: skip
