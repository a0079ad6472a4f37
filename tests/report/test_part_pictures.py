"""Pictures as files: they stand alone, and their colours are those of the page."""

import re
from pathlib import Path

import goodfit
from goodfit.nn import ACTIVATION_FACTS
from goodfit.report import drawing
from goodfit.report.part_pictures import draw_activations, draw_zigzag
from goodfit.report.picture_file import write_picture

STYLE = (Path(goodfit.__file__).parent / "report" / "style.css").read_text()


def test_colours_of_figures_are_the_light_pages() -> None:
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", STYLE[: STYLE.index("@media")]))
    assert {variable: colour for colour, variable in drawing.VARIABLES.items()}.items() <= light.items()


def test_figures_have_no_colour_but_variables_until_they_stand_alone(tmp_path: Path) -> None:
    for canvas in (draw_activations(list(ACTIVATION_FACTS)), draw_activations(["relu"]), draw_zigzag()):
        assert not re.search(r"(?:fill|stroke): ?#", canvas.svg) and "var(--blue)" in canvas.svg
        write_picture(canvas, tmp_path / "a.svg", "t", "c")
        alone = (tmp_path / "a.svg").read_text()
        assert "var(--" not in alone and drawing.BLUE in alone
        write_picture(canvas, tmp_path / "a.html", "<t>", "a & b")
        page = (tmp_path / "a.html").read_text()
        assert "var(--blue)" in page and "&lt;t&gt;" in page and "a &amp; b" in page


def test_every_activation_has_its_panel() -> None:
    canvas = draw_activations(list(ACTIVATION_FACTS))
    assert [axes.get_title() for axes in canvas.figure.axes] == list(ACTIVATION_FACTS)
    for axes in canvas.figure.axes:
        value, derivative = axes.lines[-2:]
        assert len(value.get_xdata()) == len(derivative.get_xdata()) == 1001
