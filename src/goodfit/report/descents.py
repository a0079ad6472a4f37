"""Figures of the study `double-descent`: curves with their regimes, and maps of size and time."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize

from goodfit.report.drawing import BLUE, GREEN, INK, ORANGE, RED, Chart, drawing
from goodfit.wording import figure

COLOURS = (BLUE, ORANGE, GREEN, RED)
BELOW = 8.0
"""On a logarithmic scale the picture ends so far below the lowest held-out loss: a training loss goes to zero."""
FLOOR = 1e-7
"""And never lower than that share of the largest value: what is below is rounding error."""
MOST_TICKS = 9


def descent_charts(record: dict[str, Any]) -> dict[str, Chart | None]:
    """Return the figures by name; none where the record is of another study."""
    curves: dict[str, Chart | None] = {found["name"]: regimes(found) for found in record.get("descents", [])}
    return curves | {found["name"]: heat_map(found) for found in record.get("maps", [])}


def regimes(found: dict[str, Any]) -> Chart:
    """Means with bands against size, time or samples; the threshold, the critical regime about it and the other two."""
    with drawing(found["name"], f"{found['title']}: {', '.join(found['series'])}", height=3.6) as canvas:
        axes, x = canvas.axes, np.array(found["x"])
        for (name, series), colour in zip(found["series"].items(), COLOURS, strict=False):
            mean, low, high = (np.array(series[part], dtype=float) for part in ("mean", "low", "high"))
            axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
            axes.plot(x, mean, color=colour, marker=".", label=name, linestyle=_line(name))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.6g}")
        axes.xaxis.set_minor_formatter(lambda value, _: _minor(value) if x.max() < 100 * x.min() else "")
        axes.set_xlim(x.min() / 1.08, x.max() * 1.08)
        if found["log_y"]:
            axes.set_yscale("log")
            axes.set_ylim(_bottom(found["series"]), None)
            bottom, top = axes.get_ylim()
            axes.yaxis.set_major_formatter(lambda value, _: figure(value))
            axes.yaxis.set_minor_formatter(lambda value, _: _minor(value) if top < 30 * bottom else "")
        else:
            axes.set_ylim(0, None)
        _mark_regimes(axes, found)
        axes.set_xlabel(found["x_label"])
        axes.set_ylabel(found["y_label"])
        axes.legend(fontsize=8)
    mean_of = "geometric mean" if found["log_y"] else "mean"
    caption = f"Line: {mean_of} over the seeds; band: its 95 % interval. {found['caption']}".strip()
    if found["threshold"] is not None:
        caption += f" Dashed upright: the interpolation threshold ({figure(found['threshold'])}); shaded: within a factor 2 of it."
    if found["mark"] is not None:
        caption += f" Dotted upright: the training as it is ({figure(found['mark'])})."
    rows: list[list[object]] = [
        [value, *(series["mean"][k] for series in found["series"].values())] for k, value in enumerate(found["x"])
    ]
    return Chart(found["title"], canvas.svg, caption, [found["x_label"], *found["series"]], rows, canvas.figure)


def heat_map(found: dict[str, Any]) -> Chart:
    """A quantity over size (across) and time (upwards), with the border of interpolation."""
    values = np.array(found["values"], dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    norm = (LogNorm if found["log"] else Normalize)(low, high)
    with drawing(found["name"], f"{found['title']} by {found['x_label']} and {found['y_label']}", height=4.2) as canvas:
        axes = canvas.axes
        cells = axes.pcolormesh(
            np.ma.masked_invalid(values), cmap="viridis", norm=norm, edgecolor="face", linewidth=0.2
        )
        bar = canvas.figure.colorbar(cells, ax=axes, format=lambda value, _: figure(value))
        bar.ax.yaxis.set_minor_formatter(lambda value, _: figure(value) if high < 10 * low else "")
        bar.ax.tick_params(which="both", labelsize=8)
        for axis, places in ((axes.xaxis, found["x"]), (axes.yaxis, found["y"])):
            every = -(-len(places) // MOST_TICKS)
            axis.set_ticks([k + 0.5 for k in range(len(places))][::every], [_tick(v) for v in places][::every])
        axes.grid(visible=False)
        _draw_border(axes, found)
        axes.set_xlabel(found["x_label"])
        axes.set_ylabel(found["y_label"])
    rows: list[list[object]] = [[y, *row] for y, row in zip(found["y"], found["values"], strict=True)]
    header = [f"{found['y_label']} / {found['x_label']}", *(figure(v) for v in found["x"])]
    return Chart(found["title"], canvas.svg, f"Means over the seeds. {found['caption']}", header, rows, canvas.figure)


def _tick(value: float) -> str:
    return figure(value) if value < 1e6 else f"{value:.1e}"


def _minor(value: float) -> str:
    """Label 2 and 5 between the powers of ten, which alone would be too few."""
    return figure(value) if f"{value:.0e}"[0] in "25" else ""


def _line(name: str) -> str:
    """Training beside held-out losses is dashed; so is the second cure, which often lies on the first."""
    return "--" if name in ("training", "stopped in time") else "-"


def _bottom(series: dict[str, Any]) -> float:
    held_out = [v for name, found in series.items() if name != "training" for v in found["mean"] if v is not None]
    everything = [v for found in series.values() for v in found["mean"] if v is not None]
    return max(min(everything) / 1.3, min(held_out) / BELOW, max(everything) * FLOOR)


def _mark_regimes(axes: Axes, found: dict[str, Any]) -> None:
    if found["mark"] is not None:
        axes.axvline(found["mark"], color=INK, linestyle=":", linewidth=1.2)
    if found["threshold"] is None:
        return
    left, right = axes.get_xlim()
    low, high = found["critical"]
    axes.axvspan(max(low, left), min(high, right), color=ORANGE, alpha=0.09, linewidth=0)
    axes.axvline(found["threshold"], color=INK, linestyle="--", linewidth=1)
    for name, (start, end) in zip(found["regimes"], ((left, low), (low, high), (high, right)), strict=True):
        start, end = max(start, left), min(end, right)
        if np.log(end / start) > 0.08 * np.log(right / left) if end > start else False:
            axes.text(
                np.sqrt(start * end),
                1.015,
                name,
                transform=axes.get_xaxis_transform(),
                ha="center",
                fontsize=8,
                color=INK,
            )


def _draw_border(axes: Axes, found: dict[str, Any]) -> None:
    """Draw a stair along the first interpolating time of each size."""
    places = {y: k for k, y in enumerate(found["y"])}
    top = len(found["y"])
    heights = [top if border is None else places[border] for border in found["border"]]
    if min(heights) < top:
        axes.stairs(heights, range(len(heights) + 1), baseline=None, color=PAPER_LINE, linewidth=2)


PAPER_LINE = "white"
"""The border is drawn on colours, not on the page: it must not follow the page's theme."""
