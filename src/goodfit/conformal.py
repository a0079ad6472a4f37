"""Intervals and sets that hold the truth as often as they promise, whatever the model (Vovk et al. 2005).

All they ask is that the rows by which they are set and the rows to come are exchangeable. The promise holds on
average over rows, not for each kind of row.
"""

from collections.abc import Callable

import numpy as np


def half_width(errors: np.ndarray, coverage: float) -> float | None:
    """Return half the width of prediction intervals from absolute errors [n] (Lei et al. 2018, split conformal).

    It is the ceil((n + 1) coverage)-th smallest error; None where n is too small for the coverage.
    """
    return conformal_quantile(errors, coverage)


def conformal_quantile(scores: np.ndarray, coverage: float) -> float | None:
    """Return the ceil((n + 1) coverage)-th smallest score; a new score is below it with that probability at least."""
    rank = int(np.ceil((len(scores) + 1) * coverage - 1e-9))
    return None if rank > len(scores) else float(np.sort(scores)[rank - 1])


def least_ambiguous(p: np.ndarray) -> np.ndarray:
    """Return 1 - p: sets of all classes above one probability, on average the smallest (Sadinle et al. 2019)."""
    return 1 - p


def adaptive(p: np.ndarray) -> np.ndarray:
    """Return the probability of all classes that are likelier than each (Romano et al. 2020, equation 5 with u = 0).

    Rows that are hard get larger sets, easy ones smaller, so that the coverage varies less between them. Without the
    random share u of the class' own probability a row has one set and not another at each call.
    """
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    mass = np.cumsum(ranked, axis=1) - ranked
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, mass, axis=1)
    return scores


SET_SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"lac": least_ambiguous, "aps": adaptive}
"""Scores [n, C] of probabilities [n, C]: how strange each class would be. A set holds the classes that are not too strange."""


def set_thresholds(truth: np.ndarray, p: np.ndarray, coverage: float) -> dict[str, float]:
    """Return the highest score that is let into a set, for each of `SET_SCORES`; 1 (all classes) where n is too small.

    Args:
        truth: class indices [n]. p: probabilities [n, C] of rows that the model has not seen.
    """
    rows = np.arange(len(truth))
    found = {name: conformal_quantile(score(p)[rows, truth], coverage) for name, score in SET_SCORES.items()}
    return {name: 1.0 if value is None else value for name, value in found.items()}


def prediction_sets(p: np.ndarray, kind: str, threshold: float) -> np.ndarray:
    """Return which classes are in each row's set: bool [n, C]. The likeliest class always is."""
    inside = SET_SCORES[kind](p) <= threshold + 1e-12
    inside[np.arange(len(p)), p.argmax(1)] = True
    return inside
