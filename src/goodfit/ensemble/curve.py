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
    combine = COMBINATIONS[combination]
    classes = pool.predictions.ndim == 3
    names = ["metric", "loss", "ece"] if classes else ["metric", "loss"]
    found = np.empty((len(names), orders, len(pool)))
    for k in range(orders):
        order = numpy_generator(seed, "order of members", k).permutation(len(pool))
        for size in range(1, len(pool) + 1):
            p = combine(pool.predictions[order[:size]], None)
            values = p[np.arange(len(p)), pool.truth] if classes else p
            found[:2, k, size - 1] = pool.score(p), pool.row_losses(values).mean()
            if classes:
                found[2, k, size - 1] = reliability(pool.truth, p).ece
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    series = {
        name: {"mean": found[i].mean(0).tolist(), "low": low[i].tolist(), "high": high[i].tolist()}
        for i, name in enumerate(names)
    }
    return {"sizes": list(range(1, len(pool) + 1)), "orders": orders, "series": series}
