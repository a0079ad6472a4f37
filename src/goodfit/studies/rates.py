"""Too low, good, high, far too high: the range test over 50 learning rates, and the four curves from real trainings."""

import time
from typing import Any

import numpy as np

from goodfit.config import Config, vary
from goodfit.paired import band
from goodfit.search import RateSearch, find_learning_rate
from goodfit.search.learning_rate import SHORTEST
from goodfit.studies.comparison import IN_MEMORY, Means
from goodfit.studies.time_limit import REMEDY, TooLittleTimeError, steps_to_take
from goodfit.task import Task
from goodfit.wording import count, figure

POINTS, SEEDS_OF_TEST = 50, 2
"""A range test is one population of 100 short trainings."""
LOW, HIGH, STEPS = 1e-6, 10.0, 100
CEILING = 1.5
"""Losses above so many times the initial one are drawn there."""
FACTORS = {"too low": 1 / 30, "good": 1.0, "high": 1.0, "far too high": 100.0}
"""Of the lowest usable rate (too low), the chosen one (good), and the highest usable one (the others)."""


def rates_study(task: Task, config: Config, *, seeds: int = 8, means: Means = IN_MEMORY) -> dict[str, Any]:
    """Find the usable interval of the learning rate, train below, in and above it, and return the record."""
    began = time.monotonic()
    tests = POINTS * SEEDS_OF_TEST
    turns = means.in_turn([tests * STEPS, len(FACTORS) * seeds * steps_to_take(config, task)])
    means.on_stage("range test", f"{POINTS} rates, {SEEDS_OF_TEST} seeds each, {STEPS} steps")
    search = find_learning_rate(
        task, config, low=LOW, high=HIGH, points=POINTS, seeds=SEEDS_OF_TEST, steps=STEPS, folder=means.folder,
        device=means.device, time_limit=next(turns).seconds_left, on_progress=means.on_progress,
    )  # fmt: skip
    if search.steps < SHORTEST * STEPS:
        raise TooLittleTimeError(f"the time limit left {search.steps} of {STEPS} steps to compare rates by: {REMEDY}")
    chosen = typical_rates(search)
    means.on_stage("curves", f"four rates, {seeds} seeds each")
    first = config.seed
    runs = next(turns).train(vary(config, lr=list(chosen.values()), seed=range(first, first + seeds)), task, "curves")
    series, ends, broken = {}, {}, {}
    top = CEILING * search.initial
    for k, (name, rate) in enumerate(chosen.items()):
        group = runs.trainings[k * seeds : (k + 1) * seeds]
        label = f"{name} ({rate:.2g})"
        losses = _losses([t.curve["train_loss"].to_numpy(float) for t in group])
        # the far too high rate is to be seen beside the others, wherever it goes; a NaN stays one
        series[label] = band(np.minimum(losses, top))
        ends[name] = [v for v in band(losses)["mean"] if v is not None][-1]
        broken[name] = sum(t.reason == "diverged" for t in group)
    return {
        "answer": [search.text, *_words(chosen, ends, broken, seeds, config.epochs)],
        "seeds": [first, first + seeds - 1],
        "base": config.settings(),
        "seconds": time.monotonic() - began,
        "trainings": tests + len(runs),
        "interval": list(search.interval),
        "lines": [_range_lines(search), _curve_lines(series, top)],
        "tables": [],
        "notes": ["All trainings of a seed start from the same weights and see the same batches in the same order."],
    }


def typical_rates(search: RateSearch) -> dict[str, float]:
    """Return the four rates by name."""
    low, high = search.interval
    start = {"too low": low, "good": search.chosen, "high": high, "far too high": high}
    return {name: float(f"{start[name] * factor:.2g}") for name, factor in FACTORS.items()}


def _losses(curves: list[np.ndarray]) -> np.ndarray:
    padded = np.full((len(curves), max(map(len, curves))), np.nan)
    for row, curve in zip(padded, curves, strict=True):
        row[: len(curve)] = curve
    return padded


def _range_lines(search: RateSearch) -> dict[str, Any]:
    # what exploded is cut, or it would flatten the valley
    top = 2 * search.initial
    losses = np.where(np.isfinite(search.losses), np.minimum(search.losses, top), top)
    none = [None] * len(losses)  # two seeds have no interval worth drawing
    return {
        "name": "range", "title": f"Range test: loss after {search.steps} steps against learning rate", "x": search.rates.tolist(),
        "x_label": "learning rate", "y_label": "validation loss", "log_x": True, "whole": True,
        "series": {f"start {k + 1}": {"mean": found, "low": none, "high": none} for k, found in enumerate(losses.T.tolist())},
        "band": "Each line is one start.", "span": list(search.interval),
        "caption": f"Shaded upright: the usable interval. Losses above {figure(top)} are drawn there.",
    }  # fmt: skip


def _curve_lines(series: dict[str, Any], top: float) -> dict[str, Any]:
    longest = max(len(found["mean"]) for found in series.values())
    return {
        "name": "typical", "title": "The four typical curves", "x": list(range(longest)), "x_label": "epoch",
        "y_label": "training loss", "log_x": False, "series": series, "whole": True,
        "caption": f"Losses above {figure(top)} are drawn there.",
    }  # fmt: skip


def _words(
    chosen: dict[str, float], ends: dict[str, float], broken: dict[str, int], seeds: int, epochs: int
) -> list[str]:
    told = [
        f"{figure(end)} with a rate that is {name} ({chosen[name]:.2g})"
        + (f", where {broken[name]} of {count(seeds, 'training')} diverge" if broken[name] else "")
        for name, end in ends.items()
    ]
    return [f"Training loss after {count(epochs, 'epoch')}, or before it diverges: {'; '.join(told)}."]
