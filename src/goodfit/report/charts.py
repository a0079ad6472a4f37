"""The report's figures, each drawn from records of `report.json` alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from goodfit.paired import carry_on
from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, Chart, drawing
from goodfit.report.ensemble import calibration, ensemble_curve, optimism
from goodfit.wording import figure

Report = dict[str, Any]
MOST_NAMED = 20
"""Classes or columns that a figure names; more would not be readable."""


def short(name: object, most: int = 28) -> str:
    """Return a name that fits beside an axis."""
    text = str(name)
    return text if len(text) <= most else text[: most - 1] + "…"


def scores(report: Report) -> Chart | None:
    """Test metric of ensemble, single network and baselines, with their intervals."""
    test = report.get("test")
    if not test:
        return None
    rows = [
        ("goodfit, ensemble", test["value"], test["interval"]),
        ("goodfit, one network", test["single"]["value"], test["single"]["interval"]),
    ]
    rows += [
        (b["name"], b["test"], b["test_interval"]) for b in report.get("baselines", []) if b.get("test") is not None
    ]
    metric = report["task"]["metric"]
    direction = "higher is better" if report["task"]["greater_is_better"] else "lower is better"
    label = "; ".join(f"{name} {figure(value)}" for name, value, _ in rows)
    with drawing("scores", f"Test {metric}: {label}", height=0.45 * len(rows) + 0.8) as canvas:
        for y, (name, value, (low, high)) in enumerate(rows):
            colour = BLUE if name.startswith("goodfit") else ORANGE
            canvas.axes.plot([low, high], [y, y], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
            canvas.axes.plot([value], [y], "o", color=colour, markersize=7)
        canvas.axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        canvas.axes.invert_yaxis()
        canvas.axes.set_xlabel(f"test {metric} ({direction})")
        canvas.axes.grid(axis="y", visible=False)
    return Chart(
        "Scores on the test part", canvas.svg, f"Points: {metric} on {report['task']['rows']['test']} test rows. Bars: {test['method']}.",
        ["model", metric, "low", "high"], [[n, v, i[0], i[1]] for n, v, i in rows],
    )  # fmt: skip


def rate_search(report: Report) -> Chart | None:
    """Loss against learning rate, a point for each seed."""
    found = report.get("learning_rate")
    if not found:
        return None
    rates = np.array(found["rates"])
    losses = np.array([[np.nan if v is None else v for v in row] for row in found["losses"]], dtype=float)
    finite = np.where(np.isfinite(losses).all(1), losses.mean(1), np.nan)
    with drawing(
        "rates", f"Loss after {found['steps']} steps against learning rate; chosen {figure(found['chosen'])}"
    ) as canvas:
        axes = canvas.axes
        axes.axvspan(*found["interval"], color=GREEN, alpha=0.15, linewidth=0)
        axes.plot(rates, finite, color=BLUE)
        axes.plot(np.repeat(rates, losses.shape[1]), losses.ravel(), ".", color=BLUE, alpha=0.6)
        axes.axvline(found["chosen"], color=ORANGE, linestyle="--")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        best = float(np.nanmin(finite)) if np.isfinite(finite).any() else 1.0
        start = found.get("initial") or best * 2
        axes.set_ylim(best - 0.08 * (start - best), best + 1.3 * max(start - best, 1e-6))
        axes.set_xlabel("learning rate")
        axes.set_ylabel("validation loss")
    diverged = int((~np.isfinite(losses)).sum())
    caption = (
        f"A point is one of {losses.size} trainings of {found['steps']} steps ({losses.shape[1]} seeds at each rate); the line is their mean. "
        f"Shaded: the usable interval; dashed: the chosen rate."
        + (f" {diverged} trainings diverged." if diverged else "")
    )
    rows = [[r, *row] for r, row in zip(found["rates"], found["losses"], strict=True)]
    return Chart(
        "Learning-rate search", canvas.svg, caption, ["rate", *(f"seed {i}" for i in range(losses.shape[1]))], rows
    )


def learning_curves(report: Report) -> Chart | None:
    """Training and validation loss of the ensemble's members: mean and range."""
    found, members = report.get("candidates"), set((report.get("ensemble") or {}).get("members", []))
    if not found:
        return None
    curves = [c for c in found["curves"] if c["id"] in members] or found["curves"]
    best = {t["id"]: t["best_epoch"] for t in found["trainings"]}
    with drawing("curves", f"Training and validation loss of {len(curves)} networks against epoch") as canvas:
        axes, table = canvas.axes, {}
        for name, colour, words in (("train_loss", ORANGE, "training"), ("validation_loss", BLUE, "validation")):
            epochs, low, mean, high, _ = table[name] = _band(curves, name)
            axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(epochs, mean, color=colour, label=words)
        epochs, _, mean, _, _ = table["validation_loss"]
        at = [best[c["id"]] for c in curves]
        axes.plot(at, np.interp(at, epochs, mean), "|", color=INK, markersize=9, label="best epochs")
        _focus(axes, [table["train_loss"][2], mean])
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend()
    caption = (
        f"Mean (line) and range (band) over the {len(curves)} networks of the ensemble, each counting on with its last loss "
        "after it has stopped; ticks mark the epoch whose weights were kept. "
        "The training loss is measured with dropout on, before each step."
    )
    rows = [
        [int(e), t, v, int(n)]
        for e, t, v, n in zip(epochs, table["train_loss"][2], mean, table["validation_loss"][4], strict=True)
    ]
    return Chart("Learning curves", canvas.svg, caption, ["epoch", "training", "validation", "networks"], rows)


