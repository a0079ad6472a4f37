"""Successive halving: at few epochs, the rungs, only the best share of the trials goes on.

Jamieson & Talwalkar (2016) compare all trials of a rung at once. Trials that train later, in the next batch or the next
population, are compared with all that came to the rung before (Li et al. 2018, "ASHA"), so nobody waits for anybody.
"""

import math
from collections.abc import Mapping

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.population import Prune

ETA = 3
"""One of so many trials goes on at a rung (Li et al. 2018 take 3 or 4)."""
MOST_RUNGS = 3


def rungs(epochs: int, eta: int = ETA) -> tuple[int, ...]:
    """Return the epochs at which trials are compared: the budget divided by eta, eta^2, eta^3, rounded."""
    if eta < 2:
        raise GoodfitError(f"eta is {eta}: one of at least 2 trials must go on at a rung")
    found = {round(epochs / eta**k) for k in range(1, MOST_RUNGS + 1)}
    return tuple(sorted(epoch for epoch in found if 1 <= epoch < epochs))


class Halving:
    """Remembers how trials did at every rung and says who is not among the best of their rung.

    A trial's loss at a rung is the mean, over its seeds, of the lowest loss that each has reached by then.
    """

    def __init__(self, epochs: int, eta: int = ETA) -> None:
        self.rungs, self.eta = rungs(epochs, eta), eta
        if not self.rungs:
            raise GoodfitError(
                f"halving compares trials within their training, which is of {epochs} epochs: give at least {eta}"
            )
        self._at: dict[int, dict[int, float]] = {rung: {} for rung in self.rungs}

    def of_batch(self, first: int, seeds: int) -> Prune:
        """Return the decision for a batch: members in the order of trials from number `first` on, seeds side by side."""
        # by rung, then member: seeds of one trial may train one after the other
        lowest: dict[int, dict[int, float]] = {rung: {} for rung in self.rungs}

        def prune(borders: Mapping[int, tuple[int, float]]) -> set[int]:
            for rung in self.rungs:
                lowest[rung].update({member: loss for member, (epoch, loss) in borders.items() if epoch <= rung})
            hopeless = set()
            for rung in self.rungs:
                arrived = {first + member // seeds for member, (epoch, _) in borders.items() if epoch == rung}
                for trial in arrived:
                    members = range((trial - first) * seeds, (trial - first + 1) * seeds)
                    known = [lowest[rung][member] for member in members if member in lowest[rung]]
                    self._at[rung][trial] = sum(known) / len(known)
                hopeless |= arrived - self._best(rung)
            return {member for member in borders if first + member // seeds in hopeless}

        return prune

    def _best(self, rung: int) -> set[int]:
        """Return the trials that may go on at a rung, by the losses known now; those of equal loss share their fate."""
        losses = self._at[rung]
        last = sorted(losses.values())[: max(1, len(losses) // self.eta)][-1:]
        return {trial for trial, loss in losses.items() if [loss] <= last and loss < math.inf}


def check_halving(config: Config, searched: list[str]) -> None:
    """Raise `GoodfitError` where trials cannot be compared after the same number of epochs."""
    for name in ("epochs", "max_steps"):
        if name in searched:
            raise GoodfitError(f"halving compares trials after the same number of epochs: do not search '{name}' too")
    if config.max_steps is not None:
        raise GoodfitError("halving compares trials by epochs: leave 'max_steps' out and set 'epochs'")
