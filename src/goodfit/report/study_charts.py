"""The figures of a study's page, each drawn from its record alone."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from goodfit.report.charts import short
from goodfit.report.descents import descent_charts
from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, RED, Chart, drawing
from goodfit.report.ensemble import members_reliability
from goodfit.report.gaps import gaps
from goodfit.report.importance import importances
from goodfit.report.projections import projections
from goodfit.report.signals import histograms_through_depth, variance_through_depth
from goodfit.report.surface_trails import trails
from goodfit.wording import figure

Record = dict[str, Any]
MOST_CURVES = 12
"""Variants in one figure of curves; more could not be told apart."""
MOST_INSIDE = 6
"""Lines whose legend fits into the figure: that of more stands beside it."""
LOOKS = [(colour, line) for line in ("-", "--", ":") for colour in (BLUE, ORANGE, GREEN, RED)]


def study_charts(record: Record) -> dict[str, Chart]:
    """Return the figures by name."""
    charts: dict[str, Chart | None] = {found["name"]: lines(found) for found in record.get("lines", [])}
    charts |= {f"trails-{found['name'].replace(':', '-')}": trails(found) for found in record.get("surfaces", [])}
    charts |= descent_charts(record)
    if "signals" in record:
        found = record["signals"]
        charts["variance"] = variance_through_depth(found)
        charts["gradient"] = variance_through_depth(found, "gradient")
        charts["activations"] = histograms_through_depth(found)
        charts["gradients"] = histograms_through_depth(found, "gradients")
    if "projections" in record:
        charts["projections"] = projections(record)
        charts["importances"] = importances(record)
    for found in record.get("gaps", []):
        charts[f"gap-{found['rows']}"] = gaps(found)
    if record.get("ensemble"):
        charts["reliability"] = members_reliability(record["ensemble"])
    if "standings" in record:
        charts["standings"] = standings(record)
        charts["validation"] = curves(record, "validation", "Validation loss", "epoch")
        charts["train"] = curves(record, "train", "Training loss", "epoch")
        charts["first"] = curves(record, "first_losses", "Loss of the first batches", "step")
    if record.get("rates"):
        charts["rates"] = rates(record)
    return {name: chart for name, chart in charts.items() if chart is not None}


def standings(record: Record) -> Chart:
    """Every variant's mean with its interval, and its single trainings."""
    found = record["standings"]
    label = "; ".join(f"{s['name']} {figure(s['value'])}" for s in found)
    with drawing("standings", f"{record['judged_by']}: {label}", height=0.34 * len(found) + 0.9) as canvas:
        axes = canvas.axes
        for y, standing in enumerate(found):
            values = list(standing["values"].values())
            axes.plot(values, [y] * len(values), ".", color=FAINT, markersize=6)
            if not values:
                continue
            colour = {"best": GREEN, "undecided": BLUE, "worse": ORANGE}[standing["verdict"]]
            low, high = (np.nan if v is None else v for v in standing["interval"])
            axes.plot([low, high], [y, y], color=colour, linewidth=2.4)
            axes.plot([standing["value"]], [y], "o", color=colour, markersize=6)
        axes.set_yticks(range(len(found)), [short(s["name"], 34) for s in found])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{record['judged_by']} ({'lower' if record['smaller_is_better'] else 'higher'} is better)")
    rows = [
        [s["name"], s["n"], s["diverged"], s["value"], *s["interval"], s["train_loss"], s["difference"], *s["difference_interval"], s["verdict"]]
        for s in found
    ]  # fmt: skip
    header = [
        "variant", "seeds", "diverged", record["judged_by"], "low", "high", "training loss", "difference", "low", "high",
        "verdict",
    ]  # fmt: skip
    caption = "Point and bar: mean and its 95 % interval over the seeds; small dots: single trainings. Green is the best, orange worse beyond doubt."
    return Chart("How the variants stand", canvas.svg, caption, header, rows)


