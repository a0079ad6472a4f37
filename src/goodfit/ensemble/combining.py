"""How the predictions of several networks become one."""

from collections.abc import Callable, Sequence

import numpy as np

Combination = Callable[[np.ndarray, Sequence[float] | None], np.ndarray]


def average(predictions: np.ndarray, shares: Sequence[float] | None = None) -> np.ndarray:
    """Return the weighted mean of predictions [M, ...]: for probabilities, no worse in log-loss than the mean member."""
    weights = _relative(len(predictions), shares)
    return np.tensordot(weights, predictions, axes=1)


def vote(predictions: np.ndarray, shares: Sequence[float] | None = None) -> np.ndarray:
    """Return which share of the networks takes each class for the likeliest: [n, C] from probabilities [M, n, C].

    The likeliest class of the result is that of the majority, the first of the classes in a draw.
    """
    votes = np.eye(predictions.shape[-1])[predictions.argmax(-1)]
    return np.tensordot(_relative(len(predictions), shares), votes, axes=1)


COMBINATIONS: dict[str, Combination] = {"average": average, "majority vote": vote}


def _relative(count: int, shares: Sequence[float] | None) -> np.ndarray:
    weights = np.ones(count) if shares is None else np.asarray(shares, dtype=np.float64)
    return np.asarray(weights / weights.sum())
