"""Repeated cross-validation inside one population: every setting trained on every fold, all at once."""

from collections.abc import Iterable

import numpy as np

from goodfit.config import Config
from goodfit.task import Task

FEW_ROWS = 1000
"""Development rows below which one validation part would be too small to choose and calibrate by."""
FOLDS, REPEATS = 5, 2


def worth_crossing(task: Task) -> bool:
    """Return whether a task has so few rows, which may change places, that the recipe cross-validates."""
    return len(task.rows("development")) < FEW_ROWS and not task.splits.fixed and possible_folds(task) >= 2


def possible_folds(task: Task) -> int:
    """Return `FOLDS`, or fewer where that would leave a fold with a single row, or without a group of its own."""
    rows, groups = task.rows("development"), task.splits.groups
    return min(FOLDS, len(rows) // 2 if groups is None else len(np.unique(groups[rows])))


def crossed(configs: Iterable[Config], folds: int = FOLDS, repeats: int = REPEATS) -> list[Config]:
    """Return every setting once for each fold of each repeat, each with a seed of its own.

    Configs that differ in their seed alone count once: the folds' trainings take the place of theirs.
    """
    settings: dict[str, Config] = {}
    for config in configs:
        settings.setdefault(config.point(), config)
    return [
        config.replace(fold=(repeat, fold, folds), seed=config.seed + repeat * folds + fold)
        for config in settings.values()
        for repeat in range(repeats)
        for fold in range(folds)
    ]
