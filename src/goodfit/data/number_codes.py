"""Numbers as a network likes them: seven ways to turn a column into one or several features."""

from typing import Literal

import numpy as np
from scipy.stats import norm

NumberMethod = Literal["standard", "robust", "quantile", "piecewise", "periodic", "centre", "min-max"]

QUANTILES = 1000
FARTHEST = 5.199337582605575
"""The normal distribution's quantile at 1e-7: as far out as `quantile` maps a value."""

SIGMA, WAVES = 0.2, 16
"""Of `periodic`: standard deviation of the frequencies, and how many there are."""
FREQUENCIES = SIGMA * norm.ppf(0.5 + (np.arange(WAVES) + 0.5) / (2 * WAVES))
"""The quantiles of |c| for c ~ N(0, SIGMA^2): what drawing them would give on average, without the luck of a draw."""


def fit_number(values: np.ndarray, method: NumberMethod, bins: int) -> np.ndarray:
    """Return the parameters of a method, float64, fitted on the known values [n] of the training part.

    standard: (mean, scale); robust: (median, scale); quantile: the training quantiles; piecewise: bin edges;
    periodic: the frequencies, then the training quantiles; centre: (mean, 1); min-max: (lowest, highest - lowest).
    """
    known = values[np.isfinite(values)]
    if method == "periodic":
        return np.concatenate([FREQUENCIES, fit_number(known, "quantile", bins)])
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
    """Return features float64 [n, k] for known values [n]; k is `feature_count`."""
    if method in ("standard", "centre", "min-max"):
        return ((values - fitted[0]) / fitted[1])[:, None]
    if method == "robust":
        # smooth clipping to (-3, 3) (Holzmueller et al. 2024, arXiv 2407.04491, section 3)
        scaled = (values - fitted[0]) / fitted[1]
        return (scaled / np.sqrt(1 + (scaled / 3) ** 2))[:, None]
    if method == "quantile":
        return _to_normal(values, fitted)[:, None]
    if method == "periodic":
        return _waves(_to_normal(values, fitted[WAVES:]), fitted[:WAVES])
    return _piecewise(values, fitted)


def feature_count(method: NumberMethod, fitted: np.ndarray) -> int:
    """Return k of `encode_number`: the number of bins for piecewise, 1 + 2 `WAVES` for periodic, else 1."""
    return {"piecewise": len(fitted) - 1, "periodic": 1 + 2 * WAVES}.get(method, 1)


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


def _waves(z: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return z, then sin(2 pi c z) and cos(2 pi c z) of every frequency c: [n, 1 + 2 c].

    Periodic activations (Gorishniy et al. 2022, section 3.3) with frequencies that do not learn, so that every kernel
    serves them; what is in front of them is the quantile code.
    """
    angle = 2 * np.pi * z[:, None] * frequencies
    return np.concatenate([z[:, None], np.sin(angle), np.cos(angle)], axis=1)


def _scale(spread: float, known: np.ndarray) -> float:
    """Return the spread, or 1 where it is zero up to rounding."""
    return spread if spread > 1e-12 * max(1e-300, float(np.abs(known).max())) else 1.0
