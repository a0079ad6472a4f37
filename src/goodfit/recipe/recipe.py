"""From a task to a trained, explained model: the stages in order, each leaving its evidence in the run folder."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import torch

from goodfit.baselines import BASELINES, fit_baselines
from goodfit.config import Config, vary
from goodfit.decision import choose_factors, reweighted
from goodfit.ensemble import choose_ensemble, crossed, estimate_optimism
from goodfit.ensemble.crossed import worth_crossing
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.model import Model
from goodfit.recipe.averaging import describe_calibration, describe_ensemble, describe_rows
from goodfit.recipe.candidates import describe_candidates, rank_by
from goodfit.recipe.importance import column_importance
from goodfit.recipe.initial_loss import initial_loss_configs, judge_initial_loss
from goodfit.recipe.judgement import (
    RESAMPLES,
    against,
    bootstrap,
    class_picture,
    further_metrics,
    regression_picture,
)
from goodfit.recipe.presets import PRESETS, Preset, base_config, candidate_axes, find_preset
from goodfit.recipe.summary import summarise_task
from goodfit.recipe.verdict import word_verdict
from goodfit.runs import Runs
from goodfit.search import RateSearch, find_learning_rate
from goodfit.task import Task
from goodfit.training import Progress, RunFolder, save_model, train
from goodfit.training.files import plain_json, write_bytes
from goodfit.training.folder import environment

SEARCH_SHARE_OF_TIME = 0.2
"""The rate search must end when this share of a time limit is used."""
JUDGING_SHARE, JUDGING_SECONDS = 0.15, (4.0, 30.0)
"""The candidates must end so long before the limit: this share of it, but within these seconds (and they get at
least 30 % of the limit); importance, bootstrap and report need that."""


@dataclass(frozen=True)
class Listener:
    """Hears what a run is doing: `stage(name, what)` as each begins, `progress` after each epoch."""

    stage: Callable[[str, str], None] = lambda name, what: None
    progress: Callable[[Progress], None] = lambda progress: None


@dataclass(frozen=True)
class Recipe:
    """One run's settings. `settings` are the user's own config values, `metric_chosen` whether the metric was named."""

    preset: str = "default"
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    time_limit: float | None = None
    device: str = "auto"
    metric_chosen: bool = False

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise GoodfitError(
                f"preset '{self.preset}' is unknown{did_you_mean(self.preset, PRESETS)}: choose one of {', '.join(PRESETS)}"
            )
        if self.time_limit is not None and self.time_limit <= 0:
            raise GoodfitError(f"the time limit is {self.time_limit:g} seconds: it must be positive")

    def budget(self, task: Task) -> Preset:
        """Return the preset's numbers for a task."""
        return find_preset(self.preset, task, self.settings)

    def config(self, task: Task) -> Config:
        """Return the config that the stages vary.

        Raises:
            GoodfitError: a setting is wrong, or the task has no validation or test part.
        """
        if len(task.rows("validation")) == 0 or len(task.rows("test")) == 0:
            raise GoodfitError("validation and test part need rows: give shares above 0")
        return base_config(self.budget(task), task, self.seed, self.settings)

    def candidates(self, task: Task, config: Config, rate: float, highest: float) -> list[Config]:
        """Return the grid of trainings around a learning rate (see `candidate_axes`), on every fold where rows are few."""
        grid = vary(config, **candidate_axes(self.budget(task), task, rate, highest, self.settings, self.seed))
        return crossed(grid) if worth_crossing(task) and "fold" not in self.settings else grid


