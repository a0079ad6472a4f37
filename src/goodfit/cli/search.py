"""`goodfit search`: the settings that do best, found by trials."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from goodfit.cli.console import listening
from goodfit.cli.request import (
    REQUEST,
    DataRequest,
    TaskOption,
    command_line,
    read_request,
    read_seconds,
    read_seed,
    read_setting,
)
from goodfit.cli.working import working_in
from goodfit.config import Config, read_settings
from goodfit.errors import GoodfitError
from goodfit.recipe.presets import PRESETS, base_config, find_preset
from goodfit.recipe.summary import summarise_task
from goodfit.report import write_report
from goodfit.search import METHODS, search
from goodfit.search.halving import ETA
from goodfit.search.record import describe_search
from goodfit.search.run import CONFIRMING_SEEDS, FINALISTS, Order, SearchResult, check_search
from goodfit.search.space import read_space
from goodfit.task import Task
from goodfit.training import RunFolder
from goodfit.training.files import plain_json, write_bytes
from goodfit.training.folder import environment, new_run_path
from goodfit.training.tensors import choose_device
from goodfit.wording import count, figure

MOST_SHOWN = 8


class SearchRequest(DataRequest):
    """What `goodfit search` was asked for."""

    over: list[str]
    method: str = "random"
    trials: int | None = None
    seeds: int = 1
    batch: int | None = None
    by: str = "metric"
    halving: bool = False
    eta: int = ETA
    finalists: int = FINALISTS
    confirm: int = CONFIRMING_SEEDS
    preset: str = "quick"
    device: str = "auto"
    time_limit: float | None = None

    def config(self, task: Task) -> Config:
        """Return what is not searched."""
        settings = {"patience": None} | self.settings
        return base_config(find_preset(self.preset, task, settings), task, self.seed, settings)

    def order(self) -> Order:
        """Return how is searched."""
        return Order(
            self.method, self.trials, self.seeds, self.batch, self.by, self.halving, self.eta, self.finalists, self.confirm
        )  # fmt: skip

    def line(self) -> str:
        """Return the request as it is typed."""
        words = [word for text in self.over for word in ("--over", text)] + ["--halving"] * self.halving
        return command_line("goodfit", "search", self.data, *words, *self.words("data", "over", "halving"))


def search_command(
    data: Annotated[str, typer.Argument(help="Table, .npz, folder of class folders, or a name from 'goodfit data'.")],
    over: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting and where it is searched: lr=log(1e-4,1e-1), width=int(16,512,log), dropout=uniform(0,0.5), "
            "activation=relu,gelu, 'momentum=uniform(0,0.99) if optimiser=sgd'. May be repeated."
        ),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "random",
    trials: Annotated[int | None, typer.Option(help="Points that are tried; default 64, or the whole grid.")] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each trial.")] = 1,
    halving: Annotated[bool, typer.Option("--halving", help="Stop trials early that others surpass.")] = False,
    eta: Annotated[int, typer.Option(help="One of so many goes on at each rung of halving.")] = ETA,
    batch: Annotated[
        int | None, typer.Option(help="Trials that train together; default 64, or 8 for tpe and gp.")
    ] = None,
    finalists: Annotated[int, typer.Option(help="Best trials that are trained again.")] = FINALISTS,
    confirm: Annotated[int, typer.Option(help="New seeds with which they are.")] = CONFIRMING_SEEDS,
    task: Annotated[TaskOption, typer.Option(help="Kind of task.")] = TaskOption.auto,
    metric: Annotated[str | None, typer.Option(help="What to be judged by: rmse, accuracy, roc-auc, ...")] = None,
    by: Annotated[str, typer.Option(help="Judge by the metric or by the loss.")] = "metric",
    id: Annotated[str | None, typer.Option(help="Column that names the rows.")] = None,
    group: Annotated[str | None, typer.Option(help="Column whose groups stay together in one part.")] = None,
    time: Annotated[str | None, typer.Option(help="Column by which the latest rows are held out.")] = None,
    test: Annotated[str, typer.Option(help="Share of rows, or a file, that is not looked at.")] = "0.2",
    val: Annotated[str, typer.Option(help="Share of the remaining rows, or a file, that judges.")] = "0.2",
    preset: Annotated[str, typer.Option(help="Budget of each training: quick, default or best.")] = "quick",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings (see goodfit.Config).")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting for all, key=value; may be repeated.")] = None,
    time_limit: Annotated[str | None, typer.Option(help="Stop after so long: 90, 90s, 10m, 1h.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="Run folder to make; default runs/<date>-search.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:  # fmt: skip
    """Search settings by grid, random, quasi-random or model-based trials; the best are confirmed with new seeds."""
    if preset not in PRESETS:
        raise GoodfitError(f"preset '{preset}' is unknown: choose one of {', '.join(PRESETS)}")
    settings = (read_settings(config) if config else {}) | dict(map(read_setting, set_ or []))
    request = SearchRequest(
        data=data, target=target, kind=task.value, metric=metric, id=id, group=group, time=time, test=test, validation=val,
        seed=read_seed(settings.pop("seed", seed)), settings=settings, over=over or [], method=method, trials=trials, seeds=seeds,
        batch=batch, by=by, halving=halving, eta=eta, finalists=finalists, confirm=confirm, preset=preset, device=device,
        time_limit=read_seconds(time_limit),
    )  # fmt: skip
    Config(**settings)  # names a wrong setting before the data are read
    both = sorted(set(read_space(request.over).settings) & set(settings))
    if both:
        raise GoodfitError(f"setting '{both[0]}' is both set and searched: leave out --set or --over")
    request.command = request.line()
    choose_device(device)
    if out is not None and out.exists():
        RunFolder.create(out)  # says that it is there already, before the data are read
    loaded = request.task()
    check_search(loaded, request.config(loaded), read_space(request.over), request.order())
    request.fingerprint = loaded.fingerprint()
    request.locate()
    folder = RunFolder.create(out or new_run_path("search"))
    folder.write(REQUEST, request.model_dump())
    _work(request, loaded, folder, as_json, quiet)


def resume_search(folder: RunFolder, as_json: bool, quiet: bool) -> None:
    """Continue a run of `goodfit search`."""
    request = read_request(folder, SearchRequest)
    _work(request, request.unchanged_task(folder.path), folder, as_json, quiet)


def _work(request: SearchRequest, task: Task, folder: RunFolder, as_json: bool, quiet: bool) -> None:
    with working_in(folder), listening(quiet) as listener:
        result = search(
            task, request.config(task), read_space(request.over), **asdict(request.order()), folder=folder,
            device=request.device, time_limit=request.time_limit, on_progress=listener.progress, on_stage=listener.stage,
        )  # fmt: skip
        record = plain_json(_identity(request, task) | describe_search(result))
        _write_best(result, folder)
        folder.write("report.json", record)
        write_report(record, folder.path / "report.html")
    if as_json:
        print(json.dumps(record, ensure_ascii=False))
    else:
        print_search(record, folder.path)


def _write_best(result: SearchResult, folder: RunFolder) -> None:
    """Write the best settings for `goodfit train --config`; the seed stays the user's choice there."""
    settings = {name: value for name, value in result.best.settings().items() if name != "seed"}
    write_bytes(folder.path / "best.yaml", yaml.safe_dump(settings, sort_keys=False).encode())


