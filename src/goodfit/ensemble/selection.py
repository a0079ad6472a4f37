"""Which candidates are averaged and what each counts. Adding a way is adding one entry to `SELECTIONS`."""

from collections.abc import Callable

import numpy as np

from goodfit.ensemble.pool import Pool
from goodfit.randomness import numpy_generator

WITHIN_NOISE = 0.005
"""Sizes whose loss is within this share of the lowest count as equal; the largest of them is taken."""
ROUNDS = 40
"""Choices of a greedy selection; a share is then a multiple of about 1 / ROUNDS."""
BAGS, SHARE_OF_BAG = 20, 0.5
"""Greedy selections that are averaged, and the share of the candidates that each may choose from (Caruana et al. 2004)."""

Selection = Callable[[Pool, int, str, int], np.ndarray]
"""selection(pool, most, rank, seed) -> what each candidate counts: float64 [M], zero for those left out, at most
`most` of them above it. `rank` says by what they are ordered (`Pool.order`)."""


def best_single(pool: Pool, most: int, rank: str, seed: int) -> np.ndarray:
    """The best candidate alone."""
    shares = np.zeros(len(pool))
    shares[pool.order(rank)[0]] = 1
    return shares


def best_average(pool: Pool, most: int, rank: str, seed: int) -> np.ndarray:
    """The best n, equally: the largest n whose loss is the lowest, up to noise.

    Among equals the larger ensemble depends less on the luck of the validation rows.
    """
    order = pool.order(rank)[:most]
    averages = np.cumsum(pool.values[order], axis=0) / np.arange(1, len(order) + 1)[:, None]
    if rank == "validation_loss":
        curve = pool.row_losses(averages).mean(1)
    else:
        curve = np.array([pool.metric.loss(pool.score(p)) for p in running_averages(pool, order)])
    lowest = curve.min()
    size = int(np.flatnonzero(curve <= lowest + WITHIN_NOISE * abs(lowest))[-1]) + 1
    shares = np.zeros(len(pool))
    shares[order[:size]] = 1
    return shares


def greedy(pool: Pool, most: int, rank: str, seed: int) -> np.ndarray:
    """Add, again and again, the candidate that lowers the average's loss most; a candidate may come several times.

    Caruana et al. 2004. The rounds up to the lowest loss count. The candidates are the best `most` (their later paper
    of 2006 found that such pruning helps).
    """
    order = pool.order(rank)[:most]
    shares = np.zeros(len(pool))
    shares[order] = _greedy(pool, pool.values[order])
    return shares


def bagged_greedy(pool: Pool, most: int, rank: str, seed: int) -> np.ndarray:
    """The mean of `BAGS` greedy selections, each from a random half of the candidates, against overfitting (ibid.)."""
    order = pool.order(rank)[:most]
    values = pool.values[order]
    shares = np.zeros(len(pool))
    for bag in range(BAGS):
        drawn = numpy_generator(seed, "bag of candidates", bag).permutation(len(order))
        inside = np.sort(drawn[: max(1, round(SHARE_OF_BAG * len(order)))])
        chosen = _greedy(pool, values[inside])
        shares[order[inside]] += chosen / chosen.sum() / BAGS
    return shares


def everything(pool: Pool, most: int, rank: str, seed: int) -> np.ndarray:
    """The best `most`, equally, without a look at how many do best."""
    shares = np.zeros(len(pool))
    shares[pool.order(rank)[:most]] = 1
    return shares


SELECTIONS: dict[str, Selection] = {
    "single": best_single,
    "best": best_average,
    "greedy": greedy,
    "bagged greedy": bagged_greedy,
    "all": everything,
}


def running_averages(pool: Pool, order: np.ndarray) -> np.ndarray:
    """Return the mean prediction of the first 1, 2, ... candidates of an order: [len(order), n, ...]."""
    sizes = np.arange(1, len(order) + 1).reshape(-1, *[1] * (pool.predictions.ndim - 1))
    return np.asarray(np.cumsum(pool.predictions[order], axis=0) / sizes)


def _greedy(pool: Pool, values: np.ndarray) -> np.ndarray:
    """Return how often each of the candidates with these values [m, n] is chosen."""
    total = np.zeros(values.shape[1])
    chosen: list[int] = []
    losses: list[float] = []
    for size in range(1, ROUNDS + 1):
        found = pool.row_losses((total + values) / size).mean(1)
        best = int(found.argmin())
        chosen.append(best)
        losses.append(float(found[best]))
        total += values[best]
    until = int(np.argmin(losses)) + 1
    return np.bincount(chosen[:until], minlength=len(values)).astype(np.float64)
