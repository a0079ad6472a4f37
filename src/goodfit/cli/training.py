"""`goodfit train`."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.console import listening, say
from goodfit.cli.request import REQUEST, DataRequest, TaskOption, command_line, read_request, read_seconds, read_setting
from goodfit.cli.summary import print_plan, print_populations, print_summary
from goodfit.cli.working import working_in
from goodfit.config import read_settings
from goodfit.recipe import Recipe, run_recipe
from goodfit.report import write_report
from goodfit.task import Task
from goodfit.training import RunFolder, explain
from goodfit.training.folder import new_run_path
from goodfit.training.train import choose_device

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class Request(DataRequest):
    """What `goodfit train` was asked for."""

    preset: str = "default"
    device: str = "auto"
    time_limit: float | None = None

    def recipe(self) -> Recipe:
        """Return the recipe's settings."""
        return Recipe(self.preset, self.seed, self.settings, self.time_limit, self.device, self.metric is not None)


def train_command(
    data: Annotated[
        str,
        typer.Argument(
            help="Table (CSV, TSV, Parquet), .npz, folder of class folders or .npy files, or a name from 'goodfit data'."
        ),
    ],
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    task: Annotated[TaskOption, typer.Option(help="Kind of task.")] = TaskOption.auto,
    metric: Annotated[str | None, typer.Option(help="What to be judged by: rmse, accuracy, roc-auc, ...")] = None,
    id: Annotated[str | None, typer.Option(help="Column that names the rows.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose groups stay together in one part.")] = None,
    time: Annotated[str | None, typer.Option(help="Column by which the latest rows are held out.")] = None,
    test: Annotated[str, typer.Option(help="Share of rows, or a file, to test on.")] = "0.2",
    val: Annotated[str, typer.Option(help="Share of the remaining rows, or a file, to validate on.")] = "0.2",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    time_limit: Annotated[str | None, typer.Option(help="Stop after so long: 90, 90s, 10m, 1h.")] = None,
    preset: Annotated[str, typer.Option(help="quick, default or best.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    config: Annotated[Path | None, typer.Option(help="YAML file of settings (see goodfit.Config).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, key=value; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; default runs/<date>-<name>.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and end.")] = False,
    explain_: Annotated[
        bool, typer.Option("--explain", help="Say which networks train together, on which kernel, and why.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Also say how the data were read and the networks grouped."),
    ] = False,
) -> None:
    """Train on a table or images, judge the result, and write model, predictions and report."""
    settings = (read_settings(config) if config else {}) | dict(map(read_setting, set_ or []))
    request = Request(
        data=data, target=target, kind=task.value, metric=metric, id=id, group=group, time=time, test=test, validation=val,
        seed=int(settings.pop("seed", seed)), preset=preset, device=device, time_limit=read_seconds(time_limit),
        settings=settings, command="",
    )  # fmt: skip
    request.command = command_line("goodfit", "train", data, *request.words("data"))
    recipe = request.recipe()
    choose_device(device)
    if out is not None and out.exists():
        RunFolder.create(out)  # says that it is there already, before the data are read
    loaded = request.task()
    base = recipe.config(loaded)
    populations = explain(recipe.candidates(loaded, base, base.lr, math.inf), loaded, device=device)
    if verbose or dry_run:
        print_plan(loaded, recipe, base)
    if verbose or dry_run or explain_:
        print_populations(populations, loaded.why_streamed(choose_device(device)))
    if dry_run:
        return
    request.fingerprint = loaded.fingerprint()
    request.locate()
    folder = RunFolder.create(out or new_run_path(loaded.name))
    base.write(folder.path / "config.yaml")
    folder.write(REQUEST, request.model_dump())
    _work(loaded, recipe, folder, request.command, as_json, quiet)


def resume_training(folder: RunFolder, as_json: bool, quiet: bool) -> None:
    """Continue a run of `goodfit train`."""
    request = read_request(folder, Request)
    _work(request.unchanged_task(folder.path), request.recipe(), folder, request.command, as_json, quiet)


def _work(task: Task, recipe: Recipe, folder: RunFolder, command: str, as_json: bool, quiet: bool) -> None:
    """Run the stages, then write the report and say what was found."""
    with working_in(folder), listening(quiet) as listener:
        report = run_recipe(task, recipe, folder, command, listener)
        write_report(report, folder.path / "report.html")
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print_summary(report, folder.path)
    if report["status"] == "interrupted":
        say(
            f"interrupted; what had been trained was judged. Continue with: {command_line('goodfit', 'resume', str(folder.path))}"
        )
        raise typer.Exit(INTERRUPTED)
