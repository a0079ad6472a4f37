"""`goodfit compare` and `goodfit study`: variants against each other, over seeds."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer
from pydantic import Field, PrivateAttr
from rich.console import Console
from rich.table import Table

from goodfit.cli.console import listening
from goodfit.cli.request import (
    REQUEST,
    DataRequest,
    TaskOption,
    command_line,
    read_axis,
    read_request,
    read_seconds,
    read_seed,
    read_setting,
    typed,
)
from goodfit.cli.working import working_in
from goodfit.config import Config, read_settings
from goodfit.errors import GoodfitError
from goodfit.recipe.presets import PRESETS, base_config, find_preset
from goodfit.recipe.summary import summarise_task
from goodfit.report import write_report
from goodfit.studies import compare_variants, grid
from goodfit.studies.comparison import Means
from goodfit.studies.named import STUDIES, Order, Study, find_study
from goodfit.studies.options import read_options
from goodfit.task import Task
from goodfit.training import RunFolder
from goodfit.training.files import plain_json
from goodfit.training.folder import environment, new_run_path
from goodfit.training.tensors import choose_device
from goodfit.wording import figure

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Learning rates of which each variant gets its best, unless a rate is set or varied."""


class StudyRequest(DataRequest):
    """What was asked for; `study` is empty for `goodfit compare`."""

    study: str
    options: dict[str, Any] = Field(default={})
    vary: dict[str, list[Any]] = Field(default={})
    seeds: int | None = None
    preset: str = "quick"
    by: str = "metric"
    device: str = "auto"
    time_limit: float | None = None
    _began: float = PrivateAttr(default_factory=monotonic)  # before the data are read: that counts

    @property
    def deadline(self) -> float | None:
        """When all must end, in `time.monotonic()` seconds; None without a limit."""
        return None if self.time_limit is None else self._began + self.time_limit


