"""Results on stdout: what will be done, what was found."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from goodfit.config import Config
from goodfit.ensemble.crossed import worth_crossing
from goodfit.recipe import Recipe
from goodfit.recipe.presets import candidate_axes
from goodfit.task import Task
from goodfit.training.planner import Population
from goodfit.wording import count, figure, size


def print_plan(task: Task, recipe: Recipe, config: Config) -> None:
    """Say how the data were read and what will be trained."""
    console = Console(highlight=False, soft_wrap=True)
    parts = ", ".join(f"{part} {len(task.rows(part))}" for part in ("train", "validation", "test"))
    console.print(
        f"{task.name}: {task.kind}, target '{task.target_name}', metric {task.metric.name}; rows: {parts} ({task.splits.how})"
    )
    for column in task.columns or []:
        console.print(
            f"  {column.name}: {column.kind}" + ("" if column.used else f", left out: {column.reason}"),
            markup=False,
        )
    for note in task.notes:
        console.print(f"  note: {note}", markup=False)
    budget = recipe.budget(task)
    axes = candidate_axes(budget, task, config.lr, np.inf, recipe.settings, recipe.seed)
    rates = "the rates that the search finds" if "lr" in axes else "your rate"
    folds = ", each setting on every fold of a repeated cross-validation" if worth_crossing(task) else ""
    console.print(
        f"baselines; {budget.check_seeds} untrained networks; a few mini-batches by heart; a rate search of {budget.rates} rates x {budget.rate_seeds} seeds, "
        f"{budget.rate_steps} steps each; a coarse grid of rates and weight decays; {len(recipe.candidates(task, config, config.lr, np.inf))} trainings around {rates}{folds}, "
        f"up to {config.epochs} epochs of {math.ceil(len(task.rows('train')) / config.batch_size)} batches of {config.batch_size}; "
        f"the curves read and what they ask for tried; an ensemble of up to {budget.members}; one look at the test part"
    )


def print_populations(populations: Sequence[tuple[Population, Config]], why_streamed: str | None) -> None:
    """Say which networks train together, on which kernel, in how much memory, and why; and whether data are streamed."""
    console = Console(highlight=False, soft_wrap=True)
    if why_streamed:
        console.print(f"samples are streamed, prepared when they are needed: {why_streamed}", markup=False)
    for population, first in populations:
        networks = count(len(population.positions), "network")
        shape = f" {first.hidden}" if first.model == "mlp" else ""
        console.print(
            f"{networks} like {first.model}{shape}, {first.numeric}: kernel {population.kernel} "
            f"({population.reason}), at most {size(population.bytes)}",
            markup=False,
        )


def print_summary(report: dict[str, Any], folder: Path) -> None:
    """Print the verdict, the score table and where everything is."""
    console = Console(highlight=False, soft_wrap=True)
    verdict, test, metric = report["verdict"], report["test"], report["task"]["metric"]
    for line in (verdict["headline"], verdict["how_sure"], verdict["against"]):
        console.print(line, markup=False)
    table = Table(box=None, pad_edge=False)
    for heading, side in (("", "left"), (f"test {metric}", "right"), ("95 % interval", "left")):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    members = len(report["ensemble"]["members"])
    _row(table, f"goodfit, {count(members, 'network')}", test["value"], test["interval"])
    _row(table, "goodfit, one network", test["single"]["value"], test["single"]["interval"])
    for row in report["baselines"]:
        _row(table, row["name"], row["test"], row["test_interval"])
    console.print(table)
    for warning in report["task"]["warnings"]:
        console.print(f"warning: {warning['text']}", markup=False)
    console.print(
        f"report   {folder / 'report.html'}\npredict  goodfit predict {folder} new.csv --out pred.csv",
        markup=False,
    )


def _row(table: Table, name: str, value: float, interval: Sequence[float]) -> None:
    table.add_row(name, figure(value), f"{figure(interval[0])} to {figure(interval[1])}")
