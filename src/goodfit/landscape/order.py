"""How fast a run converges: error(t + 1) is about C error(t)^p; p is the order, C the factor."""

from dataclasses import dataclass

import numpy as np

ROUNDING = 1e-13
"""Errors below this, relative to where the limit lies, are rounding."""
FAST = 1.5
"""Three errors whose order is above this do not converge linearly."""
AGREE = 0.35
"""By how much two orders in a row may differ and still be one measurement."""


@dataclass(frozen=True)
class Speed:
    """Order of convergence, and the factor by which the last steps shrank the error.

    `order` is None where the error falls faster than by a factor, but two orders in a row do not agree (conjugate
    gradients, L-BFGS), or there is only one.
    """

    order: float | None
    factor: float


def measure_order(points: np.ndarray, limit: np.ndarray) -> Speed | None:
    """Return how fast points approach their limit; None where too few errors tell.

    p = log(e2 / e1) / log(e1 / e0) of three errors in a row that fall and lie above rounding (Nocedal & Wright 2006,
    section 2.2): the last three where convergence is fast, the median of the last ten where it is not.

    Shape:
        points: [T + 1, d]. limit: [d].
    """
    errors = np.linalg.norm(points - limit, axis=-1)
    floor = ROUNDING * max(1.0, float(np.linalg.norm(limit)))
    e0, e1, e2 = errors[:-2], errors[1:-1], errors[2:]
    telling = (e2 > floor) & (e2 < e1) & (e1 < e0)
    if not telling.any():
        return None
    e0, e1, e2 = e0[telling][-10:], e1[telling][-10:], e2[telling][-10:]
    with np.errstate(divide="ignore"):
        orders = np.log(e2 / e1) / np.log(e1 / e0)
    factor = float(np.exp(np.mean(np.log(e2 / e1))))
    if orders[-1] <= FAST:
        return Speed(float(np.median(orders)), factor)
    steady = len(orders) > 1 and abs(orders[-1] - orders[-2]) <= AGREE * orders[-1]
    return Speed(float(orders[-1]) if steady else None, factor)