Data = Annotated[str, typer.Option(help="Table, .npz, folder of class folders, or a name from 'goodfit data'.")]
Target = Annotated[str | None, typer.Option(help="Column to predict.")]
Vary = Annotated[
    list[str] | None, typer.Option(help="A setting and its values: activation=relu,gelu. May be repeated: all combinations.")
]  # fmt: skip
Setting = Annotated[list[str] | None, typer.Option("--set", help="One setting for all, key=value; may be repeated.")]
ConfigFile = Annotated[Path | None, typer.Option(help="YAML file of settings (see goodfit.Config).")]
Seeds = Annotated[int | None, typer.Option(min=1, help="Trainings of each variant; default 8.")]
Seed = Annotated[int, typer.Option(help="First seed.")]
Metric = Annotated[str | None, typer.Option(help="What to be judged by: rmse, accuracy, roc-auc, ...")]
TimeLimit = Annotated[str | None, typer.Option(help="Stop after so long: 90, 90s, 10m, 1h.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Out = Annotated[Path | None, typer.Option(help="Run folder to make; default runs/<date>-<name>.")]
Json = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def compare_command(
    data: Data,
    vary: Vary = None,
    target: Target = None,
    task: Annotated[TaskOption, typer.Option(help="Kind of task.")] = TaskOption.auto,
    metric: Metric = None,
    id: Annotated[str | None, typer.Option(help="Column that names the rows.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose groups stay together in one part.")] = None,
    time: Annotated[str | None, typer.Option(help="Column by which the latest rows are held out.")] = None,
    test: Annotated[str, typer.Option(help="Share of rows, or a file, that is not looked at.")] = "0.2",
    val: Annotated[str, typer.Option(help="Share of the remaining rows, or a file, that judges.")] = "0.2",
    by: Annotated[str, typer.Option(help="Judge by the metric or by the loss.")] = "metric",
    preset: Annotated[str, typer.Option(help="Budget of each training: quick, default or best.")] = "quick",
    seeds: Seeds = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    set_: Setting = None,
    time_limit: TimeLimit = None,
    device: Device = "auto",
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare values of any settings over seeds, each with a learning rate of its own unless one is set."""
    if by not in ("metric", "loss"):
        raise GoodfitError(f"--by {by} is unknown: choose metric or loss")
    if preset not in PRESETS:
        raise GoodfitError(f"preset '{preset}' is unknown: choose one of {', '.join(PRESETS)}")
    request = StudyRequest(
        study="", data=data, target=target, kind=task.value, metric=metric, id=id, group=group, time=time, test=test,
        validation=val, seed=read_seed(seed), settings=_settings(config, set_), vary=_axes(vary), seeds=seeds, preset=preset, by=by,
        device=device, time_limit=read_seconds(time_limit),
    )  # fmt: skip
    if not request.vary:
        raise GoodfitError("nothing to compare: give --vary, for example --vary activation=relu,gelu")
    _begin(request, ["goodfit", "compare"], out, as_json, quiet)


def study_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the study; 'list' lists them.")],
    data: Annotated[str | None, typer.Option(help="Other data than the study's own.")] = None,
    target: Target = None,
    vary: Vary = None,
    seeds: Seeds = None,
    seed: Seed = 0,
    config: ConfigFile = None,
    set_: Setting = None,
    time_limit: TimeLimit = None,
    device: Device = "auto",
    out: Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Answer a classic question by comparing its variants over seeds."""
    if name == "list":
        _list(as_json)
        return
    study = find_study(name)
    request = StudyRequest(
        study=name, options=read_options(name, study.options, _own_options(context.args)), data=_data_of(study, name, data), target=target, validation=f"{study.validation:g}", seed=read_seed(seed),
        settings=_settings(config, set_), vary=_axes(vary), seeds=seeds, device=device,
        time_limit=read_seconds(time_limit),
    )  # fmt: skip
    _begin(request, ["goodfit", "study", name], out, as_json, quiet)


OWN_OPTIONS = "Options of one study's own: " + "; ".join(
    f"{name} " + ", ".join(f"--{option} {o.values} ({o.about})" for option, o in study.options.items())
    for name, study in STUDIES.items()
    if study.options
)
"""What `goodfit study --help` says beside the options that all studies have."""


def _own_options(words: Sequence[str]) -> dict[str, str]:
    """Read what the command line left over as `--name value` or `--name=value`."""
    given, rest = {}, list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise GoodfitError(f"'{word}' is no option: write --name value")
        if not equals:
            if not rest:
                raise GoodfitError(f"--{name} has no value: write --{name} VALUE")
            value = rest.pop(0)
        given[name] = value
    return given


def _data_of(study: Study, name: str, data: str | None) -> str:
    if data is not None and not study.data:
        raise GoodfitError(f"the study '{name}' makes its own data: leave out --data")
    return data or study.data


def resume_study(folder: RunFolder, as_json: bool, quiet: bool) -> None:
    """Continue a run of `goodfit compare` or `goodfit study`."""
    request = read_request(folder, StudyRequest)
    _work(request, request.unchanged_task(folder.path) if request.data else None, folder, as_json, quiet)


def _begin(request: StudyRequest, words: list[str], out: Path | None, as_json: bool, quiet: bool) -> None:
    axes = [word for name, values in request.vary.items() for word in ("--vary", f"{name}={typed(values)}")]
    options = [
        word for name, value in request.options.items() if value is not None for word in (f"--{name}", typed(value))
    ]
    left_out = (
        {"study", "vary", "options"}
        | ({"validation"} if request.study else set())
        | (set() if request.data else {"data"})
    )
    request.command = command_line(*words, *options, *axes, *request.words(*left_out))
    choose_device(request.device)
    if out is not None and out.exists():
        RunFolder.create(out)  # says that it is there already, before the data are read
    task = request.task() if request.data else None
    request.fingerprint = task.fingerprint() if task else ""
    request.locate()
    folder = RunFolder.create(out or new_run_path(request.study or "compare"))
    folder.write(REQUEST, request.model_dump())
    try:
        _work(request, task, folder, as_json, quiet)
    except GoodfitError:
        folder.discard_if_empty()  # a setting that does not fit is noticed only when the study begins
        raise


def _work(request: StudyRequest, task: Task | None, folder: RunFolder, as_json: bool, quiet: bool) -> None:
    with working_in(folder), listening(quiet) as listener:
        means = Means(folder, request.device, request.deadline, listener.progress, listener.stage)
        record = plain_json(_identity(request, task) | _study(request, task, means))
        folder.write("report.json", record)
        write_report(record, folder.path / "report.html")
    if as_json:
        print(json.dumps(record, ensure_ascii=False))
    else:
        print_study(record, folder.path)


def _study(request: StudyRequest, task: Task | None, means: Means) -> dict[str, Any]:
    if request.study:
        study = find_study(request.study)
        order = Order(
            request.seeds or study.seeds, request.seed, request.settings, request.vary, means, request.options
        )
        return study.run(task, order)
    assert task is not None
    # principal components among the variants: all of them on networks that take components and images alike
    components = [value for value in request.vary.get("decorrelate", ()) if str(value).startswith("pca")]
    preset = find_preset(
        request.preset, task, request.settings | ({"decorrelate": components[0]} if components else {})
    )
    base = base_config(preset, task, request.seed, {"patience": None} | request.settings)
    fixed = "lr" in request.settings or "lr" in request.vary
    return compare_variants(
        task, base, grid(request.vary), seeds=request.seeds or 8, rates=() if fixed else RATES, means=means, by=request.by,
    ) | {
        "question": f"{' and '.join(request.vary)} on {task.name}: which is best?", "notes": [],
    }  # fmt: skip


def _identity(request: StudyRequest, task: Task | None) -> dict[str, Any]:
    versions = environment()
    return {
        "version": 1,
        "study": request.study or "compare",
        "created": datetime.now().isoformat(timespec="seconds"),
        "goodfit": versions["goodfit"],
        "task": summarise_task(task) if task else None,
        "repeat": {
            "command": request.command,
            "versions": {name: versions[name] for name in ("goodfit", "python", "torch", "numpy")},
        },
    }


def print_study(record: dict[str, Any], folder: Path) -> None:
    """Print the answer, the table and where the page is."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 160  # nobody wraps a file
    for sentence in record["answer"]:
        console.print(sentence, markup=False)
    if "standings" in record:
        console.print(_standings(record))
    console.print(f"page     {folder / 'report.html'}\nrepeat   {record['repeat']['command']}", markup=False)


def _standings(record: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("variant", "seeds", record["judged_by"], "95 % interval", "difference to the best", "verdict"):
        table.add_column(heading, justify="right" if heading in ("seeds", record["judged_by"]) else "left")
    for s in record["standings"]:
        low, high = s["difference_interval"]
        difference = "" if s["verdict"] == "best" else f"{figure(s['difference'])} ({figure(low)} to {figure(high)})"
        interval = f"{figure(s['interval'][0])} to {figure(s['interval'][1])}"
        table.add_row(s["name"], str(s["n"]), figure(s["value"]), interval, difference, s["verdict"])
    return table


def _list(as_json: bool) -> None:
    rows = [{"name": name, "data": study.data, "question": study.question} for name, study in STUDIES.items()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in rows[0]:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row.values())
    Console(highlight=False).print(table)


def _settings(config: Path | None, set_: list[str] | None) -> dict[str, Any]:
    settings = (read_settings(config) if config else {}) | dict(map(read_setting, set_ or []))
    if "seed" in settings:
        raise GoodfitError("the seed is set by --seed, the number of trainings by --seeds")
    Config(**settings)  # names a wrong setting before the data are read
    return settings


def _axes(vary: list[str] | None) -> dict[str, list[Any]]:
    axes = dict(map(read_axis, vary or []))
    if "seed" in axes:
        raise GoodfitError("seeds are varied by --seeds, which gives every variant the same ones")
    for name, values in axes.items():
        for value in values:
            Config(**{name: value})
    return axes
