"""Grid against random search (Bergstra & Bengio 2012): the best found against the number of trials, from one pool.

Many grids, each at a place of its own, and as many random points are trained once. Repetitions then only draw from what
is there: a grid in a random order, or random points. Any one point of a grid lies where a random one does, evenly in the
space, so that all the difference is in how the points of one search lie to each other.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.randomness import numpy_generator
from goodfit.search.domain import Range
from goodfit.search.importance import importances
from goodfit.search.record import importance_record, word_importances
from goodfit.search.space import Space, make_space
from goodfit.search.trials import DIVERGED, Trial, make_trial
from goodfit.studies.comparison import IN_MEMORY, Means
from goodfit.task import Task
from goodfit.wording import count, figure

SPACE = {"lr": "log(1e-5, 1)", "l2": "log(1e-7, 1e-2)", "weight_decay": "log(1e-5, 1)", "dropout": "uniform(0, 0.1)"}
"""What is searched: the learning rate over the range that people try, and three regularisers."""
LEVELS = 3
"""Values of each setting in a grid."""
REPETITIONS = 2000
QUANTILES = (0.5, 0.1, 0.9)
TOLD = (3, 9, 27, 81)
"""Numbers of trials in the table."""


def search_study(task: Task, config: Config, *, grids: int = 8, means: Means = IN_MEMORY) -> dict[str, Any]:
    """Train the pool, repeat both searches from it, and return the record.

    Args:
        config: what is not searched; its seed is that of all trainings, of the grids' places and of all draws.
        grids: grids in the pool; beside them are as many random points as all grids have.
    """
    began = time.monotonic()
    space = make_space(SPACE)
    size = LEVELS ** len(space)
    points = {
        "grid": np.concatenate([grid_points(len(space), config.seed, k) for k in range(grids)]),
        "random": numpy_generator(config.seed, "search study random").random((grids * size, len(space))),
    }
    means.on_stage("pool", f"{count(grids, 'grid')} of {size} points, and as many random points")
    values = [space.at(point) for both in points.values() for point in both]
    runs = means.train([config.replace(**found) for found in values], task, "pool")
    trials = [make_trial(k, v, [t], "metric") for k, (v, t) in enumerate(zip(values, runs, strict=True))]
    smaller = not task.metric.greater_is_better
    pool = {"grid": trials[: grids * size], "random": trials[grids * size :]}
    sign = 1.0 if smaller else -1.0
    losses = {name: _losses(found, sign) for name, found in pool.items()}
    found = repeat(losses["grid"].reshape(grids, size), losses["random"], config.seed)
    series = {name: _bands(best * sign) for name, best in found.items()}
    matter = importance_record(importances(space, pool["random"], smaller, config.seed))
    judged_by = f"validation {task.metric.name}"
    return {
        "answer": [*_words(found, series, judged_by), *([word_importances(matter)] if matter else [])],
        "judged_by": judged_by,
        "smaller_is_better": smaller,
        "seeds": [config.seed, config.seed],
        "base": config.settings(),
        "varied": space.settings,
        "seconds": time.monotonic() - began,
        "trainings": len(trials),
        "lines": [_lines(series, judged_by, grids)],
        "projections": _projections(space, {name: found[:size] for name, found in pool.items()}),
        "importances": matter,
        "tables": [_table(series, judged_by)],
        "notes": [
            "Searched: " + "; ".join(map(str, space.dimensions)) + ". Every grid has its own place: its first values are"
            f" drawn from the first {1 / LEVELS:.0%} of each range, the others follow at equal distances.",
            f"What whole grids find is known from {grids} places only: more --seeds, more grids.",
            "All trainings share one seed, so the bands are about where trials lie, not about the luck of a training."
            f" {sum(t.state == DIVERGED for t in trials)} of {len(trials)} diverged and are nobody's best.",
            "The best of many is judged by the rows that chose it: these are values of a search, not of new data.",
        ],
    }  # fmt: skip


def grid_points(dimensions: int, seed: int, grid: int) -> np.ndarray:
    """Return a grid [`LEVELS`^d, d] in the unit cube, shifted to a place of its own in every dimension."""
    shift = numpy_generator(seed, "search study grid", grid).random(dimensions)
    axes = [(np.arange(LEVELS) + s) / LEVELS for s in shift]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dimensions)


def repeat(grids: np.ndarray, random: np.ndarray, seed: int, repetitions: int = REPETITIONS) -> dict[str, np.ndarray]:
    """Return the lowest loss found after 1, 2, ... trials [repetitions, size] of both searches.

    Args:
        grids: losses [grids, size]; a repetition takes one grid in a random order.
        random: losses [n], n >= size, of which a repetition takes `size` without putting back.
    """
    found: dict[str, list[np.ndarray]] = {"grid": [], "random": []}
    for repetition in range(repetitions):
        draw = numpy_generator(seed, "search study repetition", repetition)
        found["grid"].append(draw.permutation(grids[draw.integers(len(grids))]))
        found["random"].append(draw.choice(random, grids.shape[1], replace=False))
    return {name: np.minimum.accumulate(np.stack(losses), axis=1) for name, losses in found.items()}


def _losses(trials: Sequence[Trial], sign: float) -> np.ndarray:
    """Return losses [n]; a diverged trial did as badly as the worst."""
    losses = np.array([sign * trial.value for trial in trials])
    known = losses[np.isfinite(losses)]
    return np.where(np.isfinite(losses), losses, known.max() if len(known) else 0.0)


def _bands(values: np.ndarray) -> dict[str, list[float]]:
    quantiles = np.quantile(values, QUANTILES, axis=0)
    return {name: row.tolist() for name, row in zip(("mean", "low", "high"), quantiles, strict=True)}


def _words(found: dict[str, np.ndarray], series: dict[str, dict[str, list[float]]], judged_by: str) -> list[str]:
    grid, random = found["grid"], found["random"]
    size = grid.shape[1]
    middle = {name: bands["mean"][-1] for name, bands in series.items()}
    won = float(np.mean(random[:, -1] < grid[:, -1]))
    as_good = np.flatnonzero(np.median(random, axis=0) <= np.median(grid[:, -1]))
    better = "Random search" if won > 0.5 else "The grid"
    return [
        f"{better} finds more: after {size} trials the median {judged_by} is {figure(middle['random'])} with random search and"
        f" {figure(middle['grid'])} with a grid; in {won:.0%} of the repetitions the random one is better.",
        f"Random search needs {as_good[0] + 1} trials for what half of the whole grids reach with {size}."
        if len(as_good)
        else f"Random search does not reach with {size} trials what half of the whole grids do.",
        f"Of every setting a grid of {size} trials tries {LEVELS} values, random search {size}.",
    ]


def _lines(series: dict[str, Any], judged_by: str, grids: int) -> dict[str, Any]:
    size = len(series["grid"]["mean"])
    return {
        "name": "found", "title": "Best found against the number of trials", "x": list(range(1, size + 1)), "x_label": "trials",
        "y_label": f"best {judged_by}", "log_x": True, "series": series,
        "band": f"Line: median of {REPETITIONS:,} repetitions drawn from one pool of {2 * grids * size:,} trainings; band: 80 % of them.",
    }  # fmt: skip


def _projections(space: Space, shown: dict[str, Sequence[Trial]]) -> dict[str, Any]:
    return {
        "settings": [
            {"setting": d.setting, "scale": d.domain.scale} for d in space.dimensions if isinstance(d.domain, Range)
        ],
        "searches": {
            name: {
                "values": [[trial.values[setting] for trial in trials] for setting in space.settings],
                "found": [trial.value if np.isfinite(trial.value) else None for trial in trials],
            }
            for name, trials in shown.items()
        },
    }


def _table(series: dict[str, Any], judged_by: str) -> dict[str, Any]:
    size = len(series["grid"]["mean"])
    header = ["trials", *(f"{name}: {word}" for name in series for word in ("median", "10 %", "90 %"))]
    rows = [
        [n, *(bands[part][n - 1] for bands in series.values() for part in ("mean", "low", "high"))]
        for n in sorted({min(n, size) for n in TOLD})
    ]
    return {"title": f"Best {judged_by} after so many trials", "header": header, "rows": rows}
