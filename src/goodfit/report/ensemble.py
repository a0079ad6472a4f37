"""The report's figures of the ensemble: quality against its size, how far its choice flatters itself, calibration."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from goodfit.report.drawing import BLUE, FAINT, INK, ORANGE, PAPER, Chart, drawing
from goodfit.wording import figure

NAMES = {"loss": "loss", "ece": "calibration error"}


def ensemble_curve(report: dict[str, Any]) -> Chart | None:
    """Metric, loss and calibration error against the number of networks, over random orders of them."""
    found = report.get("ensemble")
    if not found or not found.get("curve"):
        return None
    metric, sizes, series = report["task"]["metric"], found["curve"]["sizes"], found["curve"]["series"]
    names = {"metric": metric} | {name: NAMES[name] for name in series if name != "metric"}
    label = f"{metric}, loss and calibration against the number of networks averaged; chosen: {figure(found['metric'])}"
    with drawing("ensemble", label, width=2.2 * len(names) + 0.4, height=2.3, panels=(1, len(names))) as canvas:
        for axes, (name, words) in zip(canvas.panels, names.items(), strict=True):
            draw_band(axes, sizes, series[name], BLUE)
            if name != "ece":
                axes.axhline(found[name], color=ORANGE, linestyle="--", linewidth=1.2)
            axes.set_xlabel(f"{found['of']} averaged")
            axes.set_ylabel(words)
    caption = (
        f"Mean and band of {found['curve']['orders']} random orders of the best candidates (the band holds 80 % of the orders); "
        "dashed: the chosen ensemble. Measured on the rows that chose it."
    )
    columns = [("mean", ""), ("low", " low"), ("high", " high")]
    header = ["networks", *(words + more for words in names.values() for _, more in columns)]
    rows = [[n, *(series[name][which][i] for name in names for which, _ in columns)] for i, n in enumerate(sizes)]
    return Chart("Ensemble", canvas.svg, caption, header, rows)


def draw_band(axes: Axes, x: list[int], series: dict[str, list[float]], colour: str, label: str | None = None) -> None:
    """Draw a mean with its band."""
    axes.fill_between(x, series["low"], series["high"], color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, series["mean"], color=colour, marker="." if len(x) < 60 else "", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def optimism(report: dict[str, Any]) -> Chart | None:
    """The metric on the rows that chose, by nested selection, and on the test part; None where there was no choice."""
    found, test = report.get("optimism"), report.get("test")
    if not found or found["candidates"] == 1:
        return None
    metric = report["task"]["metric"]
    sign = -1 if report["task"]["greater_is_better"] else 1
    ends = sorted(found["apparent"] + sign * found[name] for name in ("low", "high"))
    rows: list[tuple[str, float, list[float] | None, str]] = [
        ("on the rows that chose", found["apparent"], None, ORANGE),
        ("nested selection", found["nested"], ends, BLUE),
    ]
    if test:
        rows.append(("test part", test["value"], test["interval"], INK))
    label = f"{metric}: " + "; ".join(f"{name} {figure(value)}" for name, value, _, _ in rows)
    with drawing("optimism", label, height=0.45 * len(rows) + 0.8) as canvas:
        for y, (_, value, interval, colour) in enumerate(rows):
            if interval:
                canvas.axes.plot(interval, [y, y], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
            canvas.axes.plot([value], [y], "o", color=colour, markersize=7)
        canvas.axes.axvline(found["apparent"], color=FAINT, linewidth=1)
        canvas.axes.set_yticks(range(len(rows)), [name for name, _, _, _ in rows])
        canvas.axes.set_ylim(len(rows) - 0.5, -0.5)
        canvas.axes.set_xlabel(metric)
        canvas.axes.grid(axis="y", visible=False)
    caption = (
        f"Nested selection: the ensemble is chosen on {found['parts'] - 1} of {found['parts']} parts of the rows and judged on the "
        f"one left out; point and bar: mean and range of {found['repeats']} repeats. Test part: with its 95 % interval."
    )
    table: list[list[object]] = []
    for name, value, interval, _ in rows:
        bounds: list[object] = list(interval) if interval else [None, None]
        table.append([name, value, *bounds])
    return Chart("Optimism of the choice", canvas.svg, caption, ["judged", metric, "low", "high"], table)


def calibration(report: dict[str, Any]) -> Chart | None:
    """Accuracy against confidence on the test part, with the expected calibration error; before the temperature too."""
    predictions = report.get("predictions") or {}
    found, before = predictions.get("calibration"), predictions.get("calibration_before")
    if not found:
        return None
    label = f"Accuracy against confidence; expected calibration error {found['ece']:.3f}"
    with drawing("calibration", label, width=4.6, height=4.0) as canvas:
        if before:
            draw_reliability(canvas.axes, before, ORANGE, "averaged")
        draw_reliability(canvas.axes, found, BLUE, "with temperature" if before else None)
        if before:
            canvas.axes.legend(loc="lower right", fontsize=8)
    caption = (
        "On the line, probabilities can be taken at their word. Area: number of rows. Expected calibration error "
        f"{found['ece']:.3f} (mean distance from the line over the rows, in 15 bins of confidence; Guo et al. 2017)"
    )
    caption += f", {before['ece']:.3f} before the temperature of {figure(before['temperature'])}." if before else "."
    rows = [list(row) for row in zip(found["confidence"], found["accuracy"], found["count"], strict=True)]
    return Chart("Calibration", canvas.svg, caption, ["confidence", "accuracy", "rows"], rows)


def members_reliability(found: dict[str, Any]) -> Chart:
    """Accuracy against confidence of one network and of the ensemble."""
    single, together = found["single"], found["ensemble"]
    label = f"Accuracy against confidence: calibration error {single['ece']:.3f} alone, {together['ece']:.3f} together"
    with drawing("reliability", label, width=4.6, height=4.0) as canvas:
        draw_reliability(canvas.axes, single, ORANGE, f"one network, {single['ece']:.3f}")
        draw_reliability(canvas.axes, together, BLUE, f"the ensemble, {together['ece']:.3f}")
        canvas.axes.legend(loc="lower right", fontsize=8)
    caption = (
        "On the line, probabilities can be taken at their word. Area: number of rows; in the legend the expected calibration "
        "error. The one network is the middle one by that error."
    )
    rows = [
        [name, c, a, n]
        for name, part in (("one network", single), ("the ensemble", together))
        for c, a, n in zip(part["confidence"], part["accuracy"], part["count"], strict=True)
    ]
    return Chart("Reliability", canvas.svg, caption, ["who", "confidence", "accuracy", "rows"], rows)


def draw_reliability(axes: Axes, found: dict[str, Any], colour: str, label: str | None = None) -> None:
    """Draw accuracy against confidence, the area of a point by its rows, beside the line on which they agree."""
    confidence, accuracy, count = (np.array(found[name]) for name in ("confidence", "accuracy", "count"))
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9)
    axes.plot(confidence, accuracy, color=colour, label=label)
    axes.scatter(confidence, accuracy, s=20 + 180 * count / count.max(), color=colour, edgecolors=PAPER, zorder=3)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("confidence (highest probability)")
    axes.set_ylabel("share that was right")
