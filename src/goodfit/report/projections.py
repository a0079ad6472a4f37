"""The picture of why random search beats a grid where few settings matter (Bergstra & Bengio 2012, figure 1)."""

from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from goodfit.report.drawing import BLUE, GREEN, ORANGE, Chart, drawing

SEEN_SHARE = 0.6
"""Of the trials, whose values are drawn at their place; worse ones at the edge."""
COLOURS = (BLUE, ORANGE)
"""Of the searches, as in the figure of what they found."""


def projections(record: dict[str, Any]) -> Chart:
    """One row for each search, one panel for each setting: what the trials found against their value of it."""
    settings, searches = record["projections"]["settings"], record["projections"]["searches"]
    limits = _limits([v for search in searches.values() for v in search["found"]], record["smaller_is_better"])
    label = f"{record['judged_by']} of one {' and one '.join(searches)} search against {', '.join(s['setting'] for s in settings)}"
    shape = (len(searches), len(settings))
    with drawing(
        "projections", label, width=2.1 * len(settings) + 0.4, height=2.1 * len(searches), panels=shape
    ) as canvas:
        panels = np.array(canvas.panels, dtype=object).reshape(shape)
        for row, (name, search), colour in zip(panels, searches.items(), COLOURS, strict=False):
            y = _clipped(search["found"], limits, record["smaller_is_better"])
            best = int(np.argmin(y) if record["smaller_is_better"] else np.argmax(y))
            for axes, setting, x in zip(row, settings, search["values"], strict=True):
                axes.plot(x, y, ".", color=colour, markersize=4, alpha=0.8)
                axes.plot(x[best], y[best], "o", color=GREEN, markersize=6)
                axes.set_title(f"{name}: {len(set(x))} values", fontsize=9)
                axes.set_ylim(*limits)
                if setting["scale"] == "log":
                    axes.set_xscale("log")
                    axes.xaxis.set_major_locator(LogLocator(numticks=4))
                    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
                    axes.xaxis.set_minor_formatter(NullFormatter())
                else:
                    axes.xaxis.set_major_locator(MaxNLocator(4))
                axes.tick_params(labelsize=7)
            row[0].set_ylabel(record["judged_by"], fontsize=8)
        for column, setting in zip(panels.T, settings, strict=True):
            lows, highs = zip(*(axes.get_xlim() for axes in column), strict=True)
            for axes in column:
                axes.set_xlim(min(lows), max(highs))
            column[-1].set_xlabel(setting["setting"])
    caption = (
        "Each point is a trial, in every panel of its row; green is the best of the row. The grid spends its trials on the same"
        " few values of the setting that matters, whatever the other settings are. What did worse than three of five is at the edge."
    )  # fmt: skip
    return Chart("What a grid and a random search see of each setting", canvas.svg, caption)


def _limits(found: list[float | None], smaller: bool) -> tuple[float, float]:
    known = np.array([v for v in found if v is not None])
    best = known.min() if smaller else known.max()
    edge = np.quantile(known, SEEN_SHARE if smaller else 1 - SEEN_SHARE)
    low, high = (best, edge) if smaller else (edge, best)
    margin = 0.06 * (high - low) + 1e-9
    return float(low - margin), float(high + margin)


def _clipped(found: list[float | None], limits: tuple[float, float], smaller: bool) -> np.ndarray:
    low, high = limits
    margin = 0.02 * (high - low)
    worst = high if smaller else low
    return np.clip(np.array([worst if v is None else v for v in found]), low + margin, high - margin)
