"""Pictures of a descent: the trace on the curve or on contours, on the surface in 3-D, and the value by step."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goodfit.landscape.averages import average_over_seeds, labels
from goodfit.landscape.critical_points import CriticalPoint
from goodfit.landscape.descent import Trace
from goodfit.landscape.drawing import COLOURS, FAINT, INK, MOST_NAMED, new_figure, style
from goodfit.landscape.functions import Box, Landscape

LEVELS = 16
MOST_DRAWN = 60
"""Traces in one picture; of more the first are drawn, and the picture says so."""
MARKS = {"minimum": "v", "maximum": "^", "saddle": "X", "flat": "s"}


def trace_picture(landscape: Landscape, traces: Sequence[Trace], critical: Sequence[CriticalPoint] = ()) -> Figure:
    """Draw the steps on the curve (one variable) or on contours (two), with the critical points marked."""
    with style():
        figure = new_figure(7.0, 4.2 if landscape.dimension == 1 else 5.4)
        axes = figure.subplots()
        view = view_of(landscape, traces)
        (_curve if landscape.dimension == 1 else _contours)(axes, landscape, view)
        for trace, colour, label in _coloured(traces):
            inside = _inside(trace.points, view)
            second = trace.values if landscape.dimension == 1 else trace.points[:, 1]
            line = np.where(inside, trace.points[:, 0], np.nan), np.where(inside, second, np.nan)
            axes.plot(*line, "o-", color=colour, markersize=3.5, linewidth=1.1, alpha=0.85, label=label)
            axes.plot(*(v[:1] for v in line), "o", color="white", markeredgecolor=colour, markersize=7, zorder=4)
        for point in critical:
            at = point.point if landscape.dimension == 2 else (point.point[0], point.value)
            axes.plot(*at, MARKS[point.kind], color=INK, markersize=7, alpha=0.75, zorder=5)
        axes.set_title(_title(landscape, traces))
        _legend(axes, figure)
        return figure


def surface_picture(landscape: Landscape, traces: Sequence[Trace]) -> Figure:
    """Draw the traces of a function of two variables on its surface."""
    with style():
        figure = new_figure(7.0, 5.6)
        axes = figure.add_subplot(projection="3d", computed_zorder=False)
        view = view_of(landscape, traces)
        x, y, values = heights(landscape, view, 70)
        lowest = float(np.nanmin(values))
        steep = np.nanmax(values) - lowest > 200 * max(float(np.nanmedian(values)) - lowest, 1e-12)
        shown = np.log10(1 + values - lowest) if steep else values
        axes.plot_surface(x, y, shown, cmap="Blues_r", alpha=0.75, linewidth=0, rcount=70, ccount=70)
        for trace, colour, label in _coloured(traces):
            inside = _inside(trace.points, view)
            z = np.log10(np.maximum(1 + trace.values - lowest, 1e-12)) if steep else trace.values
            along = [np.where(inside, v, np.nan) for v in (trace.points[:, 0], trace.points[:, 1], z)]
            axes.plot(*along, "o-", color=colour, markersize=3, linewidth=1.4, label=label, zorder=10)
        axes.set_xlabel(landscape.names[0])
        axes.set_ylabel(landscape.names[1])
        axes.set_zlabel("log10(1 + value - lowest)" if steep else "value")
        axes.set_title(_title(landscape, traces))
        _legend(axes, figure)
        return figure


def loss_picture(landscape: Landscape, traces: Sequence[Trace]) -> Figure:
    """Draw the value by step: a line for each run, or the mean of the seeds with its 95 % interval."""
    with style():
        figure = new_figure(7.0, 3.8)
        axes = figure.subplots()
        averages = average_over_seeds(traces)[:MOST_DRAWN]
        everything = np.concatenate([a.values for a in averages])
        falls_far = everything.min() > 0 and everything.max() > 100 * everything.min()
        for number, average in enumerate(averages):
            colour, t = COLOURS[number % len(COLOURS)], np.arange(len(average.values))
            label = average.label + (f" (mean of {average.runs})" if average.runs > 1 else "")
            axes.plot(t, average.values, color=colour, label=label)
            if average.runs > 1:
                low = average.values - average.half_width
                low = np.maximum(low, everything.min() / 10) if falls_far else low
                axes.fill_between(t, low, average.values + average.half_width, color=colour, alpha=0.2, linewidth=0)
        if everything.max() > 0 and everything.min() >= 0 and everything.max() > 100 * everything.min():
            smallest = everything[everything > 0].min()
            axes.set_yscale("log")
            axes.set_ylim(bottom=max(smallest / 3, everything.max() * 1e-18))
        axes.set_xlabel("step")
        axes.set_ylabel("value")
        axes.set_title(f"{landscape.name}: value by step")
        _legend(axes, figure)
        return figure


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


def heights(landscape: Landscape, view: Box, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y and the value on a grid, [points, points] each."""
    x, y = np.meshgrid(*(np.linspace(low, high, points) for low, high in view))
    return x, y, landscape.value(torch.from_numpy(np.stack([x, y], -1))).numpy()


