"""`goodfit initialisers`: what there is, in formulas, numbers and histograms."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from goodfit.cli.console import table_console
from goodfit.errors import GoodfitError
from goodfit.memory import refuse_too_large
from goodfit.nn import INITIALISERS
from goodfit.nn.initialisers.describe import Description, describe
from goodfit.report.picture import write_picture
from goodfit.report.weights import weight_histograms
from goodfit.wording import figure

NEEDED_ARGUMENTS = {"constant": "constant(0.1)"}
"""What is shown of initialisers that need an argument."""


def initialisers_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Initialisers, with arguments where wanted: 'uniform(-0.5, 0.5)'; default all."),
    ] = None,
    shape: Annotated[str, typer.Option(help="Weight: outputs x inputs, then kernel: 256x784, 32x16x3x3.")] = "256x784",
    activation: Annotated[str, typer.Option(help="Activation whose gain kaiming takes.")] = "relu",
    plot: Annotated[Path | None, typer.Option(help="Draw histograms of drawn weights: .png, .svg or .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the initialisers: definition, standard deviation, bound and source; draw what they draw."""
    size = _shape(shape)
    chosen = [NEEDED_ARGUMENTS.get(name, name) for name in names or INITIALISERS]
    found = [describe(name, size, activation) for name in chosen]
    if plot is not None:
        write_picture(weight_histograms(chosen, [d.weights.numpy() for d in found], [d.std for d in found]), plot)
    rows = list(map(_row, found))
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold", justify="right" if name in ("std", "bound", "drawn std") else "left")
    for row in rows:
        table.add_row(*("–" if v is None else figure(v) if isinstance(v, float) else v for v in row.values()))
    table_console().print(table, markup=False)


def _row(found: Description) -> dict[str, str | float | None]:
    bound = None if found.bound is None or math.isinf(found.bound) else found.bound
    return {
        "name": found.usage,
        "definition": found.definition,
        "std": found.std,
        "bound": bound,
        "drawn std": float(found.weights.double().std(correction=0)),
        "source": found.source,
    }


def _shape(text: str) -> list[int]:
    pieces = text.lower().replace("×", "x").split("x")
    if not 2 <= len(pieces) <= 4 or not all(piece.isdigit() and int(piece) for piece in pieces):
        raise GoodfitError(
            f"--shape {text} is no shape: write outputs x inputs, such as 256x784, or 32x16x3x3 for a convolution"
        )
    size = [int(piece) for piece in pieces]
    refuse_too_large(4 * math.prod(size), f"weights of --shape {text}")
    return size
