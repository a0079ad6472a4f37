"""`goodfit descend`: ways down a function one can see, by any method, in numbers, words and pictures."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from goodfit.calls import read_calls
from goodfit.cli.console import say
from goodfit.cli.places import read_box, read_rates, read_starts
from goodfit.cli.request import read_setting
from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.landscape.averages import average_over_seeds, group_of, labels
from goodfit.landscape.descent import Trace, descend
from goodfit.landscape.functions import find_function
from goodfit.landscape.methods import METHODS, find_method
from goodfit.landscape.record import descent_record
from goodfit.landscape.verdict import Terrain, Verdict, judge
from goodfit.report.descent_page import render_descent
from goodfit.report.descent_pictures import draw_surface, draw_traces, draw_values
from goodfit.report.picture import check_picture_path, write_picture
from goodfit.training.files import plain_json, write_bytes
from goodfit.wording import figure

SEEDS_WITH_NOISE = 20
SETTINGS = ("momentum", "beta1", "beta2", "rho", "eps", "weight_decay", "warmup_steps", "lr_end", "lr_factor", "lr_drops",
            "milestones", "lr_power", "lr_cycles")  # fmt: skip
"""Settings of `goodfit.Config` that an optimiser or a schedule reads."""


def descend_command(
    function: Annotated[str, typer.Argument(help="A name from 'goodfit landscape', or a formula in x, or x and y.")],
    method: Annotated[
        str, typer.Option(help="Methods, or 'all'; a rate of its own in brackets: 'gd(0.05),newton,adam(0.1)'.")
    ] = "gd",
    start: Annotated[
        list[str] | None,
        typer.Option(help="Start: 10, or -5,-2; or grid:9. May be repeated. Default: the function's own."),
    ] = None,
    eta: Annotated[
        str | None, typer.Option(help="Learning rates of methods without brackets: 0.05,0.2. Default: each its own.")
    ] = None,
    schedule: Annotated[str, typer.Option(help="Schedules of the rate, separated by commas.")] = "constant",
    steps: Annotated[int, typer.Option(help="Steps at most.")] = 100,
    noise: Annotated[float, typer.Option(help="Standard deviation of normal noise on the gradient.")] = 0.0,
    seeds: Annotated[int | None, typer.Option(help="Runs with noise of their own; default 20 with noise.")] = None,
    on: Annotated[str | None, typer.Option(help="Interval or box to look at: -2:2, or -2:2,-1:3.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of optimiser or schedule, such as momentum=0.5.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the traces: .png, .svg or .html.")] = None,
    surface: Annotated[Path | None, typer.Option(help="Draw them on the surface in 3-D: .png, .svg or .html.")] = None,
    values: Annotated[Path | None, typer.Option(help="Draw the value by step: .png, .svg or .html.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write a page that plays the descent, with all pictures: .html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every point and verdict as JSON.")] = False,
) -> None:
    """Go down a function by gradient descent, Newton's method, any optimiser, and see what becomes of each run."""
    landscape = find_function(function)
    landscape = landscape.on(read_box(on, landscape.dimension)) if on else landscape
    for path in filter(None, (plot, surface, values)):
        check_picture_path(path)
    if page is not None and page.suffix != ".html":
        raise GoodfitError(f"the page {page} must end in .html")
    if surface is not None and landscape.dimension == 1:
        raise GoodfitError(f"--surface needs a function of two variables, '{landscape.name}' has one: use --plot")
    for option, value in (("steps", steps), ("seeds", seeds)):
        if value is not None and value < 1:
            raise GoodfitError(f"--{option} {value}: give at least 1")
    if noise == 0 and (seeds or 1) > 1:
        raise GoodfitError(f"--seeds {seeds} without --noise would be {seeds} times the same run: give --noise")
    starts = read_starts(start, landscape) if start else None
    rates = read_rates(eta) if eta else None
    count = seeds or (SEEDS_WITH_NOISE if noise else 1)
    methods = _methods(method, rates)
    traces: list[Trace] = []
    for rule in schedule.split(","):
        config = _config(rule.strip(), set_ or [])
        for name, own in methods:
            traces += descend(landscape, name, starts, own, range(count), steps, noise, config)
    terrain = Terrain.survey(landscape)
    verdicts = judge(traces, terrain)
    if as_json:
        print(json.dumps(plain_json(descent_record(terrain, traces, verdicts)), ensure_ascii=False))
    else:
        (_print_groups if count > 1 else _print_runs)(traces, verdicts, terrain)
    charts: list[tuple[Path | None, Callable[[], object]]] = [
        (plot, lambda: write_picture(draw_traces(landscape, traces, terrain.critical), plot)),  # type: ignore[arg-type]
        (surface, lambda: write_picture(draw_surface(landscape, traces), surface)),  # type: ignore[arg-type]
        (values, lambda: write_picture(draw_values(landscape, traces), values)),  # type: ignore[arg-type]
        (page, lambda: _write_page(page, render_descent(terrain, traces, verdicts))),  # type: ignore[arg-type]
    ]
    for target, write in charts:
        if target is not None:
            write()
            say(f"drawn: {target}")


