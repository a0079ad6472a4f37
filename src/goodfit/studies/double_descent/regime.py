"""On one's own data: which regime is a training in, and would a wider network, more data, or stopping earlier help?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.paired import LEVEL, t_interval
from goodfit.recipe.presets import base_config, find_preset
from goodfit.search import find_learning_rate
from goodfit.studies.comparison import Means
from goodfit.studies.double_descent.figures import CRITICAL, curve
from goodfit.studies.double_descent.networks import Networks
from goodfit.studies.double_descent.points import Point, Results, collect
from goodfit.studies.double_descent.rows import StudyRows, constant_loss
from goodfit.studies.double_descent.shape import INTERPOLATING, Interval, interpolates, threshold
from goodfit.task import Task
from goodfit.wording import count, figure

WIDTH_FACTORS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4)
EPOCH_FACTORS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2)
SAMPLE_FACTORS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)
FEWEST_ROWS = 40
FLOOR = 1e-6
"""Held-out losses below this count as equal: a ratio of rounding errors says nothing."""
MANY_SEEDS = 12
"""With fewer, intervals that hold together are so wide that an undecided answer says little."""


@dataclass(frozen=True)
class Change:
    """A training beside the user's own, and its test loss over that of the user's (geometric mean, paired interval)."""

    name: str
    point: Point
    times: Interval

    @property
    def verdict(self) -> str:
        """Whether it helps beyond the scatter of the seeds."""
        _, low, high = self.times
        return "helps" if high < 1 else "hurts" if low > 1 else "undecided"


def own_config(task: Task, settings: Mapping[str, Any], noise: float, seed: int) -> Config:
    """Return the user's training: what was set, else what `goodfit train --preset quick` does with a perceptron.

    The rate stays constant, so that a training of fewer epochs is the same training stopped earlier.
    """
    chosen = {"model": "mlp", "schedule": "constant", "label_noise": noise, **settings, "patience": None}
    return base_config(find_preset("quick", task, chosen), task, seed, chosen)


def which_regime(
    task: Task, settings: Mapping[str, Any], noise: float, seed: int, seeds: int, means: Means
) -> dict[str, Any]:
    """Train sizes, times and shares of the samples around the user's training, and say which change would help."""
    rows = StudyRows.of(task, tuning=0)
    config = own_config(task, settings, noise, seed)
    Networks(rows, config, means)  # refuses other models before anything is trained
    notes = []
    if "lr" not in settings:
        means.on_stage("learning rate", "for the training as it is")
        search = find_learning_rate(
            rows.task, config, folder=means.folder, device=means.device, time_limit=means.seconds_left,
            on_progress=means.on_progress,
        )  # fmt: skip
        config = config.replace(lr=search.chosen)
        notes.append(search.text)
    there = len(rows.task.rows("train"))
    samples = min(config.train_rows or there, there)
    if samples < FEWEST_ROWS:
        raise GoodfitError(f"{samples} training rows tell nothing of regimes: give at least {FEWEST_ROWS}")
    learner = Networks(rows, config, means)
    own = Point(config.hidden[0], samples, config.epochs, config.weight_decay)
    lines = {
        "width": [Point(w, samples, own.epochs, own.decay) for w in _around(own.width, WIDTH_FACTORS)],
        "epochs": [Point(own.width, samples, e, own.decay) for e in _around(int(own.epochs), EPOCH_FACTORS)],
        "samples": [Point(own.width, n, own.epochs, own.decay) for n in _around(samples, SAMPLE_FACTORS)],
    }
    results = collect(learner, [own, *(p for points in lines.values() for p in points)], seed, seeds, means)
    constant = _constant(rows, config)
    border = threshold(
        [p.width for p in lines["width"]], interpolates(results.of(lines["width"], "train_loss"), constant)
    )
    changes = {name: _changes(name, points, own, results) for name, points in lines.items()}
    return {
        "question": f"{task.name}: which regime is the training in, and what would help?",
        "answer": [
            _regime(results, own, border, constant),
            _wider(changes["width"], own),
            _more_data(results, lines["samples"], own),
            _stopping(changes["epochs"], own),
            _bounds(changes, len(results.seeds)),
        ],
        "base": config.settings(),
        "varied": ["width", "epochs", "train_rows"],
        "seeds": [results.seeds[0], results.seeds[-1]],
        "trainings": results.trainings,
        "notes": notes,
        "descents": _figures(lines, own, results, constant, rows.error_unit),
        "tables": [_table(changes, own, results)],
    }  # fmt: skip


def _around(value: int, factors: Sequence[float]) -> list[int]:
    return sorted({max(1, round(value * factor)) for factor in factors})


def _constant(rows: StudyRows, config: Config) -> float:
    _, y = rows.drawn(config)
    regression = rows.task.kind == "regression"
    return constant_loss(config.loss, rows.task.kind, np.empty(0) if regression else np.bincount(y) / len(y))


def _changes(name: str, points: Sequence[Point], own: Point, results: Results) -> list[Change]:
    others = [point for point in points if point != own]
    level = 1 - (1 - LEVEL) / max(len(others), 1)
    return [Change(_name(name, p, own), p, _times(results, p, own, level)) for p in others]


def _name(axis: str, point: Point, own: Point) -> str:
    value = {"width": point.width, "epochs": int(point.epochs), "samples": point.samples}[axis]
    return f"{value:,} {'units' if axis == 'width' else axis}"