def run_recipe(
    task: Task, recipe: Recipe, folder: RunFolder, command: str, listener: Listener = Listener()
) -> dict[str, Any]:
    """Train, judge and write everything into the run folder; return what `report.json` holds.

    Stages and trainings that the folder holds already are taken from it, so calling this again after an
    interruption continues and arrives at the same numbers.
    """
    started = time.monotonic()
    store = folder.store
    config = recipe.config(task)
    clock = _Clock(recipe.time_limit, started)

    def once(name: str, what: str, compute: Callable[[], Any]) -> Any:
        listener.stage(name, what)
        evidence = store.stage(name)
        if evidence is None:
            evidence = plain_json(compute())
            store.finish_stage(name, evidence)
        return evidence

    report: dict[str, Any] = {
        "version": 1,
        "name": task.name,
        "created": datetime.now().isoformat(timespec="seconds"),
    }
    report["task"] = once("data", "looking at the data", lambda: summarise_task(task))
    baselines = once("baselines", "simple models first", lambda: _baselines(task, recipe, folder, listener))
    report["initial_loss"] = once(
        "initial loss", "untrained networks", lambda: _initial_loss(task, config, recipe, listener)
    )
    rate = once(
        "learning rate",
        "many rates at once",
        lambda: _rate(task, config, recipe, folder, clock, listener),
    )
    report["learning_rate"] = rate

    listener.stage("candidates", "the best few, to the end")
    candidates = recipe.candidates(task, config, rate["chosen"], rate["interval"][1])
    limit = clock.for_candidates()
    runs = train(
        candidates, task, folder=folder, stage="candidates", device=recipe.device, time_limit=limit,
        on_progress=listener.progress,
    )  # fmt: skip
    listener.stage("ensemble", "which networks to average")
    most, rank = recipe.budget(task).members, rank_by(task.metric.name, recipe.metric_chosen)
    choice = choose_ensemble(runs, most, rank, seed=recipe.seed)
    model = choice.model(calibrate=True)
    report["candidates"] = describe_candidates(runs, choice.members)
    report["ensemble"] = describe_ensemble(task, choice, recipe.seed)
    report["rows"] = describe_rows(task, choice)
    report["calibration"] = describe_calibration(task, choice, model)
    report["optimism"] = once(
        "optimism", "how far the choice flatters itself",
        lambda: estimate_optimism(choice.pool, most, rank, seed=recipe.seed).record(),
    )  # fmt: skip
    report["importance"] = once(
        "importance", "what the model looks at", lambda: column_importance(task, model, recipe.seed)
    )

    listener.stage("test", "one look at the test part")
    scores = _judge(task, recipe, folder, model, choice.members, baselines)
    report |= scores
    report["status"] = "out of time" if any(t.reason == "out of time" for t in runs) else "finished"
    report["verdict"] = word_verdict(report)
    report["repeat"] = {
        "command": command, "seed": recipe.seed, "device": recipe.device, "threads": torch.get_num_threads(),
        "versions": {name: environment()[name] for name in ("goodfit", "python", "torch", "numpy")},
    }  # fmt: skip
    report["seconds"] = time.monotonic() - started
    report["goodfit"] = environment()["goodfit"]
    _leave(folder, task, model, report)
    return plain_json(report)


@dataclass(frozen=True)
class _Clock:
    """Seconds left for the stages under a time limit; None without one."""

    limit: float | None
    started: float

    def for_search(self) -> float | None:
        return None if self.limit is None else self._until(SEARCH_SHARE_OF_TIME * self.limit)

    def for_candidates(self) -> float | None:
        if self.limit is None:
            return None
        judging = min(max(JUDGING_SHARE * self.limit, JUDGING_SECONDS[0]), JUDGING_SECONDS[1])
        return self._until(max(self.limit - judging, 0.3 * self.limit))

    def _until(self, seconds: float) -> float:
        return max(0.0, self.started + seconds - time.monotonic())


def _baselines(task: Task, recipe: Recipe, folder: RunFolder, listener: Listener) -> dict[str, Any]:
    fitted = fit_baselines(task, recipe.seed, lambda name: listener.stage("baselines", name))
    tensors = {
        f"{b.name}/{part}": torch.from_numpy(getattr(b, part)) for b in fitted for part in ("validation", "test")
    }
    checksum = folder.keep_tensors("baselines", tensors)
    rows = [
        {
            "name": b.name,
            "about": b.about,
            "validation": task.score(b.validation, "validation"),
            "seconds": b.seconds,
        }
        for b in fitted
    ]
    return {"rows": rows, "checksum": checksum}


