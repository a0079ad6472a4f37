"""How much a choice flatters itself: the metric on the rows that chose, against rows that did not."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from goodfit.decision import choose_factors, reweighted
from goodfit.ensemble.choice import DEFAULT
from goodfit.ensemble.pool import Pool
from goodfit.ensemble.selection import SELECTIONS
from goodfit.randomness import numpy_generator

PARTS, REPEATS = 5, 4


@dataclass(frozen=True)
class Optimism:
    """Metric of the chosen ensemble on the rows that chose it, and by nested selection, in the metric's unit.

    Attributes:
        apparent: of the ensemble that all rows chose, on these rows.
        nested: where every row is predicted by the ensemble that was chosen without its part; mean over the repeats.
        difference: by how much `apparent` is too good, above 0 where it is; `low` and `high`: over the repeats.
        rows, parts, repeats, candidates: how it was measured.
    """

    apparent: float
    nested: float
    difference: float
    low: float
    high: float
    rows: int
    parts: int
    repeats: int
    candidates: int

    def record(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)


def estimate_optimism(
    pool: Pool, most: int, rank: str = "validation_loss", selection: str = DEFAULT, seed: int = 0,
    parts: int = PARTS, repeats: int = REPEATS,
) -> Optimism:  # fmt: skip
    """Choose again and again on all parts of the rows but one, and judge on that one (nested selection).

    The ranking of the candidates is part of the choice and repeated too (Cawley & Talbot 2010: leaving any step out
    hides its share). Not in it: that each network keeps the weights of the epoch that these rows like best.
    """
    select = SELECTIONS[selection]
    apparent = pool.score(pool.average(select(pool, most, rank, seed)))
    nested = []
    for repeat in range(repeats):
        part = numpy_generator(seed, "nested selection", repeat).permutation(len(pool.truth)) % parts
        predicted = np.empty(pool.predictions.shape[1:])
        for k in range(parts):
            choosing = pool.only(part != k)
            shares = select(choosing, most, rank, seed)
            predicted[part == k] = pool.only(part == k).average(shares)
            if predicted.ndim == 2:
                factors = choose_factors(pool.metric, choosing.truth, choosing.average(shares))
                predicted[part == k] = reweighted(predicted[part == k], factors)
        nested.append(pool.metric.of(pool.truth, predicted))
    flattered = np.array([pool.metric.loss(value) - pool.metric.loss(apparent) for value in nested])
    return Optimism(
        apparent, float(np.mean(nested)), float(flattered.mean()), float(flattered.min()), float(flattered.max()),
        len(pool.truth), parts, repeats, len(pool),
    )  # fmt: skip
