"""`goodfit schedules`: what each learning-rate schedule does, in numbers and as curves."""

import inspect
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from goodfit.cli.console import say, table_console
from goodfit.cli.parts import check_settings, read_beside
from goodfit.config import Config
from goodfit.optim.schedules import SCHEDULES, rate_table
from goodfit.report.part_pictures import draw_schedules
from goodfit.report.picture import check_picture_path, write_picture
from goodfit.wording import figure

SHARES = (0.0, 0.25, 0.5, 1.0)
"""Where in the training the table shows the rate."""


def schedules_command(
    names: Annotated[list[str] | None, typer.Argument(help="Schedules; default all.")] = None,
    steps: Annotated[int, typer.Option(min=2, help="Steps of the training.")] = 1000,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, as lr=0.1, warmup_steps=50 or lr_end=0.01.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the rates: .png, .svg or .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON: the rate of every step.")] = False,
) -> None:
    """List learning-rate schedules: what they do, and the rate over a training."""
    if plot:
        check_picture_path(plot)
    settings = {"lr": 1.0} | read_beside("schedule", set_)
    configs = {name: Config(**settings, schedule=name) for name in names or SCHEDULES}
    for config in configs.values():
        check_settings(config)
    rates = {name: rate_table(config, steps) for name, config in configs.items()}
    if as_json:
        print(json.dumps({name: table.tolist() for name, table in rates.items()}))
    else:
        table = Table(box=None, pad_edge=False)
        table.add_column("name", no_wrap=True)
        for share in SHARES:
            table.add_column(f"at {share:.0%}", justify="right", no_wrap=True)
        table.add_column("what it does", overflow="fold")
        for name, rate in rates.items():
            shown = [figure(float(rate[round(share * (steps - 1))])) for share in SHARES]
            table.add_row(name, *shown, inspect.getdoc(SCHEDULES[name]))
        table_console().print(table)
    if plot:
        write_picture(draw_schedules(rates), plot)
        say(f"drawn: {plot}")