def _initial_loss(task: Task, config: Config, recipe: Recipe, listener: Listener) -> dict[str, Any]:
    configs = initial_loss_configs(config, recipe.budget(task).check_seeds)
    return judge_initial_loss(
        task, train(configs, task, stage="initial loss", device=recipe.device, keep_weights=False)
    )


def _rate(
    task: Task,
    config: Config,
    recipe: Recipe,
    folder: RunFolder,
    clock: _Clock,
    listener: Listener,
) -> dict[str, Any]:
    preset = recipe.budget(task)
    search: RateSearch = find_learning_rate(
        task, config, points=preset.rates, seeds=preset.rate_seeds, steps=preset.rate_steps, folder=folder,
        device=recipe.device, time_limit=clock.for_search(), on_progress=listener.progress,
    )  # fmt: skip
    return asdict(search)


def _judge(
    task: Task, recipe: Recipe, folder: RunFolder, model: Model, members: Runs, baselines: dict[str, Any]
) -> dict[str, Any]:
    truth = task.truth("test")
    raw = task.raw("test")
    predictions = {
        "ensemble": model.predict(raw),
        "single": members.filter(lambda t: t.id == members[0].id).predict(raw),
    }
    stored = {name: t.numpy() for name, t in folder.tensors("baselines", baselines["checksum"]).items()}
    predictions |= {name: stored[f"{name}/test"] for name in BASELINES}
    probabilities = predictions["ensemble"]
    if model.class_factors is not None:
        # the baselines may favour rare classes as the networks do, each as the validation part likes it
        predictions = {
            name: reweighted(p, choose_factors(task.metric, task.truth("validation"), stored[f"{name}/validation"])
                             if name in BASELINES else model.class_factors)
            for name, p in predictions.items()
        }  # fmt: skip
    scored = bootstrap(task.metric, truth, predictions, recipe.seed)
    rows = [
        row | {"test": scored[row["name"]].value, "test_interval": list(scored[row["name"]].interval)}
        for row in baselines["rows"]
    ]
    test = {
        "value": scored["ensemble"].value,
        "interval": list(scored["ensemble"].interval),
        "method": f"percentile bootstrap over {len(truth)} test rows, {RESAMPLES} resamples, 95 %",
        "single": {"value": scored["single"].value, "interval": list(scored["single"].interval)},
        "more": further_metrics(task, truth, probabilities, model.class_factors),
        "against": [{"baseline": n, **against(task.metric, scored["ensemble"], scored[n])} for n in BASELINES],
    }
    picture = (
        regression_picture(truth, predictions["ensemble"], model.half_width, model.coverage, recipe.seed)
        if task.kind == "regression"
        else class_picture(truth, probabilities, model)
    )
    _write_predictions(task, model, folder)
    return {"baselines": rows, "test": test, "predictions": picture}


def _write_predictions(task: Task, model: Model, folder: RunFolder) -> None:
    """Write the test part's predictions beside the truth, with the row number in the data (from 1)."""
    rows = task.rows("test")
    table = model.table(task.raw("test"))
    truth = task.truth("test") if task.kind == "regression" else np.array(task.code.classes)[task.truth("test")]
    front = pd.DataFrame({"row": rows + 1})
    if task.ids is not None and str(task.ids.name) not in table:
        front[str(task.ids.name)] = task.ids.to_numpy()[rows]
    table = pd.concat([front, pd.DataFrame({task.target_name: truth}), table], axis=1)
    write_bytes(folder.path / "test-predictions.csv", table.to_csv(index=False).encode())


def _leave(folder: RunFolder, task: Task, model: Model, report: dict[str, Any]) -> None:
    folder.write("data.json", {
        "fingerprint": task.fingerprint(), "columns": report["task"]["columns"], "split": task.splits.how,
        "rows": {part: task.splits.rows(part).tolist() for part in ("train", "validation", "test")},
    })  # fmt: skip
    if not (folder.path / "model").exists():
        save_model(model, folder.path / "model")
    folder.write("report.json", report)
