"""Trainings that stop early because others do better: who decides, and under which name they are filed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from goodfit.population import Prune
from goodfit.runs import Training


@dataclass(frozen=True)
class Pruning:
    """Who is to stop, decided outside the population, which hands over its losses at the border of every epoch.

    Attributes:
        rule: what the decision depends on, in words; pruned trainings are filed under it, so that nobody else takes
            them for finished ones.
        decide: hears of members by their position in the list of configs.
    """

    rule: str
    decide: Prune

    def among(self, positions: Sequence[int]) -> Prune:
        """Return the decision for a population whose members are at these positions."""

        def prune(borders: Mapping[int, tuple[int, float]]) -> Collection[int]:
            named = self.decide({positions[member]: border for member, border in borders.items()})
            return [member for member in borders if positions[member] in named]

        return prune


def replay(pruning: Pruning, done: Mapping[int, Training]) -> None:
    """Let a decision hear of trainings that were done before, epoch by epoch, as if they trained now."""
    best = {position: _lowest_so_far(training) for position, training in done.items()}
    for epoch in range(max(map(len, best.values()), default=0)):
        pruning.decide({position: (epoch, losses[epoch]) for position, losses in best.items() if epoch < len(losses)})


def _lowest_so_far(training: Training) -> list[float]:
    """Return the lowest loss up to every epoch (the last one where nothing is held out), infinite where it diverged."""
    curve = training.curve
    held_out = curve["validation_loss"].notna().any()
    losses = curve["validation_loss" if held_out else "train_loss"].to_numpy(float)
    losses = np.where(np.isfinite(losses) & np.isfinite(curve["train_loss"].to_numpy(float)), losses, np.inf)
    lowest = np.where(np.isinf(losses), np.inf, np.minimum.accumulate(losses)) if held_out else losses
    return [float(value) for value in lowest]
