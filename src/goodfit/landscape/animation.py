"""A descent as a page that plays: traces on the curve or contours, the value by step beside it."""

from collections.abc import Sequence
from typing import Any

import contourpy
import numpy as np
import torch

from goodfit.landscape.averages import labels
from goodfit.landscape.descent import Trace
from goodfit.landscape.descent_pictures import MOST_DRAWN, contour_levels, heights, view_of
from goodfit.landscape.drawing import COLOURS
from goodfit.landscape.functions import Box, Landscape
from goodfit.landscape.pages import render_page
from goodfit.landscape.verdict import Verdict

MOST_FRAMES = 240


def animation_page(landscape: Landscape, traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> str:
    """Return the page; of more than `MOST_DRAWN` runs the first are shown, of many steps an even selection."""
    shown = traces[:MOST_DRAWN]
    longest = max(trace.steps for trace in shown)
    frames = np.unique(np.linspace(0, longest, min(longest + 1, MOST_FRAMES)).round().astype(int))
    view = view_of(landscape, shown)
    ground, sides = _ground(landscape, view, shown)
    values = np.concatenate([trace.values for trace in shown])
    logarithmic = bool(values.min() >= 0 and values.max() > 100 * max(values.min(), 1e-300))
    names, keys = labels(traces), list(dict.fromkeys((t.method, t.start, t.eta) for t in traces))
    runs = []
    for trace, verdict in zip(shown, verdicts, strict=False):
        number = keys.index((trace.method, trace.start, trace.eta))
        at = np.minimum(frames, trace.steps)
        second = trace.values if landscape.dimension == 1 else trace.points[:, 1]
        runs.append({
            "label": names[number] + (f", seed {trace.seed}" if trace.noise else ""),
            "colour": COLOURS[number % len(COLOURS)], "words": verdict.words,
            "points": _rounded(np.stack([trace.points[at, 0], second[at]], -1)), "values": _rounded(trace.values[at]),
        })  # fmt: skip
    page = {
        "name": landscape.name, "formula": landscape.formula, "about": landscape.about, "runs": runs,
        "names": [landscape.names[0], landscape.names[1] if landscape.dimension == 2 else "value"],
        "view": sides, "ground": ground, "curve": landscape.dimension == 1, "frames": frames.tolist(),
        "logarithmic": logarithmic, "values_view": _range(values, logarithmic), "left_out": len(traces) - len(shown),
    }  # fmt: skip
    return render_page("animation.html", d=page)


def _ground(landscape: Landscape, view: Box, traces: Sequence[Trace]) -> tuple[list[Any], list[list[float]]]:
    """Return the lines of the curve or the contours, and the sides of the picture."""
    if landscape.dimension == 1:
        x = np.linspace(*view[0], 401)
        y = landscape.value(torch.from_numpy(x)[:, None]).numpy()
        finite = y[np.isfinite(y)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        margin = 0.05 * (high - low or 1.0)
        return [_rounded(np.stack([x, y], -1))], [list(view[0]), [low - margin, high + margin]]
    x, y, values = heights(landscape, view, 90)
    lines = contourpy.contour_generator(x, y, np.ma.masked_invalid(values))
    found = [_rounded(line) for level in contour_levels(values) for line in lines.lines(level)]
    return found, [list(side) for side in view]


def _range(values: np.ndarray, logarithmic: bool) -> list[float]:
    if logarithmic:
        values = np.log10(np.maximum(values, max(values.max() * 1e-18, 1e-300)))
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low or 1.0)
    return [low - margin, high + margin]


def _rounded(values: np.ndarray) -> list[Any]:
    """Return numbers to six digits, so that the page stays small; what is not finite becomes null."""
    digits = np.vectorize(lambda v: float(f"{v:.6g}") if np.isfinite(v) else None, otypes=[object])
    return list(digits(np.asarray(values)).tolist())
