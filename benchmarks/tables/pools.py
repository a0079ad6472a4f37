"""Ways to prepare numbers as candidates of the recipe: which set of them gives the best ensemble for the same work."""

import numpy as np

import goodfit as gf
from goodfit.ensemble import SELECTIONS, average, choose_ensemble
from goodfit.ensemble.choice import DEFAULT
from goodfit.runs import Runs

RATES = (2e-3, 6e-3)
SEEDS = 3
MOST = 6
"""Members of an ensemble: half of the networks of the first set, as in preset `default`."""
POOLS: dict[str, tuple[int, tuple[str, ...]]] = {
    "piecewise, quantile": (3, ("piecewise", "quantile")),
    "piecewise": (3, ("piecewise",)),
    "piecewise, robust": (3, ("piecewise", "robust")),
    "piecewise, standard": (3, ("piecewise", "standard")),
    "piecewise, periodic": (3, ("piecewise", "periodic")),
    "piecewise, quantile, robust": (2, ("piecewise", "quantile", "robust")),
    "piecewise, quantile, periodic": (2, ("piecewise", "quantile", "periodic")),
    "piecewise, robust, periodic": (2, ("piecewise", "robust", "periodic")),
    "piecewise, quantile, robust, periodic": (2, ("piecewise", "quantile", "robust", "periodic")),
    "piecewise, quantile, standard": (2, ("piecewise", "quantile", "standard")),
    "piecewise, standard, periodic": (2, ("piecewise", "standard", "periodic")),
    "all five": (2, ("piecewise", "quantile", "robust", "standard", "periodic")),
    "all five, one seed": (1, ("piecewise", "quantile", "robust", "standard", "periodic")),
}
"""Seeds of every setting, and ways; the first set, members chosen as the recipe does, is what all others are compared
with."""


def trainings(name: str) -> int:
    """Return how many networks a set trains."""
    seeds, ways = POOLS[name]
    return seeds * len(ways) * len(RATES)


def predictions(task: gf.Task, config: gf.Config, seed: int) -> dict[str, np.ndarray]:
    """Return what the ensemble of each set predicts for the judging part; the validation part chooses its members."""
    ways = dict.fromkeys(way for _, pool in POOLS.values() for way in pool)
    first = 100 * seed
    runs = gf.train(gf.vary(config, numeric=ways, lr=RATES, seed=range(first, first + SEEDS)), task)
    judging = {t.id: Runs(task, [t]).predict(task.raw("test")) for t in runs if t.usable}
    found = {}
    for name, (seeds, pool) in POOLS.items():
        candidates = runs.filter(lambda t: t.config.numeric in pool and t.config.seed < first + seeds)  # noqa: B023
        for selection in (DEFAULT, *(other for other in SELECTIONS if other != DEFAULT)):
            choice = choose_ensemble(candidates, MOST, selection=selection)
            together = average(np.stack([judging[t.id] for t in choice.members]), choice.shares)
            found[f"{name}: {selection}"] = together
    return found
