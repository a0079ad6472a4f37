"""`report.html`: one file, no network, readable on a phone, in print, by day and by night; a training's, study's or search's."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from goodfit.recipe.verdict import word_optimism
from goodfit.report.charts import CHARTS, Report
from goodfit.report.search_charts import search_charts
from goodfit.report.step_charts import STEP_CHARTS, readings
from goodfit.report.study_charts import Record, study_charts
from goodfit.training.files import write_bytes
from goodfit.wording import figure

STEP_TITLES = {
    "initial_loss": "1. The loss before training", "overfit": "2. A few mini-batches, by heart",
    "learning_rate": "3. The learning rate", "coarse": "4. A coarse grid", "candidates": "5. Refined",
    "curves": "6 and 7. What the curves say, and what pays",
}  # fmt: skip
MOST_COLUMNS_SHOWN = 12
MOST_CANDIDATES_SHOWN = 12


def render_report(report: Report) -> str:
    """Return the page for the contents of a `report.json`; stages that are missing are said to be missing."""
    charts = {name: chart for name, draw in (CHARTS | STEP_CHARTS).items() if (chart := draw(report)) is not None}
    charts |= {f"reading-{number}": chart for number, chart in enumerate(readings(report), start=1)}
    return (
        environment()
        .get_template("report.html")
        .render(r=report, charts=charts, columns_shown=MOST_COLUMNS_SHOWN, candidates_shown=MOST_CANDIDATES_SHOWN)
    )


def render_study(record: Record) -> str:
    """Return the page for the record of a study."""
    return environment().get_template("study.html").render(r=record, charts=study_charts(record))


def render_steps(record: Record) -> str:
    """Return the page for the record of one or several steps of training."""
    drawn = {"rates": CHARTS["rates"]} | STEP_CHARTS
    charts = {name: chart for name, draw in drawn.items() if (chart := draw(record)) is not None}
    charts |= {f"reading-{number}": chart for number, chart in enumerate(readings(record), start=1)}
    done = {key: title for key, title in STEP_TITLES.items() if key in record}
    return environment().get_template("steps_page.html").render(r=record, charts=charts, done=done)


def render_search(record: Record) -> str:
    """Return the page for the record of a search."""
    return environment().get_template("search.html").render(r=record, charts=search_charts(record))


def write_report(report: Report, path: Path) -> None:
    """Write the page beside its place, then rename."""
    renders = {"study": render_study, "step": render_steps, "search": render_search}
    render = next((render for kind, render in renders.items() if kind in report), render_report)
    write_bytes(path, render(report).encode())


def environment() -> Environment:
    """Return the environment of this folder's templates, with filters for figures and durations."""
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
    environment.globals["optimism_text"] = word_optimism
    return environment


def _inline(name: str) -> Markup:
    """Return a file of this package as it is (the style sheet)."""
    return Markup((Path(__file__).parent / name).read_text(encoding="utf-8"))


def _duration(seconds: Any) -> str:
    seconds = float(seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
