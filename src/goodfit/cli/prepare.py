"""`goodfit prepare`: what centring, scaling and whitening do to a table, and to gradient descent on it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.table import Table

from goodfit.calls import split_at_commas
from goodfit.cli.console import say, table_console
from goodfit.cli.request import read_seed
from goodfit.data.conditioning import MOST_STEPS, TOLERANCE, Conditioning, conditioning
from goodfit.data.linear_steps import covariance, read_step
from goodfit.errors import GoodfitError
from goodfit.load import load
from goodfit.report.picture import write_picture
from goodfit.report.preparation import before_and_after
from goodfit.task import Task
from goodfit.wording import figure

POINTS_SHOWN = 1000
MOST_SHOWN = 5
"""Stages side by side; of more only the first and the last are drawn."""


def prepare_command(
    data: Annotated[str, typer.Argument(help="Table, or a name from 'goodfit data'.")],
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    steps: Annotated[
        str, typer.Option(help="centre, scale, min-max, pca(keep), pca-whiten(keep, epsilon), zca(epsilon).")
    ] = "centre,scale,pca-whiten",
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw before and after: .png, .svg or .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Prepare the numbers of a table step by step, fitted on the training part; show what gradient descent gains."""
    written = [text.strip() for text in split_at_commas(steps) if text.strip()]
    fits = [read_step(text, "--steps") for text in written]
    task = load(data, target, seed=read_seed(seed))
    names, x = _numbers(task)
    y = task.truth("train").astype(np.float64)
    y = (y - y.mean()) / (y.std() or 1.0)
    stages = [_stage("as it is", names, x)]
    rows = [_row("as it is", conditioning(x, y))]
    for text, fit in zip(written, fits, strict=True):
        x = fit(x).apply(x)
        if text.startswith("pca"):
            names = [f"component {i + 1}" for i in range(x.shape[1])]
        stages.append(_stage(f"after {text}", names, x))
        rows.append(_row(f"after {text}", conditioning(x, y)))
    if plot is not None:
        write_picture(before_and_after(stages if len(stages) <= MOST_SHOWN else [stages[0], stages[-1]]), plot)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    _print(rows)
    say(
        f"a linear model of '{task.target_name}' and {len(stages[0]['names'])} numbers, {len(x)} training rows; gradient "
        f"descent with the best constant rate, until {TOLERANCE:g} of the first distance to the optimum is left"
    )


def _numbers(task: Task) -> tuple[list[str], np.ndarray]:
    """Return names and training values [n, d] of the columns that are numbers; a missing one is its column's median."""
    if not isinstance(task.inputs, pd.DataFrame):
        raise GoodfitError(f"{task.name} holds images: prepare shows tables, take a table of numbers")
    names = [column.name for column in task.columns or [] if column.used and column.kind == "number"]
    if len(names) < 2:
        raise GoodfitError(
            f"{task.name} has {len(names)} columns of numbers: at least 2 are needed to show their covariance"
        )
    frame = task.inputs.iloc[task.rows("train")][names].apply(pd.to_numeric, errors="coerce")
    frame = frame.replace([np.inf, -np.inf], np.nan)
    return names, frame.fillna(frame.median()).fillna(0.0).to_numpy(np.float64)


def _stage(name: str, names: list[str], x: np.ndarray) -> dict[str, Any]:
    if x.shape[1] < 2:
        raise GoodfitError(f"'{name}' leaves {x.shape[1]} feature: keep at least 2 to show their covariance")
    shown = x[np.linspace(0, len(x) - 1, min(POINTS_SHOWN, len(x))).astype(int), :2]
    return {"name": name, "names": names, "points": shown.tolist(), "covariance": covariance(x)[1].tolist()}


def _row(name: str, found: Conditioning) -> dict[str, Any]:
    return {"features": name} | asdict(found)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for header in ("features", "condition number", "best rate", "steps measured", "steps by theory"):
        table.add_column(header, justify="left" if header == "features" else "right")
    for row in rows:
        steps = f"over {MOST_STEPS:,}" if row["steps"] is None else f"{row['steps']:,}"
        by_theory = f"{row['steps_by_theory']:,.0f}"
        table.add_row(row["features"], figure(row["condition"]), figure(row["rate"]), steps, by_theory)
    table_console().print(table, markup=False)
