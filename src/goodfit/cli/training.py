"""`goodfit train` and `goodfit resume`."""

import json
import math
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from goodfit.cli.console import listening, say
from goodfit.cli.summary import print_plan, print_populations, print_summary
from goodfit.config import read_settings
from goodfit.data.builtin import BUILTIN
from goodfit.errors import GoodfitError
from goodfit.load import load
from goodfit.recipe import Recipe, run_recipe
from goodfit.report import write_report
from goodfit.task import Task
from goodfit.training import RunFolder, explain
from goodfit.training.folder import new_run_path
from goodfit.training.train import choose_device

REQUEST = "run.json"


class TaskOption(StrEnum):
    """Values of --task."""

    auto = "auto"
    regression = "regression"
    binary = "binary"
    multiclass = "multiclass"


class Request(BaseModel):
    """What was asked for; kept in the run folder so that `resume` can go on with it."""

    model_config = ConfigDict(extra="forbid")

    data: str
    target: str | None = None
    kind: str = "auto"
    metric: str | None = None
    id: str | None = None
    group: str | None = None
    time: str | None = None
    test: str = "0.2"
    validation: str = "0.2"
    seed: int = 0
    preset: str = "default"
    device: str = "auto"
    time_limit: float | None = None
    settings: dict[str, Any] = {}
    command: str
    fingerprint: str = ""

    def task(self) -> Task:
        """Load the data."""
        options = self.model_dump(
            include={"target", "kind", "metric", "id", "group", "time", "test", "validation", "seed"}
        )
        return load(self.data, **options)

    def locate(self) -> None:
        """Make paths absolute, so that `resume` works from any folder."""
        for name in ("data", "test", "validation"):
            path = Path(getattr(self, name))
            if path.exists() and str(path) not in BUILTIN:
                setattr(self, name, str(path.resolve()))

    def recipe(self) -> Recipe:
        """Return the recipe's settings."""
        return Recipe(self.preset, self.seed, self.settings, self.time_limit, self.device, self.metric is not None)


def train_command(
    data: Annotated[
        str,
        typer.Argument(help="Table (CSV, TSV, Parquet), .npz, folder of class folders, or a name from 'goodfit data'."),
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
        seed=int(settings.pop("seed", seed)), preset=preset, device=device, time_limit=_seconds(time_limit),
        settings=settings, command="",
    )  # fmt: skip
    request.command = _command(request)
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
        print_populations(populations)
    if dry_run:
        return
    request.fingerprint = loaded.fingerprint()
    request.locate()
    folder = RunFolder.create(out or new_run_path(loaded.name))
    base.write(folder.path / "config.yaml")
    folder.write(REQUEST, request.model_dump())
    _work(loaded, recipe, folder, request.command, as_json, quiet)


def resume_command(
    run: Annotated[Path, typer.Argument(help="Run folder of an interrupted 'goodfit train'.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Continue an interrupted run; what it has finished is kept, and the result is the same."""
    folder = RunFolder.open(run)
    try:
        request = Request.model_validate(folder.read(REQUEST))
    except ValidationError:
        raise GoodfitError(f"{run}/{REQUEST} was not written by this goodfit: train again in a new folder") from None
    task = request.task()
    if task.fingerprint() != request.fingerprint:
        raise GoodfitError(
            f"{request.data} has changed since {run} began: put the old data back, or train again in a new folder"
        )
    _work(task, request.recipe(), folder, request.command, as_json, quiet)


def _work(task: Task, recipe: Recipe, folder: RunFolder, command: str, as_json: bool, quiet: bool) -> None:
    """Run the stages under the folder's lock, then write the report and say what was found."""
    folder.lock()
    try:
        with listening(quiet) as listener:
            report = run_recipe(task, recipe, folder, command, listener)
        write_report(report, folder.path / "report.html")
    except KeyboardInterrupt:
        kept = len(folder.store.trainings())
        say(
            f"\ninterrupted; {kept} finished trainings are kept. Continue with: goodfit resume {shlex.quote(str(folder.path))}"
        )
        raise
    finally:
        folder.release()
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print_summary(report, folder.path)


def read_setting(text: str) -> tuple[str, Any]:
    """Read one `key=value`; the value is YAML, and `1,2` is a list."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise GoodfitError(f"--set {text} is not key=value: write for example --set dropout=0.2")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    if isinstance(read, str) and "," in read:
        read = [yaml.safe_load(part) for part in read.split(",")]
    return name.strip().replace("-", "_"), read


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        return float(number) * unit
    except ValueError:
        raise GoodfitError(f"--time-limit {text} is no time: write for example 90, 90s, 10m or 1h") from None


def _command(request: Request) -> str:
    """Return the command that repeats a run, with every option that differs from its default."""
    words = ["goodfit", "train", request.data]
    names = {"kind": "--task", "validation": "--val"}
    for name, info in Request.model_fields.items():
        value = getattr(request, name)
        if name in ("data", "settings", "command", "fingerprint", "seed") or value == info.default:
            continue
        words += [
            names.get(name, f"--{name.replace('_', '-')}"),
            f"{value:g}" if isinstance(value, float) else str(value),
        ]
    for name, value in request.settings.items():
        words += ["--set", f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"]
    return shlex.join([*words, "--seed", str(request.seed)])
