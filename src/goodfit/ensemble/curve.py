"""The quality of an average against the number of its members, over random orders of them."""

from typing import Any

import numpy as np

from goodfit.calibration import reliability
from goodfit.ensemble.combining import COMBINATIONS
from goodfit.ensemble.pool import Pool
from goodfit.randomness import numpy_generator

ORDERS = 20
LEVEL = 0.8
"""Share of the orders that a band holds."""


def quality_curve(pool: Pool, seed: int, orders: int = ORDERS, combination: str = "average") -> dict[str, Any]:
    """Return metric, loss and calibration error of 1, 2, ... members together, as JSON values.

    Each quantity has `mean`, `low` and `high` over random orders of the members: the band that `LEVEL` of the orders are
    in. Orders share members, so that the band is no confidence interval, and has no width where all are in.

    Args:
        combination: name in `COMBINATIONS`; calibration is measured for classes alone.
    """
    drawn = [numpy_generator(seed, "order of members", k).permutation(len(pool)) for k in range(orders)]
    return curve_of(np.stack([running_quality(pool, order, combination) for order in drawn], axis=1))


def running_quality(pool: Pool, order: np.ndarray, combination: str = "average") -> np.ndarray:
    """Return metric, loss and, for classes, calibration error of the first 1, 2, ... M members of an order: [2 or 3, M]."""
    combine = COMBINATIONS[combination]
    classes = pool.predictions.ndim == 3
    found = np.empty((3 if classes else 2, len(order)))
    for size in range(1, len(order) + 1):
        p = combine(pool.predictions[order[:size]], None)
        values = p[np.arange(len(p)), pool.truth] if classes else p
        found[:2, size - 1] = pool.score(p), pool.row_losses(values).mean()
        if classes:
            found[2, size - 1] = reliability(pool.truth, p).ece
    return found


def curve_of(found: np.ndarray) -> dict[str, Any]:
    """Return the record of `quality_curve` from `running_quality` over several orders: [2 or 3, orders, M]."""
    quantities, orders, members = found.shape
    names = ["metric", "loss", "ece"][:quantities]
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    series = {
        name: {"mean": found[i].mean(0).tolist(), "low": low[i].tolist(), "high": high[i].tolist()}
        for i, name in enumerate(names)
    }
    return {"sizes": list(range(1, members + 1)), "orders": orders, "series": series}
