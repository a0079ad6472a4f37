"""From a task to a trained, explained model: the stages in order, each leaving its evidence in the run folder."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from goodfit.baselines import BASELINES, fit_baselines
from goodfit.decision import choose_factors, reweighted
from goodfit.ensemble import choose_ensemble, consider_views, estimate_optimism
from goodfit.model import Model, free_name
from goodfit.recipe.averaging import describe_calibration, describe_ensemble, describe_rows
from goodfit.recipe.candidates import describe_candidates, rank_by
from goodfit.recipe.clock import BOOTSTRAP_SHARE, IMPORTANCE_SHARE, VIEWS_SHARE, Clock
from goodfit.recipe.importance import column_importance
from goodfit.recipe.judgement import (
    against,
    bootstrap,
    class_picture,
    further_metrics,
    regression_picture,
)
from goodfit.recipe.plan import SILENT, Listener, Recipe
from goodfit.recipe.steps import IMPROVEMENT_SHARE, Steps
from goodfit.recipe.summary import summarise_task
from goodfit.recipe.verdict import word_verdict
from goodfit.runs import Runs
from goodfit.task import Task
from goodfit.training import RunFolder, save_model
from goodfit.training.files import plain_json, write_bytes
from goodfit.training.folder import environment

INTERRUPTED = "interrupted"
"""Stage that marks a run folder whose trainings were ended by Ctrl-C, and judged as they were."""
BEFORE_REFINEMENT = ("data", "baselines", "initial loss", "overfit", "learning rate", "pace", "coarse grid")


def run_recipe(
    task: Task, recipe: Recipe, folder: RunFolder, command: str, listener: Listener = SILENT,
    began: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train, judge and write everything into the run folder; return what `report.json` holds.

    Stages and trainings that the folder holds already are taken from it, so calling this again after an
    interruption continues and arrives at the same numbers. Ctrl-C while the candidates train ends them with their best
    weights, which are judged and reported as `interrupted`.

    Args:
        began: when the time limit began to run (`time.monotonic()`); None: now.
    """
    started = time.monotonic() if began is None else began
    store = folder.store
    _forget_interrupted(folder)
    steps = steps_of(task, recipe, folder, listener, began=started)
    clock = steps.clock

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
    baselines = once("baselines", "simple models first", lambda: _baselines(task, recipe, folder, listener, clock))
    report["initial_loss"] = steps.initial_loss()
    report["overfit"] = steps.overfit()
    report["learning_rate"] = steps.learning_rate()
    report["coarse"] = steps.coarse()
    report["pace"] = steps.pace()
    runs = steps.refine()
    if steps.interruption.asked() and not any(t.best_epoch for t in runs):
        raise KeyboardInterrupt  # nothing has been learnt yet that could be judged
    improved = steps.improve(runs)
    report["curves"] = improved.evidence
    runs += improved.runs
    interrupted = steps.interruption.asked()
    if interrupted:
        store.finish_stage(INTERRUPTED, True)

    listener.stage("ensemble", "which networks to average")
    most, rank = recipe.budget(task).members, rank_by(task.metric.name, recipe.metric_chosen)
    choice = choose_ensemble(runs, most, rank, seed=recipe.seed)
    viewing = consider_views(choice, choice.model(calibrate=True), clock.left_to_judge(VIEWS_SHARE))
    model = viewing.model
    report["candidates"] = describe_candidates(runs, choice.members)
    report["ensemble"] = describe_ensemble(task, choice, recipe.seed, viewing.text)
    report["rows"] = describe_rows(task, choice)
    report["calibration"] = describe_calibration(task, choice.pool.truth, viewing.prediction, model)
    report["optimism"] = once(
        "optimism", "how far the choice flatters itself",
        lambda: estimate_optimism(choice.pool, most, rank, seed=recipe.seed).record(),
    )  # fmt: skip
    report["importance"] = once(
        "importance", "what the model looks at",
        lambda: column_importance(task, model, recipe.seed, clock.left_to_judge(IMPORTANCE_SHARE)),
    )  # fmt: skip

    listener.stage("test", "one look at the test part")
    scores = _judge(task, recipe, folder, model, choice.members, baselines, clock)
    report |= scores
    late = any(t.reason == "out of time" for t in runs)
    report["status"] = "interrupted" if interrupted else "out of time" if late else "finished"
    report["verdict"] = word_verdict(report)
    report["repeat"] = {
        "command": command, "seed": recipe.seed, "device": recipe.device, "threads": torch.get_num_threads(),
        "versions": {name: environment()[name] for name in ("goodfit", "python", "torch", "numpy")},
    }  # fmt: skip
    report["seconds"] = time.monotonic() - started
    report["goodfit"] = environment()["goodfit"]
    _leave(folder, task, model, report)
    return plain_json(report)


