"""One picture as a file of its own: PNG, SVG or an HTML page."""

import html
import io
from pathlib import Path

from goodfit.errors import GoodfitError
from goodfit.report.drawing import PAPER, VARIABLES, Canvas
from goodfit.training.files import write_bytes

PIXELS_PER_INCH = 160
FORMATS = (".png", ".svg", ".html")


def check_picture_path(path: Path) -> None:
    """Raise `GoodfitError` where a name does not end like a picture."""
    if path.suffix not in FORMATS:
        raise GoodfitError(f"{path} does not end like a picture: choose a name ending in {', '.join(FORMATS)}")


def write_picture(canvas: Canvas, path: Path, title: str, caption: str) -> None:
    """Write a picture beside its place, then rename; title and caption are for the HTML page.

    Raises:
        GoodfitError: the name ends in none of `FORMATS`, or the folder cannot be written to.
    """
    check_picture_path(path)
    contents = {".png": _png, ".svg": _svg}
    content = contents[path.suffix](canvas) if path.suffix in contents else _page(canvas, title, caption)
    try:
        write_bytes(path, content)
    except OSError as error:
        raise GoodfitError(f"cannot write {path}: {error.strerror}; choose another file") from None


def _png(canvas: Canvas) -> bytes:
    out = io.BytesIO()
    canvas.figure.savefig(out, format="png", bbox_inches="tight", dpi=PIXELS_PER_INCH, facecolor=PAPER)
    return out.getvalue()


def _svg(canvas: Canvas) -> bytes:
    svg = canvas.svg
    for colour, variable in VARIABLES.items():
        svg = svg.replace(f"var(--{variable})", colour)
    return svg.replace("<svg ", f'<svg style="background: {PAPER}; font-family: sans-serif" ', 1).encode()


def _page(canvas: Canvas, title: str, caption: str) -> bytes:
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>\n{style}</style></head>\n'
        f"<body><h1>{html.escape(title)}</h1>\n<figure>{canvas.svg}\n"
        f"<figcaption>{html.escape(caption)}</figcaption></figure></body></html>\n"
    ).encode()
