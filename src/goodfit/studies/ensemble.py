"""What an ensemble is worth: accuracy, log-loss and calibration against the number of networks, over their orders.

Networks that differ in nothing but their seed (Lakshminarayanan et al. 2017), judged on the test part, which has no part
in any choice: there is none to make. Other kinds of members (bagged: `resample="bootstrap"`; snapshots of a training whose
rate restarts: `schedule="cosine-restarts"`) are measured beside them.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from goodfit.calibration import reliability
from goodfit.config import Config, vary
from goodfit.ensemble import Pool, average, quality_curve
from goodfit.ensemble.curve import curve_of, running_quality
from goodfit.errors import GoodfitError
from goodfit.optim.restarts import RESTARTING
from goodfit.runs import Runs
from goodfit.studies.comparison import IN_MEMORY, Means
from goodfit.task import Task
from goodfit.wording import figure

MEMBERS = 10
SNAPSHOTS = "snapshots of one"


def ensemble_study(
    task: Task, config: Config, *, members: int = MEMBERS, others: Sequence[tuple[str, dict[str, Any]]] = (),
    means: Means = IN_MEMORY,
) -> dict[str, Any]:  # fmt: skip
    """Train networks of other seeds, average 1, 2, ... of them in many orders, and return the record.

    Args:
        members: networks, with seeds `config.seed`, `config.seed` + 1, ...; every kind trains as many.
        others: name and settings of further kinds of members: `{"resample": "bootstrap"}`.

    Raises:
        GoodfitError: fewer than two members, or no test part to judge by.
    """
    if members < 2:
        raise GoodfitError(f"an ensemble of {members}: give at least 2 --seeds")
    if not len(task.rows("test")):
        raise GoodfitError("the study 'ensemble' judges on the test part: give it rows")
    began = time.monotonic()
    kinds = {"other seeds": config} | {name: config.replace(**settings) for name, settings in others}
    seeds = range(config.seed, config.seed + members)
    means.on_stage("members", f"{len(kinds) * members} networks")
    configs = [c for base in kinds.values() for c in vary(base, seed=seeds)]
    runs = means.train(configs, task, "members", keep_weights=True)
    means.on_stage("test", "one look at the test part")
    pools = {
        name: _pool(task, Runs(task, runs.trainings[i * members : (i + 1) * members])) for i, name in enumerate(kinds)
    }
    curves = {name: quality_curve(pool, config.seed) for name, pool in pools.items()}
    for name, base in kinds.items():
        if base.schedule == RESTARTING:
            kind = Runs(task, [t for t in runs if t.config.replace(seed=base.seed) == base])
            label = SNAPSHOTS if base is config else f"{SNAPSHOTS}, {name}"
            curves[label] = _snapshot_curve(task, kind)
    first = pools["other seeds"]
    if task.kind != "regression":
        curves["majority vote"] = quality_curve(first, config.seed, combination="majority vote")
    return {
        "answer": _answer(task, curves, members),
        "seeds": [config.seed, config.seed + members - 1],
        "base": config.settings(),
        "seconds": time.monotonic() - began,
        "trainings": len(runs),
        "judged_by": f"test {task.metric.name}",
        "lines": _lines(task, curves),
        "ensemble": _reliability(first) if task.kind != "regression" else None,
        "tables": [_table(task, curves, members)],
        "notes": [
            f"Judged on the {len(task.rows('test'))} test rows. Nothing is chosen: every network counts alike.",
            "Networks train to the end of their schedule; no rows are held out to stop them by."
            if not len(task.rows("validation"))
            else "Every network keeps the weights that its validation rows like best.",
            "The calibration error is the expected one of Guo et al. (2017), in 15 bins, without a temperature.",
        ],
    }


def _pool(task: Task, runs: Runs) -> Pool:
    raw = task.raw("test")
    predictions = np.stack([Runs(task, [training]).predict(raw) for training in runs])
    return Pool([Runs(task, [t]) for t in runs], predictions, task.truth("test"), task.metric)


def _snapshot_curve(task: Task, runs: Runs) -> dict[str, Any]:
    """Return the quality of the last 1, 2, ... snapshots of one training, as `quality_curve` does: over the trainings.

    The last come first, for they have trained longest (Huang et al. 2017, section 3).
    """
    pools = [_pool(task, Runs(task, training.snapshots[::-1])) for training in runs]
    found = [running_quality(pool, np.arange(len(pool))) for pool in pools]
    shortest = min(len(values[0]) for values in found)
    return curve_of(np.stack([values[:, :shortest] for values in found], axis=1))


def _ends(curve: dict[str, Any], name: str) -> tuple[float, float]:
    mean = curve["series"][name]["mean"]
    return mean[0], mean[-1]


def _answer(task: Task, curves: dict[str, Any], members: int) -> list[str]:
    curve = curves["other seeds"]
    (one, all_), (loss, together) = _ends(curve, "metric"), _ends(curve, "loss")
    change = 100 * (together / loss - 1)
    name = "log-loss" if task.kind != "regression" else "mean squared error"
    sentences = [
        f"{members} networks together reach a test {task.metric.name} of {figure(all_)}, one alone {figure(one)} on average;"
        f" the {name} goes from {figure(loss)} to {figure(together)} ({change:+.0f} %)."
    ]
    half = _halfway(curve["series"]["loss"]["mean"])
    sentences.append(f"{half} of them bring nine tenths of what {members} bring in {name}.")
    if task.kind != "regression":
        before, after = _ends(curve, "ece")
        voted = _ends(curves["majority vote"], "metric")[1]
        sentences.append(f"The expected calibration error goes from {before:.3f} to {after:.3f}.")
        sentences.append(
            f"Majority vote instead of averaging reaches {figure(voted)}, and says less of how sure one can be."
        )
    for other, found in curves.items():
        if other.startswith(SNAPSHOTS):
            (last, value), (alone, lost), taken = _ends(found, "metric"), _ends(found, "loss"), len(found["sizes"])
            sentences.append(
                f"{taken} snapshots of one training, which take no longer than that one, reach {figure(value)}, {name} {figure(lost)}"
                f" (mean over {found['orders']} trainings); the last alone {figure(last)}, {name} {figure(alone)}."
            )
        elif other not in ("other seeds", "majority vote"):
            value, lost = _ends(curves[other], "metric")[1], _ends(curves[other], "loss")[1]
            sentences.append(f"{members} members of the kind '{other}' reach {figure(value)}, {name} {figure(lost)}.")
    return sentences


def _halfway(losses: list[float]) -> int:
    """Return how many members bring nine tenths of the whole gain."""
    gain = np.array(losses[0]) - np.array(losses)
    return int(np.flatnonzero(gain >= 0.9 * gain[-1])[0]) + 1


def _lines(task: Task, curves: dict[str, Any]) -> list[dict[str, Any]]:
    snapshots = any(name.startswith(SNAPSHOTS) for name in curves)
    names = {
        "metric": f"test {task.metric.name}",
        "loss": "test log-loss" if task.kind != "regression" else "test error, squared",
    }
    if task.kind != "regression":
        names["ece"] = "calibration error"
    return [
        {
            "name": f"members-{key}", "title": f"{words[0].upper()}{words[1:]} against the number of networks",
            "x": max((curve["sizes"] for curve in curves.values()), key=len), "x_label": "networks", "y_label": words, "log_x": False, "whole": True,
            "series": {
                name: curve["series"][key] | {"x": curve["sizes"]}
                for name, curve in curves.items() if key == "metric" or name != "majority vote"
            },
            "band": f"Line: mean over {curves['other seeds']['orders']} random orders of the networks"
            f"{', of snapshots over the trainings' if snapshots else ''}; band: 80 % of them.",
        }
        for key, words in names.items()
    ]  # fmt: skip


def _reliability(pool: Pool) -> dict[str, Any]:
    each = [reliability(pool.truth, p) for p in pool.predictions]
    middle = int(np.argsort([found.ece for found in each])[len(each) // 2])
    return {"single": each[middle].record(), "ensemble": reliability(pool.truth, average(pool.predictions)).record()}


def _table(task: Task, curves: dict[str, Any], members: int) -> dict[str, Any]:
    names = [task.metric.name, "loss", *(["calibration error"] if task.kind != "regression" else [])]
    keys = ["metric", "loss", "ece"][: len(names)]
    rows: list[list[Any]] = [["one network", *(_ends(curves["other seeds"], key)[0] for key in keys)]]
    for name, curve in curves.items():
        label = f"{members}, {name}, averaged"
        if name == "majority vote":
            label = f"{members} by majority vote"
        elif name.startswith(SNAPSHOTS):
            label = f"{len(curve['sizes'])} {name}, averaged"
        rows.append([label, *(_ends(curve, key)[1] for key in keys)])
    return {"title": "One and all, on the test part", "header": ["", *names], "rows": rows}
