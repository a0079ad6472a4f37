"""What a run of the recipe is asked for, and who hears of it."""

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from goodfit.config import Config, vary
from goodfit.ensemble import crossed
from goodfit.ensemble.crossed import possible_folds, worth_crossing
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.recipe.presets import PRESETS, Preset, base_config, candidate_axes, find_preset
from goodfit.task import Task
from goodfit.training import Progress


@dataclass(frozen=True)
class Listener:
    """Hears what a run is doing: `stage(name, what)` as each begins, `progress` after each epoch."""

    stage: Callable[[str, str], None] = lambda name, what: None
    progress: Callable[[Progress], None] = lambda progress: None


SILENT = Listener()


@dataclass(frozen=True)
class Recipe:
    """One run's settings. `settings` are the user's own config values, `metric_chosen` whether the metric was named."""

    preset: str = "default"
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    time_limit: float | None = None
    device: str = "auto"
    metric_chosen: bool = False

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise GoodfitError(
                f"preset '{self.preset}' is unknown{did_you_mean(self.preset, PRESETS)}: choose one of {', '.join(PRESETS)}"
            )
        if self.time_limit is not None and not 0 < self.time_limit < math.inf:  # NaN neither
            raise GoodfitError(f"the time limit is {self.time_limit:g} seconds: it must be positive and finite")

    def budget(self, task: Task) -> Preset:
        """Return the preset's numbers for a task."""
        return find_preset(self.preset, task, self.settings)

    def config(self, task: Task) -> Config:
        """Return the config that the stages vary.

        Raises:
            GoodfitError: a setting is wrong, or the task has no validation or test part.
        """
        if len(task.rows("validation")) == 0 or len(task.rows("test")) == 0:
            raise GoodfitError("validation and test part need rows: give shares above 0")
        return base_config(self.budget(task), task, self.seed, self.settings)

    def candidates(self, task: Task, config: Config, rate: float, highest: float) -> list[Config]:
        """Return the trainings of step 5 around a learning rate."""
        return refinement(self.budget(task), task, config, rate, highest, self.settings)


def refinement(
    budget: Preset, task: Task, config: Config, rate: float, highest: float, fixed: Collection[str]
) -> list[Config]:
    """Return the grid of step 5 (see `candidate_axes`), on every fold where rows are few.

    Args:
        fixed: settings that the user chose.
    """
    grid = vary(config, **candidate_axes(budget, task, rate, highest, fixed, config.seed))
    if not worth_crossing(task) or {"fold", "neighbours"} & set(fixed):
        return grid
    return crossed(grid, possible_folds(task))
