"""`goodfit train`."""

import json
import math
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from goodfit.cli.console import listening, say
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
from goodfit.cli.summary import print_plan, print_populations, print_summary
from goodfit.cli.working import working_in
from goodfit.config import read_settings
from goodfit.data.splits import AUTO
from goodfit.errors import GoodfitError
from goodfit.nn.backbones import Backbone
from goodfit.recipe import Recipe, run_recipe
from goodfit.report import write_report
from goodfit.task import Task
from goodfit.training import RunFolder, explain
from goodfit.training.folder import new_run_path
from goodfit.training.tensors import choose_device
from goodfit.transfer import LAYER_RATE, fine_tune, freeze, open_backbone

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class Request(DataRequest):
    """What `goodfit train` was asked for."""

    validation: str = AUTO
    preset: str = "default"
    device: str = "auto"
    time_limit: float | None = None
    backbone: str = ""
    unfreeze: int = 0
    layer_rate: float = LAYER_RATE
    backbone_digest: str = ""

    def recipe(self, task: Task | None = None) -> Recipe:
        """Return the recipe's settings; those of a backbone whose blocks train need the task."""
        settings = dict(self.settings)
        if task is not None and self.unfreeze:
            settings |= fine_tune(task, self._opened, self.unfreeze, self.layer_rate, settings.get("dropout", 0.2))
        return Recipe(self.preset, self.seed, settings, self.time_limit, self.device, self.metric is not None)

    def task(self) -> Task:
        """Load the data, seen through the backbone where it is frozen."""
        task = super().task()
        return freeze(task, self._opened, self.device) if self.backbone and not self.unfreeze else task

    def locate(self) -> None:
        """Make paths absolute, that of the backbone too; keep which one it was."""
        super().locate()
        if self.backbone:
            self.backbone_digest = self._opened.digest()
            if Path(self.backbone).exists():
                self.backbone = str(Path(self.backbone).resolve())

    def check_backbone(self) -> None:
        """Refuse options that do not go together.

        Raises:
            GoodfitError: blocks or rates without a backbone, or settings that the backbone decides.
        """
        if not self.backbone and (self.unfreeze or self.layer_rate != LAYER_RATE):
            option = "--unfreeze" if self.unfreeze else "--layer-rate"
            raise GoodfitError(f"{option} is for a pretrained network: give one with --backbone")
        decides = ["pixels", "decorrelate", *(["model"] if self.unfreeze else [])]
        decided = [name for name in decides if name in self.settings]
        if self.backbone and decided:
            raise GoodfitError(f"setting '{decided[0]}' is decided by the backbone: leave it out")
        if self.unfreeze < 0:
            raise GoodfitError(f"--unfreeze is {self.unfreeze}: give the number of blocks to train, 0 for none")

    @cached_property
    def _opened(self) -> Backbone:
        backbone = open_backbone(self.backbone)
        if self.backbone_digest and backbone.digest() != self.backbone_digest:
            raise GoodfitError(
                f"backbone {self.backbone} has changed since the run began: put the old one back, or train again in a new folder"
            )
        return backbone


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
    val: Annotated[
        str,
        typer.Option(help="Share of the remaining rows, or a file, to validate on; auto: a fifth, at most 6,000 rows."),
    ] = AUTO,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    time_limit: Annotated[str | None, typer.Option(help="Stop after so long: 90, 90s, 10m, 1h.")] = None,
    preset: Annotated[str, typer.Option(help="quick, default or best.")] = "default",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    backbone: Annotated[
        str,
        typer.Option(help="Pretrained network for images: a run folder, a Hugging Face folder, or a name on its hub."),
    ] = "",
    unfreeze: Annotated[
        int,
        typer.Option(help="Blocks of the backbone, from its output, that train too; 0: only heads on its features."),
    ] = 0,
    layer_rate: Annotated[
        float, typer.Option(help="Factor of the learning rate from each of these blocks to the one before it.")
    ] = LAYER_RATE,
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
    began = monotonic()  # reading the data counts
    settings = (read_settings(config) if config else {}) | dict(map(read_setting, set_ or []))
    request = Request(
        data=data, target=target, kind=task.value, metric=metric, id=id, group=group, time=time, test=test, validation=val,
        seed=read_seed(settings.pop("seed", seed)), preset=preset, device=device, time_limit=read_seconds(time_limit),
        settings=settings, command="", backbone=backbone, unfreeze=unfreeze, layer_rate=layer_rate,
    )  # fmt: skip
    request.check_backbone()
    request.command = command_line("goodfit", "train", data, *request.words("data", "backbone_digest"))
    request.recipe()  # names a wrong preset or time before the data are read
    choose_device(device)
    if out is not None and out.exists():
        RunFolder.create(out)  # says that it is there already, before the data are read
    loaded = request.task()
    recipe = request.recipe(loaded)
    base = recipe.config(loaded)
    if loaded.extractor is not None and not quiet:
        say(f"features: {backbone}, frozen, looks at the images once")
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
    _work(loaded, recipe, folder, request.command, as_json, quiet, began)


def resume_training(folder: RunFolder, as_json: bool, quiet: bool) -> None:
    """Continue a run of `goodfit train`."""
    began = monotonic()
    request = read_request(folder, Request)
    task = request.unchanged_task(folder.path)
    _work(task, request.recipe(task), folder, request.command, as_json, quiet, began)


def _work(
    task: Task, recipe: Recipe, folder: RunFolder, command: str, as_json: bool, quiet: bool, began: float
) -> None:
    """Run the stages, then write the report and say what was found."""
    with working_in(folder), listening(quiet) as listener:
        report = run_recipe(task, recipe, folder, command, listener, began)
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
