"""Numbers as a network likes them: six ways to turn a column into one or several features."""

from typing import Literal

import numpy as np
from scipy.stats import norm

NumberMethod = Literal["standard", "robust", "quantile", "piecewise", "centre", "min-max"]

QUANTILES = 1000
FARTHEST = 5.199337582605575
"""The normal distribution's quantile at 1e-7: as far out as `quantile` maps a value."""


def fit_number(values: np.ndarray, method: NumberMethod, bins: int) -> np.ndarray:
    """Return the parameters of a method, float64, fitted on the known values [n] of the training part.

    standard: (mean, scale); robust: (median, scale); quantile: the training quantiles; piecewise: bin edges;
    centre: (mean, 1); min-max: (lowest, highest - lowest).
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return np.array([0.0, 1.0])
    if method == "standard":
        return np.array([known.mean(), _scale(float(known.std()), known)])
    if method == "centre":
        return np.array([known.mean(), 1.0])
    if method == "min-max":
        return np.array([known.min(), _scale(float(np.ptp(known)), known)])
    if method == "robust":
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        # columns that are constant over their middle half fall back to the range, as in RealMLP
        spread = (high - low) / 1.349 if high > low else (known.max() - known.min()) / 2
        return np.array([middle, _scale(spread, known)])
    if method == "quantile":
        return np.quantile(known, np.linspace(0, 1, min(QUANTILES, len(known))))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
    distinct = np.unique(known)
    if len(distinct) <= bins:
        edges = distinct  # a column of few values gets an edge at each
    narrowest = max(1e-12 * float(np.abs(edges).max()), 1e-300)
    edges = np.concatenate([edges[:1], edges[1:][np.diff(edges) > narrowest]])
    half = max(0.5, 1e6 * narrowest)
    return edges if len(edges) > 1 else np.array([edges[0] - half, edges[0] + half])


def encode_number(values: np.ndarray, method: NumberMethod, fitted: np.ndarray) -> np.ndarray:
    """Return features float64 [n, k] for known values [n]; k is 1, or the number of bins for piecewise."""
    if method in ("standard", "centre", "min-max"):
        return ((values - fitted[0]) / fitted[1])[:, None]
    if method == "robust":
        # smooth clipping to (-3, 3) (Holzmueller et al. 2024, arXiv 2407.04491, section 3)
        scaled = (values - fitted[0]) / fitted[1]
        return (scaled / np.sqrt(1 + (scaled / 3) ** 2))[:, None]
    if method == "quantile":
        return _to_normal(values, fitted)[:, None]
    return _piecewise(values, fitted)


def feature_count(method: NumberMethod, fitted: np.ndarray) -> int:
    """Return k of `encode_number`."""
    return len(fitted) - 1 if method == "piecewise" else 1


def _to_normal(values: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Map to a standard normal by the training quantiles; ties take the middle of their range, as in scikit-learn."""
    shares = np.linspace(0, 1, len(quantiles))
    if len(quantiles) < 2 or quantiles[0] == quantiles[-1]:
        return np.zeros_like(values)
    upward = np.interp(values, quantiles, shares)
    downward = -np.interp(-values, -quantiles[::-1], -shares[::-1])
    return np.clip(norm.ppf(0.5 * (upward + downward)), -FARTHEST, FARTHEST)


def _piecewise(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Piecewise-linear encoding (Gorishniy et al. 2022, arXiv 2203.05556, equation 1).

    Bins below the value's are 1, its own holds the fraction, those above are 0. The outermost bins go on
    linearly beyond the training range, but by no more than one bin's width.
    """
    fraction = (values[:, None] - edges[None, :-1]) / np.diff(edges)[None]
    code = np.clip(fraction, 0.0, 1.0)
    code[:, 0] = np.clip(fraction[:, 0], -1.0, 1.0 if code.shape[1] > 1 else 2.0)
    if code.shape[1] > 1:
        code[:, -1] = np.clip(fraction[:, -1], 0.0, 2.0)
    return code


def _scale(spread: float, known: np.ndarray) -> float:
    """Return the spread, or 1 where it is zero up to rounding."""
    return spread if spread > 1e-12 * max(1e-300, float(np.abs(known).max())) else 1.0
