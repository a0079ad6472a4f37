"""Pictures as files: they stand alone, and their colours are those of the page."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import goodfit
from goodfit.nn import ACTIVATION_FACTS
from goodfit.report import drawing
from goodfit.report.part_pictures import draw_activations, draw_schedules, draw_zigzag
from goodfit.report.picture import write_picture

STYLE = (Path(goodfit.__file__).parent / "report" / "style.css").read_text()


SCHEDULE = draw_schedules({"cosine": np.linspace(1, 0, 50)})


def test_colours_of_figures_are_the_light_pages() -> None:
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", STYLE[: STYLE.index("@media")]))
    assert {variable: colour for colour, variable in drawing.VARIABLES.items()}.items() <= light.items()


def test_figures_have_no_colour_but_variables_until_they_stand_alone(tmp_path: Path) -> None:
    for chart in (draw_activations(list(ACTIVATION_FACTS)), draw_activations(["relu"]), draw_zigzag(), SCHEDULE):
        assert not re.search(r"(?:fill|stroke): ?#", chart.svg) and "var(--blue)" in chart.svg
        write_picture(chart, tmp_path / "a.svg")
        alone = (tmp_path / "a.svg").read_text()
        assert "var(--" not in alone and drawing.BLUE in alone
        write_picture(replace(chart, title="<t>", caption="a & b"), tmp_path / "a.html")
        page = (tmp_path / "a.html").read_text()
        assert "var(--blue)" in page and "&lt;t&gt;" in page and "a &amp; b" in page


def test_every_activation_has_its_panel() -> None:
    figure = draw_activations(list(ACTIVATION_FACTS)).figure
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == list(ACTIVATION_FACTS)
    for axes in figure.axes:
        value, derivative = axes.lines[-2:]
        assert len(value.get_xdata()) == len(derivative.get_xdata()) == 1001


def test_a_chart_without_its_figure_says_what_it_can_be(tmp_path: Path) -> None:
    with pytest.raises(goodfit.GoodfitError, match=r"cannot become a PNG file: choose .svg or .html"):
        write_picture(replace(draw_zigzag(), figure=None), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