def contour_levels(values: np.ndarray) -> np.ndarray:
    """Return heights of contour lines, close together near the lowest: each holds an equal share of the box."""
    finite = values[np.isfinite(values)]
    return np.unique(np.quantile(finite, np.linspace(0.004, 0.99, LEVELS))) if len(finite) else np.zeros(0)


def _curve(axes: Axes, landscape: Landscape, view: Box) -> None:
    x = np.linspace(*view[0], 801)
    values = landscape.value(torch.from_numpy(x)[:, None]).numpy()
    axes.plot(x, values, color=FAINT, linewidth=2.2, zorder=0)
    axes.set_xlabel(landscape.names[0])
    axes.set_ylabel("value")


def _contours(axes: Axes, landscape: Landscape, view: Box) -> None:
    x, y, values = heights(landscape, view, 160)
    levels = contour_levels(values)
    if len(levels) > 1:
        axes.contourf(x, y, values, levels=levels, cmap="Blues_r", alpha=0.35, extend="both")
        axes.contour(x, y, values, levels=levels, colors=[FAINT], linewidths=0.6, linestyles="solid")
    axes.grid(visible=False)
    axes.set_xlim(*view[0])
    axes.set_ylim(*view[1])
    axes.set_xlabel(landscape.names[0])
    axes.set_ylabel(landscape.names[1])


def _coloured(traces: Sequence[Trace]) -> list[tuple[Trace, str, str | None]]:
    """Return the traces to draw, each with its colour, the first of a group with its label."""
    names = labels(traces)
    keys = list(dict.fromkeys((t.method, t.start, t.eta) for t in traces))
    seen: set[str] = set()
    found = []
    for trace in traces[:MOST_DRAWN]:
        number = keys.index((trace.method, trace.start, trace.eta))
        label = names[number] if names[number] not in seen else None
        seen.add(names[number])
        found.append((trace, COLOURS[number % len(COLOURS)], label))
    return found


def _inside(points: np.ndarray, view: Box) -> np.ndarray:
    return np.logical_and.reduce([(points[:, i] >= low) & (points[:, i] <= high) for i, (low, high) in enumerate(view)])


def _title(landscape: Landscape, traces: Sequence[Trace]) -> str:
    name = landscape.name if landscape.name == landscape.formula else f"{landscape.name}: {landscape.formula}"
    name = name if len(name) <= 70 else name[:69] + "…"
    return name + (f" (the first {MOST_DRAWN} of {len(traces)} runs)" if len(traces) > MOST_DRAWN else "")


def _legend(axes: Axes, figure: Figure) -> None:
    handles, names = axes.get_legend_handles_labels()
    if 0 < len(names) <= MOST_NAMED:
        axes.legend(handles, names, loc="best")
