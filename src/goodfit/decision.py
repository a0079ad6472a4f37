"""Which class a row is taken for where classes are uneven and all of them matter alike."""

import numpy as np

from goodfit.metrics import Metric

STRENGTHS = np.linspace(0, 1, 6)
"""How far rare classes are favoured: 0 names the likeliest class, 1 the one whose probability is highest for its share."""


def reweighted(p: np.ndarray, factors: np.ndarray | tuple[float, ...] | None) -> np.ndarray:
    """Return probabilities [n, C] as they would be if class c were `factors[c]` times as frequent (Saerens et al. 2002)."""
    if factors is None:
        return p
    scaled = p * np.asarray(factors)
    return np.asarray(scaled / scaled.sum(1, keepdims=True))


def choose_factors(metric: Metric, truth: np.ndarray, p: np.ndarray) -> tuple[float, ...] | None:
    """Return what to multiply probabilities by before the likeliest class is named; None to leave them.

    Factors are share^-s of the classes' shares in `truth`, with the strength s in `STRENGTHS` that the metric likes best,
    the weakest of equals. For the mean recall (balanced accuracy) of true probabilities, s = 1 is the optimum (Menon et
    al. 2013); one number to choose instead of one for each class overfits little. For two classes this is every
    threshold between 1/2 and the rarer class' share. Metrics that do not name classes get None, and so does accuracy,
    for which the likeliest class is the best answer.
    """
    if not metric.by_label or metric.name == "accuracy":
        return None
    shares = np.bincount(truth, minlength=p.shape[1]) / len(truth)
    shares = np.maximum(shares, 1 / len(truth))
    losses = [metric.loss(metric.of(truth, reweighted(p, shares**-s))) for s in STRENGTHS]
    strength = float(STRENGTHS[int(np.argmin(losses))])
    if strength == 0:
        return None
    factors = shares**-strength
    return tuple((factors / factors.max()).tolist())
