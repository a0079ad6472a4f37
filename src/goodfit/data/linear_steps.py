"""Fitted linear steps of data preparation: centring, scaling, principal components, whitening.

Every step is fitted on training features x [n, d] and is an affine map to [n, k]. Adding one is adding one entry to
`LINEAR_STEPS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from goodfit.calls import bind, find, read_call
from goodfit.errors import GoodfitError

MOST_FEATURES = 4096
"""Of the steps that need the covariance matrix: 134 MB."""
ROWS_AT_ONCE = 4096
NO_SPREAD = 1e-12
"""Features whose spread is below this share of their largest value are constant up to rounding."""
NO_VARIANCE = 1e-12
"""Components with less than this share of the largest variance are rounding noise; whitening sets them to 0."""


@dataclass(frozen=True)
class Affine:
    """(x - shift) @ matrix: [n, d] to [n, k], in float64; a matrix of one axis [d] is a diagonal."""

    shift: np.ndarray
    matrix: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Return float64 [n, k]."""
        centred = x.astype(np.float64) - self.shift
        return centred * self.matrix if self.matrix.ndim == 1 else centred @ self.matrix


def centre(x: np.ndarray) -> Affine:
    """x - mean"""
    return Affine(x.mean(0, dtype=np.float64), np.ones(x.shape[1]))


def scale(x: np.ndarray) -> Affine:
    """x / standard deviation"""
    return Affine(np.zeros(x.shape[1]), 1 / _spread(x, x.std(0, dtype=np.float64)))


def min_max(x: np.ndarray) -> Affine:
    """(x - min) / (max - min), in [0, 1]"""
    low, high = x.min(0).astype(np.float64), x.max(0).astype(np.float64)
    return Affine(low, 1 / _spread(x, high - low))


def _spread(x: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return what features are divided by: their spread, or 1 where it is rounding noise of a constant."""
    return np.where(spread > NO_SPREAD * np.abs(x).max(0), spread, 1.0)


def pca(x: np.ndarray, keep: float | None = None) -> Affine:
    """projection on the principal components: the first `keep`, or as many as explain that share of the variance"""
    mean, variances, components = principal_components(x)
    return Affine(mean, components[:, : _kept(variances, keep, len(x))])


def pca_whiten(x: np.ndarray, keep: float | None = None, epsilon: float = 1e-5) -> Affine:
    """principal components / sqrt(variance + epsilon): uncorrelated, of variance 1 where epsilon is small beside theirs"""
    mean, variances, components = principal_components(x)
    kept = _kept(variances, keep, len(x))
    return Affine(mean, (components * _whitening(variances, epsilon))[:, :kept])


def zca(x: np.ndarray, epsilon: float = 1e-5) -> Affine:
    """whitening turned back to the features' own axes: as close to x as uncorrelated features can be"""
    mean, variances, components = principal_components(x)
    return Affine(mean, (components * _whitening(variances, epsilon)) @ components.T)


LINEAR_STEPS: dict[str, Callable[..., Affine]] = {
    "centre": centre,
    "scale": scale,
    "min-max": min_max,
    "pca": pca,
    "pca-whiten": pca_whiten,
    "zca": zca,
}
DECORRELATING = ("pca", "pca-whiten", "zca")
"""Those that `Config.decorrelate` takes."""

Step = Callable[[np.ndarray], Affine]


@lru_cache
def read_step(text: str, what: str, names: tuple[str, ...] = tuple(LINEAR_STEPS)) -> Step:
    """Read `name` or `name(arguments)` and return what fits it.

    Args:
        what: the setting or option, for the error. names: those that it takes.

    Raises:
        GoodfitError: an unknown name, or arguments that it does not take.
    """
    call = read_call(text, what)
    step = LINEAR_STEPS[find(call, names, what)]
    arguments: dict[str, Any] = bind(call, step, 1, what)
    keep = arguments.get("keep")
    if keep is not None and (keep <= 0 or (keep > 1 and keep != int(keep))):
        raise GoodfitError(f"{what} is '{text}': 'keep' is a number of components, or a share of the variance below 1")
    if arguments.get("epsilon", 0) < 0:
        raise GoodfitError(f"{what} is '{text}': 'epsilon' must not be negative")
    return lambda x: step(x, **arguments)


def covariance(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean [d] and unbiased covariance [d, d] of x [n, d], in float64, a piece of rows at a time."""
    if x.shape[1] > MOST_FEATURES:
        raise GoodfitError(
            f"the covariance of {x.shape[1]} features is too large: up to {MOST_FEATURES} can be decorrelated, make the images smaller"
        )
    mean = x.mean(0, dtype=np.float64)
    total = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), ROWS_AT_ONCE):
        piece = x[start : start + ROWS_AT_ONCE] - mean
        total += piece.T @ piece
    return mean, total / max(len(x) - 1, 1)


def principal_components(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean [d], variances [d] (largest first) and components as columns [d, d].

    The largest entry of every component is positive, as in scikit-learn.
    """
    mean, matrix = covariance(x)
    variances, components = np.linalg.eigh(matrix)
    variances, components = variances[::-1].clip(min=0), components[:, ::-1]
    signs = np.sign(components[np.abs(components).argmax(0), np.arange(components.shape[1])])
    return mean, variances, components * signs


def _kept(variances: np.ndarray, keep: float | None, rows: int) -> int:
    most = min(len(variances), rows)
    if keep is None:
        return most
    if keep < 1:
        explained = np.cumsum(variances[:most]) / (variances.sum() or 1.0)
        return min(int(np.searchsorted(explained, keep, side="right")) + 1, most)
    if keep > most:
        raise GoodfitError(f"{keep:g} principal components are asked for: these data have {most}")
    return int(keep)


def _whitening(variances: np.ndarray, epsilon: float) -> np.ndarray:
    """Return what each component is multiplied by."""
    some = variances > NO_VARIANCE * variances[0]
    return np.where(some, 1 / np.sqrt(np.where(some, variances, 1.0) + epsilon), 0.0)