def _times(results: Results, point: Point, own: Point, level: float) -> Interval:
    """Return the point's test loss over the user's own, paired over the seeds where both are finite."""
    theirs, of_own = (np.maximum(results.of([p], "test_loss")[:, 0], FLOOR) for p in (point, own))
    logs = np.log(theirs / of_own)
    mean, low, high = np.exp(t_interval(logs[np.isfinite(logs)].tolist(), level))
    return float(mean), float(low), float(high)


def _regime(results: Results, own: Point, border: float | None, constant: float) -> str:
    loss, error = (float(np.nanmean(results.of([own], f"train_{kind}"))) for kind in ("loss", "error"))
    held_out = float(np.nanmean(results.of([own], "test_loss")))
    found = (
        f"With {figure(own.width)} units, {own.samples:,} samples and {own.epochs:,} epochs the training loss ends at"
        f" {figure(loss)} (that of a constant output is {figure(constant)}; training error {figure(error)}), the"
        f" held-out loss at {figure(held_out)}."
    )
    if border is None or border > CRITICAL * own.width:
        where = "no network up to four times as wide" if border is None else f"only one of {figure(border)} units"
        return (
            f"Classical regime: {where} brings the training loss to below {INTERPOLATING:.0%} of a constant's. {found}"
        )
    if border > own.width / CRITICAL:
        return f"Critical regime: the interpolation threshold is at about {figure(border)} units. {found}"
    return f"Modern regime: {figure(border)} units already interpolate the training rows. {found}"


def _wider(changes: Sequence[Change], own: Point) -> str:
    wider, narrower = ([c for c in changes if sign * c.point.width > sign * own.width] for sign in (1, -1))
    return f"A wider network {_verdict(wider)} A narrower one {_verdict(narrower)}"


def _stopping(changes: Sequence[Change], own: Point) -> str:
    earlier, later = ([c for c in changes if sign * c.point.epochs > sign * own.epochs] for sign in (-1, 1))
    return f"Stopping earlier {_verdict(earlier)} Training longer {_verdict(later)}"


def _verdict(changes: Sequence[Change]) -> str:
    """Say the best of some changes with its interval."""
    if not changes:
        return "was not tried."
    best = min(changes, key=lambda change: change.times[0])
    if best.verdict == "helps":
        return f"helps: with {best.name} the loss is {_factor(best.times)}."
    if all(change.verdict == "hurts" for change in changes):
        return f"hurts: even with {best.name} the loss is {_factor(best.times)}."
    return f"makes no difference that can be told: at best, with {best.name}, the loss is {_factor(best.times)}."


def _more_data(results: Results, points: Sequence[Point], own: Point) -> str:
    fewer = [point for point in points if point.samples <= own.samples / 2]
    if not fewer:
        return "More data: not tried, there are too few rows."
    half = fewer[-1]
    times = _times(results, own, half, LEVEL)
    fact = f"from {half.samples:,} to {own.samples:,} samples the loss became {_factor(times)}"
    if times[2] < 1:
        return f"More data would probably help: {fact}."
    if times[1] > 1:
        return f"More data hurts here, as it does near the threshold: {fact}."
    return f"Whether more data would help cannot be told: {fact}."


def _factor(times: Interval) -> str:
    mean, low, high = times
    return f"{figure(mean)} times as large ({figure(low)} to {figure(high)})"


def _bounds(changes: Mapping[str, Sequence[Change]], seeds: int) -> str:
    number = sum(map(len, changes.values()))
    undecided = any(change.verdict == "undecided" for found in changes.values() for change in found)
    more = f" More could be told with --seeds {MANY_SEEDS}." if undecided and seeds < MANY_SEEDS else ""
    return (
        f"{count(number, 'change')} were tried, one at a time. Intervals are 95 %, Student's t over the seeds on the logarithm"
        f" of the ratio of held-out losses, paired by seed; those of a question hold together (Bonferroni).{more}"
    )


def _figures(
    lines: Mapping[str, Sequence[Point]], own: Point, results: Results, constant: float, unit: str
) -> list[dict[str, Any]]:
    places = {"width": "units", "epochs": "epochs", "samples": "samples"}
    figures = []
    for axis, points in lines.items():
        xs = [float(getattr(point, axis)) for point in points]
        border = threshold(xs, interpolates(results.of(points, "train_loss"), constant), larger=axis != "samples")
        regimes = {"samples": ("modern", "critical", "classical")}.get(axis, ("classical", "critical", "modern"))
        for kind, label in (("loss", "loss"), ("error", f"error ({unit})")):
            series = {"held out": results.of(points, f"test_{kind}"), "training": results.of(points, f"train_{kind}")}
            figures.append(
                curve(
                    f"{axis}-{kind}", f"{kind.capitalize()} against {places[axis]}", places[axis], label, xs, series, border,
                    log_y=kind == "loss", regimes=regimes, mark=float(getattr(own, axis)),
                )
            )  # fmt: skip
    return figures


def _table(changes: Mapping[str, Sequence[Change]], own: Point, results: Results) -> dict[str, Any]:
    def means(point: Point) -> list[float]:
        names = ("test_loss", "test_error", "train_loss", "train_error")
        return [float(np.nanmean(results.of([point], name))) for name in names]

    rows = [["as it is", *means(own), 1.0, "", "", ""]] + [
        [change.name, *means(change.point), *change.times, change.verdict]
        for found in changes.values()
        for change in found
    ]
    header = [
        "training", "held-out loss", "held-out error", "training loss", "training error", "loss / own", "low", "high", "verdict",
    ]  # fmt: skip
    return {"title": "Every change, alone", "header": header, "rows": rows}
