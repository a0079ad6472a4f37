"""A descent as one page that plays: traces on the curve or contours, the value by step beside it, the verdicts below."""

from collections.abc import Sequence
from typing import Any

import contourpy
import numpy as np
import torch

from goodfit.landscape.averages import group_of, labels
from goodfit.landscape.descent import Trace
from goodfit.landscape.functions import Box, Landscape
from goodfit.landscape.verdict import Terrain, Verdict
from goodfit.report.descent_pictures import MOST_DRAWN, colour_of, draw_surface, draw_values, view_of
from goodfit.report.drawing import VARIABLES
from goodfit.report.ground import contour_levels, heights
from goodfit.report.page import environment

MOST_FRAMES = 240


def render_descent(terrain: Terrain, traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> str:
    """Return the page; of more than `MOST_DRAWN` runs the first are shown, of many steps an even selection."""
    landscape = terrain.landscape
    charts = [draw_values(landscape, traces)]
    if landscape.dimension == 2:
        charts.append(draw_surface(landscape, traces))
    played = _played(landscape, traces, verdicts) | {"critical": _critical(terrain)}
    return environment().get_template("descent.html").render(d=played, charts=charts, critical=terrain.critical)


def _critical(terrain: Terrain) -> list[dict[str, Any]]:
    """Return kind and place in the picture of each critical point."""
    found = [(c.kind, c.point if len(c.point) == 2 else (c.point[0], c.value)) for c in terrain.critical]
    return [{"kind": kind, "at": list(at)} for kind, at in found]


def _played(landscape: Landscape, traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return what the page's script draws, as plain JSON values."""
    shown = traces[:MOST_DRAWN]
    longest = max(trace.steps for trace in shown)
    frames = np.unique(np.linspace(0, longest, min(longest + 1, MOST_FRAMES)).round().astype(int))
    ground, sides = _ground(landscape, view_of(landscape, shown))
    values = np.concatenate([trace.values for trace in shown])
    logarithmic = bool(values.min() >= 0 and values.max() > 100 * values.min() and values.max() > 0)
    names, runs = labels(traces), []
    for trace, verdict in zip(shown, verdicts, strict=False):
        group, at = group_of(trace), np.minimum(frames, trace.steps)
        second = trace.values if landscape.dimension == 1 else trace.points[:, 1]
        colour = colour_of(group, names)
        runs.append({
            "label": names[group] + (f", seed {trace.seed}" if trace.noise else ""),
            "colour": f"var(--{VARIABLES[colour]})" if colour in VARIABLES else colour, "words": verdict.words,
            "points": _rounded(np.stack([trace.points[at, 0], second[at]], -1)), "values": _rounded(trace.values[at]),
        })  # fmt: skip
    return {
        "name": landscape.name, "formula": landscape.formula, "about": landscape.about, "runs": runs,
        "names": [landscape.names[0], landscape.names[1] if landscape.dimension == 2 else "value"],
        "view": sides, "ground": ground, "curve": landscape.dimension == 1, "frames": frames.tolist(),
        "logarithmic": logarithmic, "values_view": _range(values, logarithmic), "left_out": len(traces) - len(shown),
    }  # fmt: skip


def _ground(landscape: Landscape, view: Box) -> tuple[list[Any], list[list[float]]]:
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
    found = [_rounded(np.asarray(line)) for level in contour_levels(values) for line in lines.lines(level)]
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
