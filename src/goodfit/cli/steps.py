"""`goodfit step`: one of the seven steps of training on its own, with the verdict on stdout and a page."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from goodfit.cli.console import listening, say
from goodfit.cli.request import (
    REQUEST,
    TaskOption,
    command_line,
    read_request,
    read_seconds,
    read_seed,
    read_setting,
)
from goodfit.cli.training import INTERRUPTED, Request
from goodfit.cli.working import working_in
from goodfit.config import Config, read_settings
from goodfit.data.splits import AUTO
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.recipe import Recipe
from goodfit.recipe.one_step import STEPS, run_step
from goodfit.recipe.presets import PRESETS
from goodfit.recipe.recipe import steps_of
from goodfit.report import write_report
from goodfit.task import Task
from goodfit.training import RunFolder
from goodfit.training.folder import environment, new_run_path
from goodfit.training.tensors import choose_device


class StepRequest(Request):
    """What `goodfit step` was asked for."""

    step: str
    preset: str = "quick"


def step_command(
    name: Annotated[str, typer.Argument(help="initial-loss, overfit, learning-rate, coarse, refine or curves.")],
    data: Annotated[str, typer.Argument(help="Table, .npz, folder of images, or a name from 'goodfit data'.")],
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    task: Annotated[TaskOption, typer.Option(help="Kind of task.")] = TaskOption.auto,
    metric: Annotated[str | None, typer.Option(help="What to be judged by: rmse, accuracy, roc-auc, ...")] = None,
    id: Annotated[str | None, typer.Option(help="Column that names the rows.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose groups stay together in one part.")] = None,
    time: Annotated[str | None, typer.Option(help="Column by which the latest rows are held out.")] = None,
    test: Annotated[str, typer.Option(help="Share of rows, or a file, that is not looked at.")] = "0.2",
    val: Annotated[
        str,
        typer.Option(help="Share of the remaining rows, or a file, to validate on; auto: a fifth, at most 6,000 rows."),
    ] = AUTO,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    time_limit: Annotated[str | None, typer.Option(help="Stop after so long: 90, 90s, 10m, 1h.")] = None,
    preset: Annotated[str, typer.Option(help="Budget: quick, default or best.")] = "quick",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    config: Annotated[Path | None, typer.Option(help="YAML file of settings (see goodfit.Config).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, key=value; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; default runs/<date>-<step>.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Do one of the steps of training, with those before it that it needs, and say what it found."""
    if name not in STEPS:
        raise GoodfitError(f"step '{name}' is unknown{did_you_mean(name, STEPS)}: choose one of {', '.join(STEPS)}")
    if preset not in PRESETS:
        raise GoodfitError(f"preset '{preset}' is unknown: choose one of {', '.join(PRESETS)}")
    settings = (read_settings(config) if config else {}) | dict(map(read_setting, set_ or []))
    request = StepRequest(
        step=name, data=data, target=target, kind=task.value, metric=metric, id=id, group=group, time=time, test=test,
        validation=val, seed=read_seed(settings.pop("seed", seed)), preset=preset, device=device,
        time_limit=read_seconds(time_limit), settings=settings,
    )  # fmt: skip
    Config(**settings)  # names a wrong setting before the data are read
    request.command = command_line("goodfit", "step", name, data, *request.words("data", "step"))
    choose_device(device)
    if out is not None and out.exists():
        RunFolder.create(out)  # says that it is there already, before the data are read
    loaded = request.task()
    request.recipe().config(loaded)  # names a setting that does not fit before anything is made
    request.fingerprint = loaded.fingerprint()
    request.locate()
    folder = RunFolder.create(out or new_run_path(f"{name}-{loaded.name}"))
    folder.write(REQUEST, request.model_dump())
    _work(request, loaded, folder, as_json, quiet)


def resume_step(folder: RunFolder, as_json: bool, quiet: bool) -> None:
    """Continue a run of `goodfit step`."""
    request = read_request(folder, StepRequest)
    _work(request, request.unchanged_task(folder.path), folder, as_json, quiet)


def _work(request: StepRequest, task: Task, folder: RunFolder, as_json: bool, quiet: bool) -> None:
    recipe: Recipe = request.recipe()
    versions = environment()
    with working_in(folder), listening(quiet) as listener:
        steps = steps_of(task, recipe, folder, listener, spend=float("inf"))
        record = run_step(request.step, steps) | {
            "repeat": {
                "command": request.command,
                "versions": {name: versions[name] for name in ("goodfit", "python", "torch", "numpy")},
            }
        }
        folder.write("report.json", record)
        write_report(record, folder.path / "report.html")
    if as_json:
        print(json.dumps(record, ensure_ascii=False))
    else:
        print_step(record, folder.path)
    if record["status"] == "interrupted":
        say(f"interrupted; continue with: {command_line('goodfit', 'resume', str(folder.path))}")
        raise typer.Exit(INTERRUPTED)


def print_step(record: dict[str, Any], folder: Path) -> None:
    """Print the verdict of the steps that were asked for, and where the page is."""
    console = Console(highlight=False, soft_wrap=True)
    for key in record["asked"]:
        found = record[key]
        console.print(found["text"], markup=False)
        if found.get("changed"):
            console.print("changed  " + ", ".join(f"{n} = {v}" for n, v in found["changed"].items()), markup=False)
        if found.get("follows"):
            console.print(f"follows  {found['follows']}", markup=False)
    console.print(f"page     {folder / 'report.html'}\nrepeat   {record['repeat']['command']}", markup=False)
