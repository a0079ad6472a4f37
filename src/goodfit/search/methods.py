"""How a search proposes its trials: grid, random, quasi-random, or by a model of what has been found.

Proposals are keyed by (seed, number of the trial), so that the same search proposes the same again after a resume.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.stats import qmc

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.randomness import numpy_generator
from goodfit.search.modelled import Modelled
from goodfit.search.space import Space


class Proposer(Protocol):
    """Proposes the settings of trials, in batches, and hears how they did."""

    def propose(self, first: int, count: int) -> list[dict[str, Any]]:
        """Return the settings of trials `first`, `first` + 1, ..."""
        ...

    def hear(self, losses: Sequence[float]) -> None:
        """Hear the losses (lower is better, all finite) of the trials proposed last."""
        ...


@dataclass(frozen=True)
class Method:
    """A method of search.

    Attributes:
        start: makes its proposer from space, seed, and number of trials (None where not given).
        batch: trials that train together, unless the user says how many. trials: how many there are by default;
            None: as many as the method has.
    """

    about: str
    start: Callable[[Space, int, int], Proposer]
    batch: int = 64
    trials: int | None = 64


@dataclass(frozen=True)
class Listed:
    """Trials that are known from the start, whatever the others find."""

    proposals: Sequence[dict[str, Any]]

    def propose(self, first: int, count: int) -> list[dict[str, Any]]:
        """Return these trials."""
        return list(self.proposals[first : first + count])

    def hear(self, losses: Sequence[float]) -> None:
        """Nothing depends on the losses."""


def find_method(name: str) -> Method:
    """Return the method of that name."""
    if name not in METHODS:
        raise GoodfitError(
            f"method '{name}' is unknown{did_you_mean(name, METHODS)}: choose one of {', '.join(METHODS)}"
        )
    return METHODS[name]


def _grid(space: Space, seed: int, trials: int) -> Proposer:
    # in random order, so that what a time limit leaves is spread over the whole grid
    proposals = space.grid()
    return Listed([proposals[k] for k in numpy_generator(seed, "search grid").permutation(len(proposals))])


def _random(space: Space, seed: int, trials: int) -> Proposer:
    return Listed([space.at(numpy_generator(seed, "search random", k).random(len(space))) for k in range(trials)])


def _quasi_random(space: Space, seed: int, trials: int) -> Proposer:
    return Listed([space.at(point) for point in sobol_points(len(space), seed, trials)])


def sobol_points(dimensions: int, seed: int, count: int) -> np.ndarray:
    """Return the first points [count, dimensions] of a scrambled Sobol sequence (Owen 1998); more keep the first."""
    sampler = qmc.Sobol(dimensions, scramble=True, rng=numpy_generator(seed, "search sobol"))
    return np.asarray(sampler.random_base2(int(np.ceil(np.log2(max(count, 1)))))[:count])


def _modelled(sampler: str) -> Callable[[Space, int, int], Proposer]:
    def start(space: Space, seed: int, trials: int) -> Proposer:
        first = [space.at(point) for point in sobol_points(len(space), seed, Modelled.unmodelled)]
        return Modelled(space, seed, sampler, first)

    return start


METHODS: dict[str, Method] = {
    "grid": Method("every combination of evenly spaced values", _grid, trials=None),
    "random": Method("independent draws (Bergstra & Bengio 2012)", _random),
    "quasi-random": Method("a Sobol sequence, which leaves no gaps and no clusters (Bousquet et al. 2017)", _quasi_random),
    "tpe": Method("tree-structured Parzen estimator: draws where good trials are dense (Bergstra et al. 2011)",
                  _modelled("tpe"), batch=8),
    "gp": Method("Gaussian process: expected improvement of a smooth model (Jones et al. 1998)", _modelled("gp"), batch=8),
}  # fmt: skip
