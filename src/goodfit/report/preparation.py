"""Figure of data before and after preparation: two features, and the correlations of all."""

from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from goodfit.report.charts import short
from goodfit.report.drawing import BLUE, FAINT, ORANGE, Chart, drawing

MOST_NAMED = 16
"""Features whose covariances are drawn."""
Stage = dict[str, Any]


def before_and_after(stages: list[Stage]) -> Chart:
    """Scatter of two features and covariance matrix for every stage.

    Args:
        stages: each with `name`, `names` of the features [d], `points` [n, 2] of the first two, and `covariance` [d, d].
    """
    label = "Scatter of two features and covariance matrix: " + ", ".join(stage["name"] for stage in stages)
    with drawing("preparation", label, width=3.3 * len(stages), height=6.4) as canvas:
        canvas.figure.clear()
        grid = canvas.figure.subplots(2, len(stages), squeeze=False)
        canvas.figure.subplots_adjust(hspace=0.35, wspace=0.45)
        for stage, above, below in zip(stages, grid[0], grid[1], strict=True):
            points = np.array(stage["points"])
            above.plot(points[:, 0], points[:, 1], ".", color=BLUE, alpha=0.4, markersize=3)
            above.axhline(0, color=FAINT, linewidth=1)
            above.axvline(0, color=FAINT, linewidth=1)
            above.set_xlabel(short(stage["names"][0], 22))
            above.set_ylabel(short(stage["names"][1], 22))
            above.set_title(stage["name"], fontsize=10)
            above.locator_params(nbins=5)
            _matrix(below, np.array(stage["covariance"]))
    last = stages[-1]
    rows = [[name, *row] for name, row in zip(last["names"], last["covariance"], strict=True)][:MOST_NAMED]
    caption = (
        "Above: the first two features; the lines cross at the origin. Below: the covariance matrix, shaded by its share "
        "of the largest entry, blue positive, orange negative."
    )
    return Chart(
        "Before and after preparation", canvas.svg, caption, ["covariance after", *last["names"]], rows, canvas.figure
    )


def _matrix(axes: Any, values: np.ndarray) -> None:
    values = values[:MOST_NAMED, :MOST_NAMED]
    largest = float(np.abs(values).max()) or 1.0
    axes.grid(False)
    axes.set_aspect("equal")
    for (i, j), value in np.ndenumerate(values):
        share = abs(float(value)) / largest
        if share > 0.005:
            colour = BLUE if value > 0 else ORANGE
            axes.add_patch(
                Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=0.08 + 0.92 * share, linewidth=0)
            )
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel(f"covariance, largest {largest:.3g}")
