"""`report.html`: one file, no network, readable on a phone, in print, by day and by night; a training's, study's or search's."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from goodfit.report.charts import CHARTS, Report
from goodfit.report.search_charts import search_charts
from goodfit.report.study_charts import Record, study_charts
from goodfit.training.files import write_bytes
from goodfit.wording import figure

MOST_COLUMNS_SHOWN = 12
MOST_CANDIDATES_SHOWN = 12


def render_report(report: Report) -> str:
    """Return the page for the contents of a `report.json`; stages that are missing are said to be missing."""
    charts = {name: chart for name, draw in CHARTS.items() if (chart := draw(report)) is not None}
    return (
        _environment()
        .get_template("report.html")
        .render(r=report, charts=charts, columns_shown=MOST_COLUMNS_SHOWN, candidates_shown=MOST_CANDIDATES_SHOWN)
    )


def render_study(record: Record) -> str:
    """Return the page for the record of a study."""
    return _environment().get_template("study.html").render(r=record, charts=study_charts(record))


def render_search(record: Record) -> str:
    """Return the page for the record of a search."""
    return _environment().get_template("search.html").render(r=record, charts=search_charts(record))


def write_report(report: Report, path: Path) -> None:
    """Write the page beside its place, then rename."""
    render = render_study if "study" in report else render_search if "search" in report else render_report
    write_bytes(path, render(report).encode())


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("goodfit.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = lambda value: figure(value) if isinstance(value, float) or value is None else value
    environment.filters["duration"] = _duration
    environment.globals["inline"] = _inline
    return environment


def _inline(name: str) -> Markup:
    """Return a file of this package as it is (the style sheet)."""
    return Markup((Path(__file__).parent / name).read_text(encoding="utf-8"))


def _duration(seconds: Any) -> str:
    seconds = float(seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
