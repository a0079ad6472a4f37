"""How fast a run converges: error(t + 1) is about C error(t)^p; p is the order, C the factor."""

import numpy as np

ROUNDING = 1e-13


def measure_order(points: np.ndarray, limit: np.ndarray) -> tuple[float, float] | None:
    """Return order p and, where p is about 1, the factor per step; None where too few errors tell.

    p = log(e2 / e1) / log(e1 / e0) of three errors in a row that fall and lie above rounding: the last such three
    where convergence is fast, the median of the last ten where it is not.

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
    orders = np.log(e2 / e1) / np.log(e1 / e0)
    order = float(orders[-1] if orders[-1] > 1.5 else np.median(orders))
    return order, float(np.exp(np.mean(np.log(e2 / e1))))