def curves(record: Record, which: str, title: str, unit: str) -> Chart | None:
    """Mean of a loss over the seeds against epoch or step, with bands."""
    shown = [s["name"] for s in record["standings"]][:MOST_CURVES]
    series = {name: record["curves"][name][which] for name in shown}
    if not any(v is not None for found in series.values() for v in found["mean"]):
        return None
    with drawing(which, f"{title} of {len(shown)} variants against {unit}") as canvas:
        axes = canvas.axes
        bottom, top = _worth_seeing(series)
        for (name, found), (colour, line) in zip(series.items(), LOOKS, strict=False):
            mean, low, high = (np.array(found[k], dtype=float) for k in ("mean", "low", "high"))
            x = np.arange(len(mean))
            axes.fill_between(x, low, high, where=mean <= top, color=colour, alpha=0.16, linewidth=0)
            axes.plot(x, mean, color=colour, linestyle=line, label=short(name, 30))
        axes.set_ylim(bottom, top)
        axes.set_xlabel(unit)
        axes.set_ylabel("loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes, len(shown))
    caption = "Line: mean over the seeds; band: its 95 % interval."
    if len(record["standings"]) > len(shown):
        caption += f" The best {len(shown)} of {len(record['standings'])} variants."
    points = range(max(len(found["mean"]) for found in series.values()))
    rows: list[list[object]] = [[t, *(_at(found["mean"], t) for found in series.values())] for t in points]
    return Chart(title, canvas.svg, caption, [unit, *shown], rows)


def lines(found: dict[str, Any]) -> Chart:
    """Means with bands against any quantity, which all lines share (`x`) or each brings along."""
    with drawing(found["name"], f"{found['title']}: {', '.join(found['series'])}") as canvas:
        axes = canvas.axes
        bottom, top = _worth_seeing(found["series"])
        for (name, series), (colour, line) in zip(found["series"].items(), LOOKS, strict=False):
            x = np.array(series.get("x", found.get("x")), dtype=float)
            mean, low, high = (np.array(series[k], dtype=float) for k in ("mean", "low", "high"))
            # the band of a line that has left the picture would cover the others
            seen = np.full(len(mean), True) if found.get("whole") else mean <= top
            axes.fill_between(x[: len(mean)], low, high, where=seen, color=colour, alpha=0.16, linewidth=0)
            if len(mean) == 1:  # a band of no width would not be seen
                axes.vlines(x[:1], low, high, color=colour, linewidth=2, alpha=0.4)
            axes.plot(x[: len(mean)], mean, color=colour, linestyle=line, label=name, marker="." if len(x) < 60 else "")
        if found.get("level"):
            axes.axhline(found["level"][1], color=INK, linewidth=0.9, linestyle=(0, (6, 3)), label=found["level"][0])
        if found.get("span"):
            axes.axvspan(*found["span"], color=GREEN, alpha=0.1, linewidth=0)
        if found["log_x"]:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if not found.get("whole"):
            axes.set_ylim(bottom, top)
        if len(found["series"]) > 1:
            _legend(axes, len(found["series"]))
        axes.set_xlabel(found["x_label"])
        axes.set_ylabel(found["y_label"])
    band = found.get("band", "Line: mean over the seeds; band: its 95 % interval.")
    caption = f"{band} {found.get('caption', '')}".strip()
    header, rows = _numbers(found)
    return Chart(found["title"], canvas.svg, caption, header, rows)


def _numbers(found: dict[str, Any]) -> tuple[list[str], list[list[object]]]:
    if "x" not in found:
        points = [(name, *p) for name, s in found["series"].items() for p in zip(s["x"], s["mean"], strict=True)]
        return ["line", found["x_label"], found["y_label"]], [list(point) for point in points]
    rows: list[list[object]] = [
        [value, *(_at(series["mean"], k) for series in found["series"].values())] for k, value in enumerate(found["x"])
    ]
    return [found["x_label"], *found["series"]], rows


def rates(record: Record) -> Chart:
    """Validation loss against learning rate for each variant; the best rate is the one it was compared with."""
    found = {name: record["rates"][name] for name in [s["name"] for s in record["standings"]][:MOST_CURVES]}
    with drawing("rates", f"Validation loss against learning rate of {len(found)} variants") as canvas:
        axes = canvas.axes
        for (name, points), (colour, line) in zip(found.items(), LOOKS, strict=False):
            x, y = (np.array(column, dtype=float) for column in zip(*points, strict=True))
            axes.plot(x, y, marker=".", color=colour, linestyle=line, label=short(name, 30))
            if np.isfinite(y).any():
                best = int(np.nanargmin(y))
                axes.plot(x[best], y[best], "o", markerfacecolor="none", markeredgecolor=INK, markersize=9)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("learning rate")
        axes.set_ylabel("validation loss")
        _legend(axes, len(found))
    rows = [[name, *point] for name, points in found.items() for point in points]
    caption = "Circles mark the rates with which the variants were compared. These trainings have seeds of their own."
    return Chart("A rate for each variant", canvas.svg, caption, ["variant", "rate", "validation loss"], rows)


def _legend(axes: Axes, lines: int) -> None:
    if lines > MOST_INSIDE:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    else:
        axes.legend(fontsize=8)


def _worth_seeing(series: dict[str, Any]) -> tuple[float, float]:
    """Return limits that show the better half well: a variant that explodes would flatten all others."""
    means = [np.array(found["mean"], dtype=float) for found in series.values()]
    low = min(float(np.nanmin(m)) for m in means if np.isfinite(m).any())
    tops = sorted(float(np.nanmax(m)) for m in means if np.isfinite(m).any())
    top = tops[len(tops) // 2]
    return low - 0.06 * (top - low), top + 0.08 * (top - low) + 1e-9


def _at(values: list[float | None], index: int) -> float | None:
    return values[index] if index < len(values) else None
