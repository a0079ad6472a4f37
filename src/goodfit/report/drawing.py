"""Matplotlib figures as inline SVG whose colours follow the page: light, dark or print.

Figures are drawn in the light page's colours, which become CSS variables; text stays text and takes the page's font.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, FAINT, PAPER = "#1d2430", "#b9c0cc", "#ffffff"
BLUE, ORANGE, GREEN, RED = "#0067a5", "#c45a00", "#00795a", "#b3262e"
VARIABLES = {
    INK: "ink", FAINT: "faint", PAPER: "paper", BLUE: "blue", ORANGE: "orange", GREEN: "green", RED: "red",
}  # fmt: skip
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "goodfit",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED]),
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Chart:
    """One figure: SVG, caption, the numbers behind it, and what it was drawn in where it may become a PNG file."""

    title: str
    svg: str
    caption: str
    header: list[str] = field(default_factory=list)
    rows: list[list[object]] = field(default_factory=list)
    figure: Figure | None = field(default=None, repr=False, compare=False)


class Canvas:
    """A figure being drawn; `svg` is there after the `with` block of `drawing`. `axes` is the first of its panels."""

    def __init__(self, figure: Figure, panels: list[Axes]) -> None:
        self.figure, self.axes, self.panels, self.svg = figure, panels[0], panels, ""


@contextmanager
def drawing(
    name: str,
    label: str,
    width: float = 6.4,
    height: float = 3.4,
    panels: tuple[int, int] = (1, 1),
    projection: str | None = None,
) -> Iterator[Canvas]:
    """Give a canvas in the page's style; `name` keeps the ids of several figures of a page apart.

    Args:
        label: the text alternative, read aloud instead of the picture.
        width, height: inches. panels: rows and columns of axes. projection: Matplotlib's, such as `3d`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=None if panels == (1, 1) else "constrained")
        FigureCanvasSVG(figure)
        canvas = Canvas(
            figure, list(figure.subplots(*panels, squeeze=False, subplot_kw={"projection": projection}).flat)
        )
        yield canvas
        out = io.StringIO()
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    canvas.svg = _inline(out.getvalue(), name, label)


def _inline(svg: str, name: str, label: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"font: [^;\"]*?(\d+(?:\.\d+)?)px[^;\"]*", r"font-size: \1px", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", svg, count=1)
    quoted = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{quoted}" ', 1)