def steps_of(
    task: Task, recipe: Recipe, folder: RunFolder, listener: Listener = SILENT, spend: float = IMPROVEMENT_SHARE,
    began: float | None = None,
) -> Steps:  # fmt: skip
    """Return the steps of a run, none of them done yet, under a clock that started at `began`, or now."""
    clock = Clock(recipe.time_limit, time.monotonic() if began is None else began)
    return Steps(
        task, recipe.config(task), recipe.budget(task), recipe.settings, clock, folder=folder, device=recipe.device,
        listener=listener, spend=spend,
    )  # fmt: skip


def _forget_interrupted(folder: RunFolder) -> None:
    """Make room for a run that goes on: what was judged of the interrupted one does not hold for the whole."""
    store = folder.store
    if store.stage(INTERRUPTED):
        store.forget_stages(keep=BEFORE_REFINEMENT)
        shutil.rmtree(folder.path / "model", ignore_errors=True)


def _baselines(task: Task, recipe: Recipe, folder: RunFolder, listener: Listener, clock: Clock) -> dict[str, Any]:
    heard = partial(listener.stage, "baselines")
    fitted = fit_baselines(task, recipe.seed, heard, clock.left_for("baselines"))
    tensors = {
        f"{b.name}/{part}": torch.from_numpy(getattr(b, part)) for b in fitted for part in ("validation", "test")
    }
    checksum = folder.keep_tensors("baselines", tensors)
    rows = [
        {
            "name": b.name,
            "about": b.about,
            "cut": b.cut,
            "validation": task.score(b.validation, "validation"),
            "seconds": b.seconds,
        }
        for b in fitted
    ]
    return {"rows": rows, "checksum": checksum}


def _judge(
    task: Task, recipe: Recipe, folder: RunFolder, model: Model, members: Runs, baselines: dict[str, Any], clock: Clock
) -> dict[str, Any]:
    truth = task.truth("test")
    raw = task.raw("test")
    predictions = {
        "ensemble": model.predict(raw),
        "single": replace(members.filter(lambda t: t.id == members[0].id).model(), views=model.views).predict(raw),
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
    scored = bootstrap(task.metric, truth, predictions, recipe.seed, clock.left_to_judge(BOOTSTRAP_SHARE))
    resamples = len(scored["ensemble"].draws)
    rows = [
        row | {"test": scored[row["name"]].value, "test_interval": list(scored[row["name"]].interval)}
        for row in baselines["rows"]
    ]
    test = {
        "value": scored["ensemble"].value,
        "interval": list(scored["ensemble"].interval),
        "counting": scored["ensemble"].rows,
        "method": f"percentile bootstrap over {len(truth)} test rows, {resamples} resamples, 95 %",
        "single": {"value": scored["single"].value, "interval": list(scored["single"].interval)},
        "more": further_metrics(task, truth, probabilities, model.class_factors),
        "against": [{"baseline": n, **against(task.metric, scored["ensemble"], scored[n])} for n in BASELINES],
    }
    picture = (
        regression_picture(truth, predictions["ensemble"], model.half_width, model.coverage, recipe.seed)
        if task.kind == "regression"
        else class_picture(truth, probabilities, model)
    )
    _write_predictions(task, model, probabilities, folder)
    return {"baselines": rows, "test": test, "predictions": picture}


def _write_predictions(task: Task, model: Model, predicted: np.ndarray, folder: RunFolder) -> None:
    """Write the test part's predictions beside the truth, with the row number in the data (from 1).

    Id and target keep their names where these are free; else ` (id)` or ` (truth)` is put behind.
    """
    rows, raw = task.rows("test"), task.raw("test")
    table = model.columns(raw, predicted)
    truth = task.truth("test") if task.kind == "regression" else np.array(task.code.classes)[task.truth("test")]
    table.insert(0, free_name(task.target_name, "truth", ["row", *table]), truth)
    if isinstance(raw, pd.DataFrame) and task.ids is not None and task.ids.name not in raw:
        table.insert(0, free_name(str(task.ids.name), "id", ["row", *table]), task.ids.to_numpy()[rows])
    table.insert(0, "row", rows + 1)
    write_bytes(folder.path / "test-predictions.csv", table.to_csv(index=False).encode())


def _leave(folder: RunFolder, task: Task, model: Model, report: dict[str, Any]) -> None:
    folder.write("data.json", {
        "fingerprint": task.fingerprint(), "columns": report["task"]["columns"], "split": task.splits.how,
        "rows": {part: task.splits.rows(part).tolist() for part in ("train", "validation", "test")},
    })  # fmt: skip
    if not (folder.path / "model").exists():
        save_model(model, folder.path / "model")
    folder.write("report.json", report)
