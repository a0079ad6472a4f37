"""Figure of what initialisers draw."""

from collections.abc import Sequence

import numpy as np

from goodfit.report.drawing import BLUE, ORANGE, Chart, drawing
from goodfit.wording import figure

BINS, COLUMNS = 60, 3


def weight_histograms(names: Sequence[str], weights: Sequence[np.ndarray], stds: Sequence[float | None]) -> Chart:
    """Histogram of the weights that each initialiser drew; dashed: one standard deviation by its law."""
    rows = -(-len(names) // COLUMNS)
    columns = min(COLUMNS, len(names))
    label = "Histograms of weights: " + "; ".join(
        f"{n} std {figure(float(w.std()))}" for n, w in zip(names, weights, strict=True)
    )
    with drawing("weights", label, width=3.1 * columns, height=1.9 * rows + 0.3) as canvas:
        canvas.figure.clear()
        grid = canvas.figure.subplots(rows, columns, squeeze=False)
        canvas.figure.subplots_adjust(hspace=0.6, wspace=0.15)
        for axes in grid.flat[len(names) :]:
            axes.remove()
        for axes, name, drawn, std in zip(grid.flat, names, weights, stds, strict=False):
            axes.grid(False)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.hist(drawn.ravel(), BINS, histtype="stepfilled", color=BLUE)
            if std:
                for place in (-std, std):
                    axes.axvline(float(drawn.mean()) + place, color=ORANGE, linestyle="--", linewidth=1)
            axes.set_title(name, fontsize=9)
            axes.locator_params(axis="x", nbins=5)
            axes.tick_params(axis="x", labelsize=8)
    table: list[list[object]] = [
        [name, int(w.size), float(w.mean()), float(w.std()), float(np.abs(w).max())]
        for name, w in zip(names, weights, strict=True)
    ]
    return Chart(
        "Initial weights", canvas.svg, "Dashed: mean and one standard deviation to both sides, by the law.",
        ["initialiser", "weights", "mean", "std", "largest"], table, canvas.figure,
    )  # fmt: skip