def predicted_against_true(report: Report) -> Chart | None:
    """Predicted against true values of the test part (regression)."""
    found = report.get("predictions") or {}
    if "true" not in found:
        return None
    truth, predicted = np.array(found["true"]), np.array(found["predicted"])
    target = report["task"]["target"]
    with drawing("points", f"Predicted against true {target}, {len(truth)} test rows", height=4.4, width=5.2) as canvas:
        low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
        canvas.axes.plot([low, high], [low, high], color=INK, linewidth=0.9)
        coverage = found.get("coverage")
        if coverage:
            half = coverage["width"] / 2
            canvas.axes.fill_between(
                [low, high], [low - half, high - half], [low + half, high + half], color=GREEN, alpha=0.12, linewidth=0
            )
        canvas.axes.plot(truth, predicted, ".", color=BLUE, alpha=0.35, markersize=4)
        canvas.axes.set_xlabel(f"true {short(target)}")
        canvas.axes.set_ylabel(f"predicted {short(target)}")
    caption = f"{len(truth)} of {report['task']['rows']['test']} test rows; on the line, prediction and truth agree."
    if coverage:
        caption += (
            f" The band is the {coverage['nominal']:.0%} prediction interval, found on the validation part; it held "
            f"{coverage['observed']:.1%} of all test rows."
        )
    return Chart("Predicted against true", canvas.svg, caption)


def confusion(report: Report) -> Chart | None:
    """Confusion matrix, rows normalised."""
    found = report.get("predictions") or {}
    if "confusion" not in found:
        return None
    counts, names = np.array(found["confusion"]), [short(name, 16) for name in report["task"]["classes"]]
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = min(7.0, 2.2 + 0.42 * min(len(names), MOST_NAMED))
    with drawing("confusion", f"Confusion matrix of {len(names)} classes", width=size, height=size * 0.86) as canvas:
        axes = canvas.axes
        axes.grid(False)
        for i, j in np.argwhere(shares > 0.001) if len(names) <= 40 else np.argwhere(shares > 0.02):
            colour = BLUE if i == j else ORANGE
            axes.add_patch(_square(j, i, colour, 0.12 + 0.75 * float(shares[i, j])))
            if len(names) <= MOST_NAMED:
                axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=8)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        if len(names) <= MOST_NAMED:
            axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
            axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
    rows = (
        [[name, *row] for name, row in zip(report["task"]["classes"], found["confusion"], strict=True)]
        if len(names) <= 40
        else []
    )
    return Chart(
        "Confusion matrix", canvas.svg, f"Numbers of test rows ({counts.sum()} in all); shading is the share of each true class.",
        ["true \\ predicted", *report["task"]["classes"]] if rows else [], rows,
    )  # fmt: skip


