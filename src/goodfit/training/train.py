"""`train`: the one verb. It trains any number of configs on a task, each once, those of a shape together."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from goodfit.config import Config
from goodfit.data.augmentation import read_augmentation
from goodfit.data.decorrelation import read_decorrelation
from goodfit.data.treatment import treatment
from goodfit.errors import GoodfitError
from goodfit.losses import cross_entropy, find_loss
from goodfit.nn.models import check_names
from goodfit.optim.optimisers import find_optimiser
from goodfit.optim.schedules import rate_table
from goodfit.population import KERNELS, EpochRecord, Problem, train_population
from goodfit.population.sequential import shaped
from goodfit.runs import Runs, Training
from goodfit.task import PartName, Task
from goodfit.training.folder import RunFolder
from goodfit.training.keep import FolderKeeper, Keeper, MemoryKeeper
from goodfit.training.measure import seconds_per_step
from goodfit.training.planner import Population, check_kernel, group_by_data, plan
from goodfit.training.pruning import Pruning, replay
from goodfit.training.tensors import choose_device, make_problem
from goodfit.training.trial import TRIED_ROWS, try_loss, try_module


@dataclass(frozen=True)
class Progress:
    """What `on_progress` hears after every epoch of a population."""

    stage: str
    finished: int
    total: int
    epoch: int
    epochs: int


def train(
    configs: Config | Iterable[Config],
    task: Task,
    *,
    folder: RunFolder | Path | str | None = None,
    stage: str = "train",
    kernel: str = "auto",
    device: str = "auto",
    time_limit: float | None = None,
    stop: Callable[[], bool] | None = None,
    keep_weights: bool = True,
    pruning: Pruning | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Runs:
    """Train configs on a task and return a `Runs` in their order.

    Args:
        folder: run folder that keeps every finished training; one that it holds already is not trained again,
            so an interrupted call repeated gives the same result; one that a time limit cut counts only where there is a
            limit again. None keeps everything in memory.
        stage: name under which the trainings are filed.
        kernel: `auto` (see `goodfit.training.planner`), or a name in `goodfit.population.KERNELS`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        time_limit: seconds; trainings still running then end at once with their best weights.
        stop: asked about four times a second; when it says True, what is running ends at once with its best weights as
            `interrupted` and is not kept in the folder, and what has not begun is left out.
        keep_weights: False drops weights and outputs (a rate search needs only curves).
        pruning: who stops early because others do better; members are its positions in `configs`.

    Raises:
        GoodfitError: a setting that does not exist or does not fit the task.
    """
    configs = [configs] if isinstance(configs, Config) else list(configs)
    check_configs(configs, task)
    check_kernel(kernel)
    if isinstance(folder, Path | str):
        folder = RunFolder.open(folder) if Path(folder).exists() else RunFolder.create(Path(folder))
    deadline = None if time_limit is None else time.monotonic() + time_limit
    target_device = choose_device(device)
    rule = pruning.rule if pruning else None
    keeper: Keeper = (
        FolderKeeper(task, stage, folder, keep_weights, rule, limited=time_limit is not None)
        if folder
        else MemoryKeeper(task, stage, keep_weights)
    )
    done: dict[int, Training] = {}
    for position, config in enumerate(configs):
        names = KERNELS if kernel == "auto" else [kernel]
        found = next(filter(None, (keeper.find(config, name) for name in names)), None)
        if found:
            done[position] = found
    # who is pruned depends on who else was there: what a kill left of a population trains again, all of it
    waiting = [position for position in range(len(configs)) if pruning or position not in done]
    for members in group_by_data([configs[position] for position in waiting], task.is_table):
        positions = [waiting[member] for member in members]
        problem = make_problem(task, configs[positions[0]], target_device)
        for population in plan(configs, positions, problem, kernel, seconds_per_step):
            if stop and stop():
                continue
            if pruning and done.keys() >= set(population.positions):
                replay(pruning, {position: done[position] for position in population.positions})
                continue
            for position in population.positions:
                done.pop(position, None)
            until = _share(deadline, len(population.positions), len(configs) - len(done))
            _run(population, configs, problem, keeper, done, until, stop, pruning, on_progress)
    return Runs(task, [done[position] for position in range(len(configs)) if position in done])


def _share(deadline: float | None, members: int, waiting: int) -> float | None:
    """Return when a population must end so that those who come after it get as much time for each network."""
    if deadline is None:
        return None
    now = time.monotonic()
    return now + max(0.0, deadline - now) * members / waiting


def explain(
    configs: Sequence[Config], task: Task, kernel: str = "auto", device: str = "auto"
) -> list[tuple[Population, Config]]:
    """Return what `train` would put together, each population with its first config, without training."""
    check_configs(configs, task)
    check_kernel(kernel)
    target_device = choose_device(device)
    populations = []
    for positions in group_by_data(configs, task.is_table):
        problem = make_problem(task, configs[positions[0]], target_device)
        populations += plan(configs, positions, problem, kernel, seconds_per_step)
    return [(population, configs[population.positions[0]]) for population in populations]


def check_configs(configs: Sequence[Config], task: Task) -> None:
    """Refuse what cannot train before anything has been trained."""
    if not configs:
        raise GoodfitError("no configs to train: vary() over an empty list gives none")
    for config in configs:
        check_names(config)
        if find_loss(config.loss, task.kind) is not cross_entropy and config.label_smoothing:
            raise GoodfitError(
                f"setting 'label_smoothing' is {config.label_smoothing:g}, which is for cross-entropy: the loss of {task.name} is another, leave it out"
            )
        find_optimiser(config.optimiser)
        rate_table(config, 1)
        _check_treatment(config, task)
    own = {_made_of(c, task): c for c in configs if not (isinstance(c.model, str) and isinstance(c.loss, str))}
    for config in own.values():
        _try_own(config, task)


def _made_of(config: Config, task: Task) -> tuple[object, ...]:
    """Return what decides whether a module and a loss of one's own fit, compared by identity."""
    return id(config.model), id(config.loss), config.fold is None, treatment(config, task.is_table)


