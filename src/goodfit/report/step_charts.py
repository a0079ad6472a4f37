"""The figures of the steps of training, each drawn from the step's evidence alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter

from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, RED, Chart, drawing
from goodfit.wording import figure

Report = dict[str, Any]
COLOURS = (BLUE, ORANGE, GREEN, RED, INK)


def initial_loss(report: Report) -> Chart | None:
    """Loss of untrained networks on data, on zeroed inputs and with the class frequencies as bias, a point a seed."""
    found = report.get("initial_loss")
    if not found or "zeroed" not in found:
        return None
    rows = [("data", found["per_seed"]), ("zeroed inputs", found["zeroed"])]
    if found["informed"]:
        rows.append(("last bias set to frequencies", found["informed"]))
    label = f"Loss before training {figure(found['observed'])}, expected {figure(found['expected'])}"
    with drawing("initial", label, height=0.42 * len(rows) + 0.9) as canvas:
        axes = canvas.axes
        axes.axvline(found["expected"], color=GREEN, linestyle="--", label="expected")
        if found["entropy"] is not None:
            axes.axvline(found["entropy"], color=ORANGE, linestyle=":", label="entropy of the class frequencies")
        for y, (_, values) in enumerate(rows):
            known = [v for v in values if v is not None]
            axes.plot(known, [y] * len(known), "o", color=BLUE, alpha=0.6, markersize=6)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("loss before training")
        low, high = axes.get_xlim()
        room = 0.25 * found["expected"]
        axes.set_xlim(min(low, found["expected"] - room), max(high, found["expected"] + room))
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    caption = f"A point is one of {len(found['per_seed'])} untrained networks, regularisation off."
    table = [[name, *values] for name, values in rows]
    header = ["on", *(f"seed {i}" for i in range(len(found["per_seed"])))]
    return Chart("Loss before training", canvas.svg, caption, header, table)


def overfit(report: Report) -> Chart | None:
    """Loss on the few rows against epoch, a line for each rate."""
    found = report.get("overfit")
    if not found or "skipped" in found:
        return None
    label = "; ".join(f"{t['name']} {t['status']}" for t in found["trials"])
    start = next((c for t in found["trials"] for c in t["curve"] if c is not None), 1.0)
    with drawing("overfit", f"Loss on {found['rows']} rows against epoch: {label}") as canvas:
        axes = canvas.axes
        for trial, colour in zip(found["trials"], COLOURS, strict=False):
            curve = np.array([np.nan if v is None else max(v, 1e-6) for v in trial["curve"]])
            axes.plot(curve, color=colour, label=f"{trial['name']}: {trial['status']}")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        lowest = min((t["loss"] for t in found["trials"] if t["loss"] is not None), default=1e-3)
        axes.set_ylim(max(lowest, 1e-6) / 2, 3 * start)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss on the same rows")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)
    caption = f"{found['batches']} mini-batches, {found['rows']} training rows, without regularisation, looked at in evaluation mode."
    rows = [[t["name"], t["status"], t["loss"], t["accuracy"]] for t in [*found["trials"], *found["remedies"]]]
    return Chart(
        "A few mini-batches, by heart", canvas.svg, caption, ["tried", "result", "lowest loss", "accuracy"], rows
    )


def coarse(report: Report) -> Chart | None:
    """Mean validation loss of each point of the coarse grid."""
    found = report.get("coarse")
    if not found or "skipped" in found:
        return None
    rates, decays = found["rates"], found["decays"]
    losses = np.array([[[np.nan if v is None else v for v in p] for p in row] for row in found["losses"]], dtype=float)
    means = np.where(np.isfinite(losses).all(2), losses.mean(2), np.nan)
    if not np.isfinite(means).any():
        return None
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    label = f"Validation loss on {len(rates)} rates and {len(decays)} weight decays; lowest {figure(low)}"
    with drawing("coarse", label, width=1.6 * len(rates) + 1.4, height=0.62 * len(decays) + 1.0) as canvas:
        axes = canvas.axes
        axes.grid(False)
        for i, j in np.ndindex(means.shape):
            value = means[i, j]
            shade = 0.0 if np.isnan(value) else 0.1 + 0.6 * (high - value) / max(high - low, 1e-12)
            edge = INK if value == low else FAINT
            axes.add_patch(Rectangle((i - 0.47, j - 0.46), 0.94, 0.92, facecolor=BLUE, alpha=shade, linewidth=0))
            axes.add_patch(Rectangle((i - 0.47, j - 0.46), 0.94, 0.92, fill=False, edgecolor=edge, linewidth=1))
            axes.text(
                i, j, "diverged" if np.isnan(value) else figure(float(value)), ha="center", va="center", fontsize=9
            )
        axes.set_xticks(range(len(rates)), [f"{r:g}" for r in rates])
        axes.set_yticks(range(len(decays)), [f"{d:g}" for d in decays])
        axes.set_xlim(-0.5, len(rates) - 0.5)
        axes.set_ylim(-0.5, len(decays) - 0.5)
        axes.set_xlabel("learning rate")
        axes.set_ylabel("weight decay")
    caption = f"Mean validation loss over {found['seeds']} seeds after {figure(found['epochs'])} epochs; the darker, the lower; the lowest is framed."
    rows = [[r, d, *losses[i, j].tolist()] for i, r in enumerate(rates) for j, d in enumerate(decays)]
    header = ["rate", "weight decay", *(f"seed {k}" for k in range(losses.shape[2]))]
    return Chart("Coarse grid", canvas.svg, caption, header, rows)


STEP_CHARTS: dict[str, Callable[[Report], Chart | None]] = {
    "initial": initial_loss,
    "overfit": overfit,
    "coarse": coarse,
}


def readings(report: Report) -> list[Chart]:
    """The curves that were read in every round, beside those of the changes that were tried; none that were too short."""
    found = report.get("curves") or {"rounds": []}
    rounds = [turn for turn in found["rounds"] if turn["reading"]["findings"] or not turn["reading"].get("short")]
    return [_reading(turn, number) for number, turn in enumerate(rounds, start=1)]


def _reading(turn: dict[str, Any], number: int) -> Chart:
    kinds = ", ".join(turn["reading"]["findings"]) or "nothing wrong"
    header, rows = ["epoch"], []
    with drawing(f"reading-{number}", f"Learning curves read as: {kinds}") as canvas:
        axes, limits = canvas.axes, []
        for (name, both), colour in zip(turn["curves"].items(), (BLUE, ORANGE, GREEN), strict=False):
            for which, line, words in (("train_loss", "--", "training"), ("validation_loss", "-", "validation")):
                mean, low, high = (np.array(both[which][k], dtype=float) for k in ("mean", "low", "high"))
                if not np.isfinite(mean).any():
                    continue
                epochs = np.arange(len(mean))
                if which == "validation_loss":
                    axes.fill_between(epochs, low, high, color=colour, alpha=0.14, linewidth=0)
                axes.plot(epochs, mean, color=colour, linestyle=line, label=f"{name}, {words}")
                limits.append(mean[np.isfinite(mean)])
                header.append(f"{name}, {words}")
                rows.append(both[which]["mean"])
        _focus(axes, limits)
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)
    caption = (
        f"Read as: {kinds}. Mean over {turn['reading']['n']} seeds; band: 95 % interval of the validation loss. A training that has "
        "ended counts on with its last loss. "
        "The training loss is measured with dropout on, before each step."
    )
    longest = max((len(row) for row in rows), default=0)
    table = [[e, *(row[e] if e < len(row) else None for row in rows)] for e in range(longest)]
    title = "Curves of the best setting" if number == 1 else f"Curves after change {number - 1}"
    return Chart(title, canvas.svg, caption, header, table)


def _focus(axes: Any, means: list[np.ndarray]) -> None:
    """Show from the lowest loss to a little above the start; a loss that explodes would flatten everything else."""
    if not means:
        return
    low = min(float(m.min()) for m in means)
    top = max(float(m[0]) for m in means)
    room = max(top - low, 1e-6)
    axes.set_ylim(low - 0.06 * room, top + 0.12 * room)
