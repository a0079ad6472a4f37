"""One figure as an SVG file of its own, in the report's colours, light or dark as the reader's screen."""

import re
from pathlib import Path

from goodfit.errors import GoodfitError
from goodfit.report.drawing import Chart
from goodfit.training.files import write_bytes


def write_picture(chart: Chart, path: Path) -> None:
    """Write a figure beside its place, then rename.

    Raises:
        GoodfitError: the name does not end in `.svg`, or the file cannot be written.
    """
    if path.suffix != ".svg":
        raise GoodfitError(f"the picture {path} must end in .svg: browsers and office programs open it")
    try:
        write_bytes(path, _alone(chart.svg).encode())
    except OSError as error:
        raise GoodfitError(f"cannot write {path}: {error.strerror}; choose another file") from None


def _alone(svg: str) -> str:
    """Return an inline figure with the style that the page would give it."""
    sheet = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    colours = sheet[: sheet.index("* {")]
    style = f"<style>{colours}svg {{ background: var(--paper); font-family: system-ui, sans-serif; }}</style>"
    return re.sub(r"(<svg [^>]*>)", lambda found: found[1] + style, svg, count=1)