def _try_own(config: Config, task: Task) -> None:
    """Try the module and the loss of one's own on a few rows."""
    part: PartName = "train" if config.fold is None else "development"
    target = torch.from_numpy(task.code.encode(task.truth(part)[:TRIED_ROWS]))
    output = torch.zeros(len(target), task.code.outputs)
    if not isinstance(config.model, str):
        x = np.array(task.samples(config, part)[:TRIED_ROWS], np.float32)
        output = shaped(try_module(config, torch.from_numpy(x)), len(x), task.code.outputs)
    if not isinstance(config.loss, str):
        name = getattr(config.loss, "__name__", type(config.loss).__name__)
        called = "outputs [..., B, n_out] and targets [..., B], with or without axes in front"
        for axes in ((), (None,)):
            try_loss(config.loss, name, output[axes], target[axes], called)


def _check_treatment(config: Config, task: Task) -> None:
    if config.fold is not None:
        task.judged_by(config)
    if config.resample == "balanced" and task.kind == "regression":
        raise GoodfitError("setting 'resample' is 'balanced', which is for classes: take none or bootstrap")
    if config.decorrelate != "none":
        read_decorrelation(config.decorrelate)
    if task.near_columns(config.neighbours) and config.fold:
        raise GoodfitError(
            f"setting 'neighbours' is '{config.neighbours}' in a cross-validation, whose folds would be told each other's "
            "targets: leave out one of neighbours and fold"
        )
    if task.extractor is not None and (config.augment or config.decorrelate != "none"):
        name = "augment" if config.augment else "decorrelate"
        raise GoodfitError(
            f"setting '{name}' changes images, but the networks see features of a frozen backbone: leave it out, "
            "or fine-tune some of its blocks"
        )
    for name in config.augment:
        read_augmentation(name)
    names = ",".join(config.augment)
    if config.augment and task.is_table:
        raise GoodfitError(f"setting 'augment' is '{names}', which is for images: {task.name} is a table, leave it out")
    if config.augment and config.decorrelate.startswith("pca"):
        raise GoodfitError(
            f"setting 'augment' is '{names}', which needs images: principal components are none, take decorrelate=zca or none"
        )


def _run(
    population: Population, configs: Sequence[Config], problem: Problem, keeper: Keeper, done: dict[int, Training],
    deadline: float | None, stop: Callable[[], bool] | None, pruning: Pruning | None,
    on_progress: Callable[[Progress], None] | None,
) -> None:  # fmt: skip
    """Train one population; put every training into `done` as it ends, so that an interrupt loses none of them."""
    members = [configs[position] for position in population.positions]
    curves: list[list[tuple[int, int, float | None, float | None]]] = [[] for _ in members]
    heard = -1
    prune = pruning.among(population.positions) if pruning else None
    for event in train_population(members, problem, KERNELS[population.kernel].make, deadline, stop, prune):
        if isinstance(event, EpochRecord):
            curves[event.member].append(
                (event.epoch, event.step, _finite(event.train_loss), _finite(event.validation_loss))
            )
            if on_progress and event.epoch > heard:
                heard = event.epoch
                on_progress(Progress(keeper.stage, len(done), len(configs), event.epoch, members[0].epochs))
        else:
            position = population.positions[event.member]
            done[position] = keeper.keep(configs[position], population.kernel, event, curves[event.member])


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
