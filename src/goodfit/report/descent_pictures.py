"""Pictures of a descent: the trace on the curve or on contours, on the surface in 3-D, and the value by step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from goodfit.landscape.averages import average_over_seeds, group_of, labels
from goodfit.landscape.critical_points import CriticalPoint
from goodfit.landscape.descent import Trace
from goodfit.landscape.functions import Box, Landscape
from goodfit.report.drawing import PAPER, Chart, drawing
from goodfit.report.ground import COLOURS, LEGEND, draw_ground, heights, mark_critical, title_of

MOST_DRAWN = 60
"""Traces in one picture; of more the first are drawn, and the caption says so."""
MOST_NAMED = 12
"""Entries of a legend; with more, nothing could be read."""
FAR = 50.0
"""Points further outside than so many widths of the picture are left out: drawing programs cannot place them."""
PLAINLY: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.1, "alpha": 0.85}
FAINTLY: dict[str, Any] = {"linewidth": 0.6, "alpha": 0.4}
"""Runs with noise lie upon one another."""


def draw_traces(landscape: Landscape, traces: Sequence[Trace], critical: Sequence[CriticalPoint] = ()) -> Chart:
    """Draw the steps on the curve (one variable) or on contours (two), with the critical points marked."""
    plane = landscape.dimension == 2
    with drawing("traces", _alternative("Traces", landscape, traces), 6.6, 5.0 if plane else 4.0) as canvas:
        axes, view = canvas.axes, view_of(landscape, traces)
        draw_ground(axes, landscape, view)
        for trace, colour, label in _coloured(traces):
            shown = _inside(trace.points, view, beyond=FAR)
            second = trace.points[:, 1] if plane else trace.values
            line = np.where(shown, trace.points[:, 0], np.nan), np.where(shown, second, np.nan)
            axes.plot(*line, label=label, color=colour, **(FAINTLY if trace.noise and len(traces) > 3 else PLAINLY))
            axes.plot(*(v[:1] for v in line), "o", color=PAPER, markeredgecolor=colour, markersize=7, zorder=4)
        mark_critical(axes, critical)
        axes.set_title(title_of(landscape), loc="left", fontsize=11)
        _legend(axes)
    caption = "Rings: starts; black: critical points." + _left_out(traces)
    return Chart("Traces", canvas.svg, caption, figure=canvas.figure)


def draw_surface(landscape: Landscape, traces: Sequence[Trace]) -> Chart:
    """Draw the traces of a function of two variables on its surface."""
    with drawing("surface", _alternative("Surface", landscape, traces), 6.6, 5.4, projection="3d") as canvas:
        axes, view = canvas.axes, view_of(landscape, traces)
        axes.computed_zorder = False  # type: ignore[attr-defined]
        x, y, values = heights(landscape, view, 70)
        lowest = float(np.nanmin(values))
        steep = np.nanmax(values) - lowest > 200 * max(float(np.nanmedian(values)) - lowest, 1e-12)
        shown = np.log10(1 + values - lowest) if steep else values
        surface = axes.plot_surface(x, y, shown, cmap="Blues_r", alpha=0.75, linewidth=0, rcount=70, ccount=70)  # type: ignore[attr-defined]
        surface.set_rasterized(True)  # 4,900 shapes otherwise
        for trace, colour, label in _coloured(traces):
            inside = _inside(trace.points, view, beyond=0)
            z = np.log10(np.maximum(1 + trace.values - lowest, 1e-12)) if steep else trace.values
            along = [np.where(inside, v, np.nan) for v in (trace.points[:, 0], trace.points[:, 1], z)]
            axes.plot(*along, "o-", color=colour, markersize=3, linewidth=1.4, label=label, zorder=10)
        axes.set_xlabel(landscape.names[0])
        axes.set_ylabel(landscape.names[1])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))  # more overlap, seen from the side
        axes.set_zlabel("log10(1 + value - lowest)" if steep else "value")  # type: ignore[attr-defined]
        axes.set_title(title_of(landscape), loc="left", fontsize=11)
        _legend(axes, loc="upper left", bbox_to_anchor=(-0.12, 1.0))  # elsewhere it would cover the axis of the value
    return Chart("Surface", canvas.svg, "The same traces on the surface." + _left_out(traces), figure=canvas.figure)


def draw_values(landscape: Landscape, traces: Sequence[Trace]) -> Chart:
    """Draw the value by step: a line for each run, or the mean of the seeds with its 95 % interval."""
    averages = average_over_seeds(traces)
    with drawing("values", _alternative("Value by step", landscape, traces), 6.6, 3.6) as canvas:
        axes, everything = canvas.axes, np.concatenate([a.values for a in averages[:MOST_DRAWN]])
        highest, positive = float(everything.max()), everything[everything > 0]
        logarithmic = bool(everything.min() >= 0 and len(positive) and highest > 100 * everything.min())
        least = max(float(positive.min(initial=highest)), highest * 1e-18) / 3
        for number, average in enumerate(averages[:MOST_DRAWN]):
            colour, t = COLOURS[number % len(COLOURS)], np.arange(len(average.values))
            label = average.label + (f" (mean of {average.runs})" if average.runs > 1 else "")
            axes.plot(t, average.values, color=colour, label=label)
            if average.runs > 1:
                low, high = average.values - average.half_width, average.values + average.half_width
                low = np.maximum(low, least) if logarithmic else low
                axes.fill_between(t, low, high, color=colour, alpha=0.2, linewidth=0)
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_ylim(bottom=least)
        axes.set_xlabel("step")
        axes.set_ylabel("value")
        axes.set_title(f"{title_of(landscape)}", loc="left", fontsize=11)
        _legend(axes)
    caption = "Bands: 95 % t intervals of the mean over the noise seeds." if any(a.runs > 1 for a in averages) else ""
    header, rows = (
        ["run", "seeds", "last value", "±"],
        [[a.label, a.runs, a.values[-1], a.half_width[-1]] for a in averages],
    )
    return Chart("Value by step", canvas.svg, caption, header, rows, canvas.figure)


def view_of(landscape: Landscape, traces: Sequence[Trace]) -> Box:
    """Return the box to draw: the landscape's, widened for points that lie a little outside, at most twice as wide."""
    view = []
    for axis, (low, high) in enumerate(landscape.box):
        points = np.concatenate([trace.points[:, axis] for trace in traces]) if traces else np.array([low, high])
        room = (high - low) / 2
        near = points[(points >= low - room) & (points <= high + room)]
        ends = (min(low, near.min(initial=low)), max(high, near.max(initial=high)))
        margin = 0.03 * (high - low)
        view.append((ends[0] - margin * (ends[0] < low), ends[1] + margin * (ends[1] > high)))
    return tuple(view)


