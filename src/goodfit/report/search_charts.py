"""The figures of a search's page, each drawn from its record alone."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from goodfit.report.charts import short
from goodfit.report.drawing import BLUE, FAINT, GREEN, ORANGE, RED, Chart, drawing
from goodfit.report.importance import importances
from goodfit.report.study_charts import standings
from goodfit.wording import figure

Record = dict[str, Any]
MOST_PANELS = 12
COLUMNS = 3
SEEN_SHARE = 0.75
"""Of the trials, whose values a picture shows at their place; the worst ones would flatten the others."""
LOOKS = {
    "finished": ("o", BLUE), "pruned": ("v", ORANGE), "out of time": ("s", ORANGE), "diverged": ("x", RED),
}  # fmt: skip


def search_charts(record: Record) -> dict[str, Chart]:
    """Return the figures by name."""
    charts: dict[str, Chart | None] = {
        "best": best_found(record),
        "slices": slices(record),
        "importances": importances(record),
        "rungs": rungs(record),
        "standings": standings(record) if len(record["standings"]) > 1 else None,
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


def best_found(record: Record) -> Chart:
    """Every trial's value and the best so far, against the number of trials."""
    trials = record["trials"]
    bottom, top = _limits(record)
    label = f"{record['judged_by']} of {len(trials)} trials; the best {figure(record['best_so_far'][-1])}"
    with drawing("best", label) as canvas:
        axes = canvas.axes
        number = np.arange(1, len(trials) + 1)
        _points(axes, number, trials, (bottom, top), record["smaller_is_better"])
        best = np.array(record["best_so_far"], dtype=float)
        axes.step(number, best, where="post", color=GREEN, label="best so far")
        axes.set_ylim(bottom, top)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("trials")
        axes.set_ylabel(record["judged_by"])
        axes.legend(fontsize=8)
    rows = [
        [t["number"] + 1, t["value"], b, t["state"], t["epochs"], t["words"]]
        for t, b in zip(trials, record["best_so_far"], strict=True)
    ]
    header = ["trial", record["judged_by"], "best so far", "state", "epochs", "settings"]
    caption = (
        "What lies outside is drawn at the edge. The best so far is the best of those that were trained to the end."
    )
    return Chart("Best found against the number of trials", canvas.svg, caption, header, rows)


def slices(record: Record) -> Chart:
    """One panel for each setting: its value against how the trials did."""
    shown = record["space"][:MOST_PANELS]
    rows = -(-len(shown) // COLUMNS)
    columns = min(len(shown), COLUMNS)
    limits = _limits(record)
    label = f"{record['judged_by']} against {', '.join(s['setting'] for s in shown)}"
    with drawing("slices", label, width=2.7 * columns + 0.6, height=2.3 * rows + 0.2, panels=(rows, columns)) as canvas:
        for axes, searched in zip(canvas.panels, shown, strict=False):
            _slice(axes, record, searched, limits)
        for axes in canvas.panels[len(shown) :]:
            axes.set_visible(False)
        for axes in canvas.panels[::columns]:
            axes.set_ylabel(record["judged_by"])
    caption = "Each point is a trial; green is the best of those trained to the end. Trials in which a setting was not searched are not in its panel."
    return Chart("Each setting by itself", canvas.svg, caption)


def _slice(axes: Axes, record: Record, searched: dict[str, Any], limits: tuple[float, float]) -> None:
    name, places = searched["setting"], searched["places"]
    trials = [trial for trial in record["trials"] if name in trial["values"]]
    x = np.array([_x(trial["values"][name], places) for trial in trials], dtype=float)
    if places:
        # side by side instead of over one another; no chance, so that a page drawn again is the same
        x = x + 0.5 * (np.arange(len(x)) * 0.618 % 1 - 0.5)
        axes.set_xticks(
            range(len(places)), [short(place, 12) for place in places], rotation=25 if len(places) > 3 else 0
        )
        axes.set_xlim(-0.5, len(places) - 0.5)
    elif searched["scale"] == "log":
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    _points(axes, x, trials, limits, record["smaller_is_better"])
    best = [k for k, trial in enumerate(trials) if trial["number"] == record["standings"][0]["trial"]]
    for k in best:
        axes.plot(x[k], trials[k]["value"], "o", color=GREEN, markersize=7, zorder=4)
    axes.set_ylim(*limits)
    axes.set_xlabel(name)


def _x(value: Any, places: list[str] | None) -> float:
    return float(places.index(str(value)) if places else value)


def rungs(record: Record) -> Chart | None:
    """Validation loss against epoch of every trial, and where halving stopped it."""
    if not record["halving"]:
        return None
    trials = [trial for trial in record["trials"] if trial["state"] != "diverged"]
    curves = [np.array(trial["curve"], dtype=float) for trial in trials]
    with drawing("rungs", f"Validation loss of {len(trials)} trials; rungs at {record['halving']['rungs']}") as canvas:
        axes = canvas.axes
        for trial, curve in zip(trials, curves, strict=True):
            lasted = trial["state"] == "finished"
            axes.plot(np.arange(len(curve)), curve, color=BLUE if lasted else FAINT, linewidth=1.3 if lasted else 0.8,
                      zorder=3 if lasted else 2)  # fmt: skip
        for rung in record["halving"]["rungs"]:
            axes.axvline(rung, color=ORANGE, linewidth=1, linestyle="--", zorder=1)
        starts = [curve[0] for curve in curves if len(curve)]
        lowest = min(float(np.nanmin(curve)) for curve in curves)
        middle = float(np.nanmedian(starts))
        axes.set_ylim(lowest - 0.05 * (middle - lowest), middle + 0.1 * (middle - lowest) + 1e-9)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel("validation loss")
    caption = "Grey: stopped at a rung (dashed); blue: trained to the end."
    return Chart("Where trials were stopped", canvas.svg, caption)


def _points(
    axes: Axes, x: np.ndarray, trials: list[dict[str, Any]], limits: tuple[float, float], smaller: bool
) -> None:
    """Draw trials by their state; what lies outside the limits, and what has no value, at the worse edge."""
    bottom, top = limits
    margin = 0.02 * (top - bottom)
    worst = top if smaller else bottom
    y = np.array([worst if trial["value"] is None else trial["value"] for trial in trials], dtype=float)
    y = np.clip(y, bottom + margin, top - margin)
    for state, (marker, colour) in LOOKS.items():
        members = [k for k, trial in enumerate(trials) if trial["state"] == state]
        if members:
            axes.plot(x[members], y[members], marker, color=colour, markersize=4, alpha=0.7, label=state, zorder=3)


def _limits(record: Record) -> tuple[float, float]:
    """Return limits in which the better part of the trials is seen well."""
    values = np.array([t["value"] for t in record["trials"] if t["value"] is not None], dtype=float)
    share = SEEN_SHARE if record["smaller_is_better"] else 1 - SEEN_SHARE
    best = values.min() if record["smaller_is_better"] else values.max()
    reach = abs(float(np.quantile(values, share)) - best) * 1.25 or abs(best) * 0.05 + 1e-9
    if record["smaller_is_better"]:
        return float(best - 0.1 * reach), float(best + reach)
    return float(best - reach), float(best + 0.1 * reach)