def _methods(text: str, rates: list[float] | None) -> list[tuple[str, list[float] | None]]:
    """Read `gd(0.05, 0.2),newton`: names, each with the rates to take."""
    if text == "all":
        return [(name, rates) for name in METHODS]
    found = []
    for call in read_calls(text, "--method"):
        find_method(call.name)
        own = [rate for rate in call.positional if isinstance(rate, float)]
        if call.named or len(own) < len(call.positional):
            raise GoodfitError(f"--method {text}: in brackets stand learning rates, such as {call.name}(0.1)")
        found.append((call.name, own or rates))
    if not found:
        raise GoodfitError(f"--method is empty: choose of {', '.join(METHODS)}, or all")
    return found


def _config(schedule: str, settings: list[str]) -> Config:
    chosen = dict(map(read_setting, settings))
    for name in chosen:
        if name not in SETTINGS:
            raise GoodfitError(
                f"setting '{name}' does nothing in a descent{did_you_mean(name, SETTINGS)}: choose of {', '.join(SETTINGS)}"
            )
    return Config(**chosen, schedule=schedule)


def _print_runs(traces: list[Trace], verdicts: list[Verdict], terrain: Terrain) -> None:
    names, table = labels(traces), _table("run", "steps", "ends at", "value", "what became of it")
    for trace, verdict in zip(traces, verdicts, strict=True):
        place = terrain.place(trace.points[-1])
        table.add_row(names[group_of(trace)], str(trace.steps), place, terrain.height(trace.values[-1]), verdict.words)
    Console(highlight=False).print(table, markup=False)


def _print_groups(traces: list[Trace], verdicts: list[Verdict], terrain: Terrain) -> None:
    """One row for all noise seeds of a run: the mean value at the end, and how often which verdict."""
    names, table = labels(traces), _table("run", "seeds", "mean value at the end", "±", "what became of them")
    kinds: dict[str, Counter[str]] = {}
    for trace, verdict in zip(traces, verdicts, strict=True):
        where = f" at {terrain.place(verdict.limit.point)}" if verdict.limit else ""
        kinds.setdefault(names[group_of(trace)], Counter())[verdict.kind + where] += 1
    for average in average_over_seeds(traces):
        words = ", ".join(f"{kind}: {n} of {average.runs}" for kind, n in kinds[average.label].most_common())
        mean, half = terrain.height(average.values[-1]), figure(float(average.half_width[-1]))
        table.add_row(average.label, str(average.runs), mean, half, words)
    Console(highlight=False).print(table, markup=False)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        right = heading in ("steps", "value", "seeds", "mean value at the end", "±")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    return table


def _write_page(path: Path, text: str) -> None:
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise GoodfitError(f"cannot write {path}: {error.strerror}; choose another file") from None