def _identity(request: SearchRequest, task: Task) -> dict[str, Any]:
    versions = environment()
    return {
        "version": 1,
        "search": request.over,
        "created": datetime.now().isoformat(timespec="seconds"),
        "goodfit": versions["goodfit"],
        "task": summarise_task(task),
        "repeat": {
            "command": request.command,
            "versions": {name: versions[name] for name in ("goodfit", "python", "torch", "numpy")},
        },
    }


def print_search(record: dict[str, Any], folder: Path) -> None:
    """Print the answer, the best trials and where everything is."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = 160  # nobody wraps a file
    for sentence in record["answer"]:
        console.print(sentence, markup=False)
    console.print(_confirmed(record))
    console.print(_trials(record))
    target = f" --target {record['task']['target']}" if record["task"]["input"] == "table" else ""
    console.print(
        f"page     {folder / 'report.html'}\nsettings {folder / 'best.yaml'}   (goodfit train DATA{target} --config {folder / 'best.yaml'})\n"
        f"study    {folder / 'optuna.sqlite'}   (optuna-dashboard sqlite:///{folder / 'optuna.sqlite'})\n"
        f"repeat   {record['repeat']['command']}",
        markup=False,
    )


def _confirmed(record: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in (
        "confirmed with new seeds",
        "seeds",
        record["judged_by"],
        "95 % interval",
        "in the search",
        "verdict",
    ):
        table.add_column(
            heading, justify="right" if heading in ("seeds", record["judged_by"], "in the search") else "left"
        )
    for s in record["standings"]:
        low, high = s["interval"]
        table.add_row(
            s["name"],
            str(s["n"]),
            figure(s["value"]),
            f"{figure(low)} to {figure(high)}",
            figure(s["searched"]),
            s["verdict"],
        )
    return table


def _trials(record: dict[str, Any]) -> Table:
    sign = 1 if record["smaller_is_better"] else -1
    known = sorted((t for t in record["trials"] if t["value"] is not None), key=lambda t: sign * t["value"])
    shown = known[:MOST_SHOWN]
    table = Table(box=None, pad_edge=False)
    table.add_column(f"best of {count(len(record['trials']), 'trial')}", justify="right")
    for heading in (record["judged_by"], "epochs"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    for name in record["varied"]:
        table.add_column(name, justify="right")
    for t in shown:
        values = [t["values"].get(name, "") for name in record["varied"]]
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in values]
        table.add_row(str(t["number"] + 1), figure(t["value"]), str(t["epochs"]), t["state"], *cells)
    return table
