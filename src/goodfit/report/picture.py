"""One picture as a file of its own: PNG, SVG or an HTML page."""

import html
import io
from collections.abc import Callable
from pathlib import Path

from goodfit.errors import GoodfitError
from goodfit.report.drawing import PAPER, VARIABLES, Chart
from goodfit.training.files import write_bytes

PIXELS_PER_INCH = 160


def write_picture(chart: Chart, path: Path) -> None:
    """Write a picture beside its place, then rename; an HTML page has the chart's title and caption too.

    Raises:
        GoodfitError: the name ends in none of `FORMATS`, or the folder cannot be written to.
    """
    check_picture_path(path)
    try:
        write_bytes(path, FORMATS[path.suffix](chart))
    except OSError as error:
        raise GoodfitError(f"cannot write {path}: {error.strerror}; choose another file") from None


def check_picture_path(path: Path) -> None:
    """Raise `GoodfitError` where a name does not end like a picture."""
    if path.suffix not in FORMATS:
        raise GoodfitError(f"the picture {path} must end in {', '.join(FORMATS)}")


def _png(chart: Chart) -> bytes:
    if chart.figure is None:
        raise GoodfitError(f"the picture '{chart.title}' cannot become a PNG file: choose .svg or .html")
    out = io.BytesIO()
    chart.figure.savefig(out, format="png", bbox_inches="tight", dpi=PIXELS_PER_INCH, facecolor=PAPER)
    return out.getvalue()


def _svg(chart: Chart) -> bytes:
    svg = chart.svg
    for colour, variable in VARIABLES.items():
        svg = svg.replace(f"var(--{variable})", colour)
    return svg.replace("<svg ", f'<svg style="background: {PAPER}; font-family: sans-serif" ', 1).encode()


def _page(chart: Chart) -> bytes:
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    title = html.escape(chart.title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{style}</style></head>\n'
        f"<body><h1>{title}</h1>\n<figure>{chart.svg}\n"
        f"<figcaption>{html.escape(chart.caption)}</figcaption></figure></body></html>\n"
    ).encode()


FORMATS: dict[str, Callable[[Chart], bytes]] = {".png": _png, ".svg": _svg, ".html": _page}
"""How to write a picture, by the ending of the file's name."""