def _coloured(traces: Sequence[Trace]) -> list[tuple[Trace, str, str | None]]:
    """Return the traces to draw, each with its colour, the first of a group with its label."""
    names, seen, found = labels(traces), set(), []
    for trace in traces[:MOST_DRAWN]:
        group = group_of(trace)
        found.append((trace, colour_of(group, names), None if group in seen else names[group]))
        seen.add(group)
    return found


def colour_of(group: tuple[object, ...], names: dict[tuple[object, ...], str]) -> str:
    """Return the colour of a group of runs, the same in all pictures of one descent."""
    return COLOURS[list(names).index(group) % len(COLOURS)]


def _inside(points: np.ndarray, view: Box, beyond: float) -> np.ndarray:
    """Say which points lie in the view, or no more than so many of its widths outside."""
    sides = [(low - beyond * (high - low), high + beyond * (high - low)) for low, high in view]
    return np.logical_and.reduce(
        [(points[:, i] >= low) & (points[:, i] <= high) for i, (low, high) in enumerate(sides)]
    )


def _alternative(what: str, landscape: Landscape, traces: Sequence[Trace]) -> str:
    return f"{what} of {len(traces)} runs on {title_of(landscape)}: {', '.join(list(labels(traces).values())[:MOST_NAMED])}"


def _left_out(traces: Sequence[Trace]) -> str:
    return f" The first {MOST_DRAWN} of {len(traces)} runs." if len(traces) > MOST_DRAWN else ""


def _legend(axes: Axes, **place: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    if 0 < len(names) <= MOST_NAMED:
        axes.legend(handles, names, **({"loc": "best"} | place), **LEGEND)
