"""Commands on what has been trained: `predict`, `report`, `inspect`; and `data`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from jinja2 import UndefinedError
from rich.console import Console
from rich.table import Table

from goodfit.cli.console import say
from goodfit.cli.search import print_search
from goodfit.cli.steps import print_step
from goodfit.cli.studies import print_study
from goodfit.data.builtin import BUILTIN
from goodfit.data.images import read_images
from goodfit.data.tables import read_table
from goodfit.errors import GoodfitError
from goodfit.model import Model
from goodfit.report import write_report
from goodfit.training import RunFolder, load_model
from goodfit.training.files import write_bytes

Run = Annotated[Path, typer.Argument(help="Run folder that 'goodfit train' printed.")]


def predict_command(
    run: Run,
    data: Annotated[str, typer.Argument(help="Table with the training columns, images, or - for stdin.")],
    out: Annotated[Path | None, typer.Option(help="CSV or Parquet file to write; default stdout.")] = None,
    sets: Annotated[
        str | None,
        typer.Option(help="Also name the classes that cannot be ruled out: aps (adaptive) or lac (smallest)."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes.")] = False,
) -> None:
    """Predict new rows, in their order: id (if any), prediction, and p_<class> or low/high.

    An id column that is called like one of the others has ' (id)' put behind its name.
    """
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise GoodfitError(f"--out {out} must end in .csv or .parquet")
    folder = RunFolder.open(run)
    if not (folder.path / "model").exists():
        raise GoodfitError(
            f"{run} has no model: continue a run of 'goodfit train' with 'goodfit resume {run}'; studies leave none"
        )
    model = load_model(folder.path / "model")
    notes: list[str] = []
    table = model.table(_read_inputs(model, data, notes), notes, sets)
    if not quiet:
        for note in notes:
            say(f"note: {note}")
    if out is None:
        table.to_csv(sys.stdout, index=False)
        return
    content = table.to_parquet(None, index=False) if out.suffix == ".parquet" else table.to_csv(index=False).encode()
    try:
        write_bytes(out, content)
    except OSError as error:
        raise GoodfitError(f"cannot write {out}: {error.strerror}; choose another --out") from None


def report_command(run: Run) -> None:
    """Write report.html again from report.json."""
    folder = RunFolder.open(run)
    with _as_goodfit_writes_it(folder):
        write_report(folder.read("report.json"), folder.path / "report.html")
    print(folder.path / "report.html")


def inspect_command(
    run: Run, as_json: Annotated[bool, typer.Option("--json", help="Print report.json.")] = False
) -> None:
    """Say what was trained, on what, how good it is, how sure that is."""
    folder = RunFolder.open(run)
    report = folder.read("report.json")
    with _as_goodfit_writes_it(folder):
        _inspect(report, folder, as_json)


def _inspect(report: dict[str, Any], folder: RunFolder, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
        return
    if "study" in report:
        print_study(report, folder.path)
        return
    if "step" in report:
        print_step(report, folder.path)
        return
    if "search" in report:
        print_search(report, folder.path)
        return
    task, verdict = report["task"], report["verdict"]
    console = Console(highlight=False, soft_wrap=True)
    rows = ", ".join(f"{part} {task['rows'][part]}" for part in ("train", "validation", "test"))
    used = [c["name"] for c in task["columns"] or [] if c["used"]]
    lines = [
        f"{task['name']}: {task['kind']}, target '{task['target']}'; rows: {rows}; {task['split']}",
        f"inputs: {', '.join(used)}" if used else f"inputs: images {' x '.join(map(str, task['input_shape']))}",
        verdict["headline"], verdict["how_sure"], verdict["against"], *(f"limit: {limit}" for limit in verdict["limits"]),
        f"repeat: {report['repeat']['command']}",
    ]  # fmt: skip
    for line in lines:
        console.print(line, markup=False)


@contextmanager
def _as_goodfit_writes_it(folder: RunFolder) -> Iterator[None]:
    """Say in one line that report.json lacks what is read from it, or holds it in another shape."""
    try:
        yield
    except GoodfitError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, UndefinedError) as error:
        raise GoodfitError(
            f"{folder.path}/report.json was not written by this goodfit: restore it from a copy, or train again in a new folder"
        ) from error


def data_command(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """List the data that can be named instead of a file."""
    rows: list[dict[str, Any]] = [
        {"name": d.name, "kind": d.kind, "rows": d.rows, "inputs": d.inputs, "about": d.about} for d in BUILTIN.values()
    ]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="right" if name == "rows" else "left")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(highlight=False).print(table)


def _read_inputs(model: Model, data: str, notes: list[str]) -> pd.DataFrame | np.ndarray:
    if model.is_table:
        table = read_table(sys.stdin.buffer, label="stdin") if data == "-" else read_table(Path(data))
        notes += table.notes
        return table.frame
    shape = model.image_shape
    images = read_images(Path(data), shape=shape if shape and shape[0] in (1, 3) else None)
    notes += images.notes
    return images.images
