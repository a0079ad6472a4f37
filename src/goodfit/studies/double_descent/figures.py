"""Parts of the record that `goodfit.report` draws: curves with their regimes, and maps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from goodfit.paired import band

CRITICAL = 2.0
"""The critical regime is drawn within this factor of the interpolation threshold."""


def curve(
    name: str, title: str, x_label: str, y_label: str, x: Sequence[float], series: Mapping[str, np.ndarray],
    threshold: float | None, *, log_y: bool = False, regimes: Sequence[str] = ("classical", "critical", "modern"),
    mark: float | None = None, caption: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return one figure: series of [seeds, points] against x, regimes about the threshold from left to right.

    Args:
        mark: where the user's own setting is.
    """
    return {
        "name": name, "title": title, "x": [float(v) for v in x], "x_label": x_label, "y_label": y_label, "log_y": log_y,
        "series": {label: _log_band(values) if log_y else band(values) for label, values in series.items()},
        "threshold": threshold, "regimes": list(regimes), "caption": caption, "mark": mark,
        "critical": None if threshold is None else [threshold / CRITICAL, threshold * CRITICAL],
    }  # fmt: skip


def heat_map(
    name: str, title: str, x_label: str, y_label: str, x: Sequence[float], y: Sequence[float], values: np.ndarray,
    border: Sequence[float | None], *, log: bool, caption: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return one map: values [len(y), len(x)], and for each x the y from which on training data are interpolated."""
    cells = [[None if not np.isfinite(v) else float(v) for v in row] for row in values]
    return {
        "name": name, "title": title, "x_label": x_label, "y_label": y_label, "x": [float(v) for v in x],
        "y": [float(v) for v in y], "values": cells, "border": list(border), "log": log, "caption": caption,
    }  # fmt: skip


def _log_band(values: np.ndarray) -> dict[str, list[float | None]]:
    """Return geometric means and the intervals of the mean logarithm: single losses differ by orders of magnitude."""
    logs = np.log(np.maximum(values, np.finfo(float).tiny))
    return {part: [None if v is None else float(np.exp(v)) for v in found] for part, found in band(logs).items()}
