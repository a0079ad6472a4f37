"""How much each setting matters: the share of the differences between trials that hangs on it.

A forest of regression trees learns how trials rank from their settings (Hutter et al. 2014, "An efficient approach for
assessing hyperparameter importance"); its variance over the whole space is divided among the settings as Sobol' indices:
`total` with all interactions (Jansen 1999), `alone` without (Saltelli et al. 2010). Ranks are taken, not values, so
that a few trials that went badly wrong do not explain everything. The spread is over forests that see trials drawn anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor

from goodfit.randomness import key, numpy_generator
from goodfit.search.space import Space
from goodfit.search.trials import Trial, losses_to_tell

REFITS, TREES, SAMPLES = 20, 24, 512
FEWEST_TRIALS = 12
"""Of fewer a forest learns nothing."""
COVERAGE = 0.9


@dataclass(frozen=True)
class Importance:
    """Shares of the variance, mean and 90 % interval over the refits. The totals of all settings can exceed 1."""

    setting: str
    total: float
    total_interval: tuple[float, float]
    alone: float
    alone_interval: tuple[float, float]


def importances(space: Space, trials: Sequence[Trial], smaller_is_better: bool, seed: int = 0) -> list[Importance]:
    """Return the importance of every setting, the most important first; [] for too few trials."""
    if len(trials) < FEWEST_TRIALS:
        return []
    x = np.array([_features(space, trial) for trial in trials])
    ranks = rankdata(losses_to_tell(trials, 1.0 if smaller_is_better else -1.0))
    if np.ptp(ranks) == 0:
        return []
    a, b = numpy_generator(seed, "importance samples").random((2, SAMPLES, len(space)))
    swapped = [_features_at(space, np.where(np.arange(len(space)) == j, b, a)) for j in range(len(space))]
    ends = _features_at(space, a), _features_at(space, b)
    found = np.array([_shares(_forest(x, ranks, seed, refit), *ends, swapped) for refit in range(REFITS)])
    # [refits, 2, d]
    low, high = np.quantile(found, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    mean = found.mean(0)
    listed = [
        Importance(name, float(mean[0, j]), (float(low[0, j]), float(high[0, j])), float(mean[1, j]),
                   (float(low[1, j]), float(high[1, j])))
        for j, name in enumerate(space.settings)
    ]  # fmt: skip
    return sorted(listed, key=lambda importance: -importance.total)


def _features(space: Space, trial: Trial) -> list[float]:
    # what is not searched at a point lies outside the cube: a tree can tell it apart
    return [-1.0 if np.isnan(place) else place for place in space.place(trial.values)]


def _features_at(space: Space, points: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.array([space.place(space.at(point)) for point in points]), nan=-1.0)


def _forest(x: np.ndarray, y: np.ndarray, seed: int, refit: int) -> RandomForestRegressor:
    drawn = numpy_generator(seed, "importance trials", refit).integers(0, len(x), len(x))
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=key(seed, "importance", refit) % 2**32)
    return forest.fit(x[drawn], y[drawn])


def _shares(forest: RandomForestRegressor, a: np.ndarray, b: np.ndarray, swapped: Sequence[np.ndarray]) -> np.ndarray:
    """Return total and first-order Sobol' indices [2, d] of a forest; `swapped[j]` is `a` with column j of `b`."""
    at_a, at_b = forest.predict(a), forest.predict(b)
    variance = max(float(np.var(np.concatenate([at_a, at_b]))), 1e-12)
    at_swapped = [forest.predict(points) for points in swapped]
    total = [min(1.0, float(np.mean((at_a - y) ** 2)) / 2 / variance) for y in at_swapped]
    alone = [max(0.0, 1 - float(np.mean((at_b - y) ** 2)) / 2 / variance) for y in at_swapped]
    return np.array([total, alone])
