"""Figures for files of their own, PNG or SVG: dark ink on white paper, one palette for all of this floor."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT, WASH = "#1d2430", "#b9c0cc", "#eef1f5"
BLUE, ORANGE, GREEN, RED = "#0067a5", "#c45a00", "#00795a", "#b3262e"
COLOURS = [BLUE, ORANGE, GREEN, RED, "#6b4ba1", "#8a6d00", "#c2438b", "#3c6e71", "#555f6e", "#7f3b08"]
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "goodfit", "svg.fonttype": "none", "text.parse_math": False, "font.family": "sans-serif", "font.size": 10, "text.color": INK, "axes.edgecolor": FAINT,
    "axes.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS), "axes.titlesize": 11, "axes.titlelocation": "left", "axes.grid": True,
    "grid.color": FAINT, "grid.alpha": 0.35, "grid.linewidth": 0.6, "xtick.color": INK, "ytick.color": INK,
    "legend.frameon": False, "legend.fontsize": 9, "lines.linewidth": 1.6, "figure.facecolor": "white",
}  # fmt: skip
DOTS_PER_INCH = 110
MOST_NAMED = 12
"""Entries of a legend; with more, nothing could be read."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in this floor's style."""
    with mpl.rc_context(STYLE):
        yield


def new_figure(width: float = 7.0, height: float = 4.2) -> Figure:
    """Return an empty figure of a size in inches; call within `style`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def render(figure: Figure, suffix: str) -> bytes:
    """Return the figure as a file's content; suffix is `.png` or `.svg`. The same figure gives the same bytes."""
    out = io.BytesIO()
    unsaid = {"Date": None, "Creator": None} if suffix == ".svg" else {"Software": None}
    with style():
        figure.savefig(out, format=suffix[1:], dpi=DOTS_PER_INCH, metadata=unsaid)
    return out.getvalue()