def importance(report: Report) -> Chart | None:
    """Increase of the error when a column is shuffled."""
    found = report.get("importance") or []
    if not found:
        return None
    shown = found[:MOST_NAMED]
    metric = report["task"]["metric"]
    label = ", ".join(f"{row['column']} {figure(row['increase'])}" for row in shown[:5])
    with drawing(
        "importance", f"Permutation importance, largest first: {label}", height=0.32 * len(shown) + 0.9
    ) as canvas:
        y = np.arange(len(shown))
        increase = np.array([row["increase"] for row in shown])
        low, high = (np.array([row["interval"][i] for row in shown], dtype=float) for i in (0, 1))
        canvas.axes.barh(y, increase, color=BLUE, alpha=0.75, height=0.62)
        canvas.axes.errorbar(
            increase, y, xerr=[increase - low, high - increase], fmt="none", ecolor=INK, elinewidth=1, capsize=2
        )
        canvas.axes.set_yticks(y, [short(row["column"]) for row in shown])
        canvas.axes.invert_yaxis()
        canvas.axes.axvline(0, color=FAINT, linewidth=1)
        canvas.axes.set_xlabel(f"loss of {metric} when the column is shuffled")
        canvas.axes.grid(axis="y", visible=False)
    caption = (
        f"How much worse the validation {metric} gets when one column is shuffled: mean and 95 % t interval over the shuffles. "
        "Columns that tell the same can hide one another."
    )
    rows = [[row["column"], row["increase"], *row["interval"]] for row in found]
    return Chart("What the model looks at", canvas.svg, caption, ["column", "worse by", "low", "high"], rows)


CHARTS: dict[str, Callable[[Report], Chart | None]] = {
    "scores": scores,
    "rates": rate_search,
    "curves": learning_curves,
    "ensemble": ensemble_curve,
    "optimism": optimism,
    "points": predicted_against_true,
    "confusion": confusion,
    "calibration": calibration,
    "importance": importance,
}


def _band(curves: list[dict[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return epochs, lowest, mean and highest of a loss, and how many curves reach each epoch.

    A curve that has ended counts on with its last value: else the mean would jump whenever a good or a bad one ends.
    """
    longest = max(len(c["epoch"]) for c in curves)
    values = np.full((len(curves), longest), np.nan)
    for row, curve in zip(values, curves, strict=True):
        known = [np.nan if v is None else v for v in curve[name]]
        row[: len(known)] = known
    reached = np.isfinite(values).sum(0)
    carry_on(values, [len(c[name]) for c in curves])
    alive = np.isfinite(values).any(0)
    values = values[:, alive]
    return (
        np.flatnonzero(alive),
        np.nanmin(values, 0),
        np.nanmean(values, 0),
        np.nanmax(values, 0),
        reached[alive],
    )


def _focus(axes: Any, means: list[np.ndarray]) -> None:
    """Show the curves from a little above their second epoch down: the first value would flatten everything else."""
    later = np.concatenate([mean[1:] for mean in means if len(mean) > 1] or means)
    if len(later):
        low, high = float(later.min()), float(later.max())
        room = max(high - low, 1e-6)
        axes.set_ylim(low - 0.08 * room, high + 0.15 * room)


def _square(x: float, y: float, colour: str, alpha: float) -> Any:
    return Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour, alpha=alpha, linewidth=0)
