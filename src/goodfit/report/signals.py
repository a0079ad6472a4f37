"""Figures of signals at the start, drawn from records of `goodfit.nn.signals`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter

from goodfit.report.drawing import BLUE, GREEN, INK, ORANGE, RED, Chart, drawing

Record = dict[str, Any]
MOST_ROWS, MOST_COLUMNS = 12, 6
"""Histograms below and beside one another."""
COLOURS = (BLUE, ORANGE, GREEN, RED)
MARKERS = ("o", "s", "^", "D", "v", "P")


def variance_through_depth(records: Sequence[Record], what: str = "variance") -> Chart:
    """Variance of the activations by layer: points measured, lines by theory.

    Args:
        what: `variance` of the activations, or `gradient`, its mean square in units of the last layer's.
    """
    name = {"variance": "variance of the activations", "gradient": "mean square of the gradient"}[what]
    rows: list[list[object]] = []
    with drawing(f"signals-{what}", f"{name} by layer, measured and by theory", width=7.2, height=3.8) as canvas:
        axes = canvas.axes
        for number, record in enumerate(records):
            # colours first, then markers: as many pairs as a figure can hold
            colour, marker = COLOURS[number % 4], MARKERS[number // 4 % len(MARKERS)]
            layers = [layer["layer"] for layer in record["layers"]]
            measured = [_positive(layer[what]) for layer in record["layers"]]
            expected = [_positive(v) for v in record["expected"][what]] if record["expected"] else []
            axes.plot(layers, measured, marker, color=colour, markersize=5, label=record["name"])
            if expected:
                axes.plot(layers, expected, color=colour, linewidth=1.1)
            for i, layer in enumerate(layers):
                rows.append([record["name"], layer, measured[i], expected[i] if expected else None])
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("layer")
        axes.set_ylabel(name if what == "variance" else f"{name}\n(last layer: 1)")
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    first = records[0]
    caption = (
        f"Points: measured in {_networks(first)} of width {first['width']} on {first['rows']} standard normal samples. "
        "Lines: mean-field theory (Poole et al. 2016, Schoenholz et al. 2017); none where weights are not independent with mean 0."
    )
    return Chart(
        name.capitalize(), canvas.svg, caption, ["network", "layer", "measured", "theory"], rows, canvas.figure
    )


def histograms_through_depth(records: Sequence[Record], what: str = "activations") -> Chart:
    """Histograms of activations or gradients (`what`), a row for each network and a column for each layer."""
    shown = list(records[:MOST_ROWS])
    depths = {len(record["layers"]) for record in shown}
    most = min(MOST_COLUMNS, max(depths))
    colour = BLUE if what == "activations" else ORANGE
    label = f"Histograms of {what} in up to {most} layers of {len(shown)} networks"
    with drawing(f"signals-{what}", label, width=9.6, height=1.25 * len(shown) + 0.5) as canvas:
        canvas.figure.clear()
        grid = canvas.figure.subplots(len(shown), most, squeeze=False)
        canvas.figure.subplots_adjust(hspace=0.75, wspace=0.25)
        for number, (row, record) in enumerate(zip(grid, shown, strict=True)):
            columns = _spread(len(record["layers"]))
            for axes in row[len(columns) :]:
                axes.set_visible(False)
            for axes, column in zip(row, columns, strict=False):
                _bars(axes, record["layers"][column][what], colour)
                if number == 0 or len(depths) > 1:
                    axes.set_title(f"layer {record['layers'][column]['layer']}", fontsize=9)
            row[0].set_ylabel(
                record["name"].replace(", ", ",\n", 1), rotation=0, ha="right", va="center", labelpad=10, fontsize=8
            )
    left_out = f" {len(records) - len(shown)} more are not shown." if len(records) > len(shown) else ""
    caption = f"Of one network each; every histogram has its own range, printed below it.{left_out}"
    return Chart(f"{what.capitalize()} through depth", canvas.svg, caption, figure=canvas.figure)


def _bars(axes: Any, histogram: dict[str, list[float]], colour: str) -> None:
    axes.grid(False)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if not histogram["counts"]:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "overflow", ha="center", va="center", transform=axes.transAxes, color=INK, fontsize=8)
        return
    edges = np.array(histogram["edges"])
    axes.stairs(histogram["counts"], edges, fill=True, color=colour)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xticks([edges[0], edges[-1]], [f"{edges[0]:.2g}", f"{edges[-1]:.2g}"], fontsize=7)
    for text, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        text.set_horizontalalignment(side)


def _spread(depth: int) -> list[int]:
    """Return up to `MOST_COLUMNS` layers, evenly from the first to the last."""
    return sorted({round(i) for i in np.linspace(0, depth - 1, min(MOST_COLUMNS, depth))})


def _networks(record: Record) -> str:
    return "1 network" if record["networks"] == 1 else f"{record['networks']} networks"


def _positive(value: float | None) -> float:
    """A logarithmic axis has no place for 0."""
    return value if value and value > 0 else float("nan")
