"""Presets: how much work a run does. One page of numbers, each with its reason."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from goodfit.config import Config
from goodfit.task import Task

Treatment = Literal["standard", "robust", "quantile", "piecewise"]


@dataclass(frozen=True)
class Preset:
    """Budgets of the stages.

    Attributes:
        steps: optimiser steps of a full training, turned into epochs by the number of rows.
        treatments: how numbers of a table are prepared; each is tried.
        rate_factors, decays, dropouts: the grid around the rate that the search found.
        seeds: trainings of every point of the grid. members: largest ensemble.
        check_seeds: networks of the initial-loss check. rates, rate_seeds, rate_steps: the rate search.
    """

    steps: int
    treatments: tuple[Treatment, ...]
    rate_factors: tuple[float, ...]
    decays: tuple[float, ...]
    dropouts: tuple[float, ...]
    seeds: int
    members: int
    width: int = 256
    check_seeds: int = 8
    rates: int = 16
    rate_seeds: int = 2
    rate_steps: int = 120


PRESETS: dict[str, Preset] = {
    # a first answer within a minute on two cores
    "quick": Preset(
        steps=800, treatments=("piecewise",), rate_factors=(1.0,), decays=(0.03,), dropouts=(0.1,), seeds=3, members=3,
        width=128, rates=10, rate_seeds=2, rate_steps=60,
    ),
    # minutes
    "default": Preset(
        steps=2500, treatments=("piecewise", "quantile"), rate_factors=(3.0, 1.0), decays=(0.03,), dropouts=(0.05, 0.2),
        seeds=3, members=12,
    ),
    # as good as this version can, up to an hour
    "best": Preset(
        steps=6000, treatments=("piecewise", "quantile", "robust"), rate_factors=(5.0, 2.0, 1.0, 0.4),
        decays=(0.003, 0.1), dropouts=(0.0, 0.15, 0.3), seeds=4, members=32, width=384, rates=24, rate_seeds=4,
    ),
}  # fmt: skip


def base_config(preset: Preset, task: Task, seed: int, settings: dict[str, Any]) -> Config:
    """Return the config that the stages vary; `settings` are the user's own and win over everything."""
    rows = len(task.rows("train"))
    # about 50 batches an epoch, within what is efficient (small) and generalises (large)
    batch = int(np.clip(2 ** round(np.log2(max(rows / 50, 1))), 16, 256))
    epochs = int(np.clip(round(preset.steps / np.ceil(rows / batch)), 6, 150))
    chosen: dict[str, Any] = {
        "numeric": preset.treatments[0],
        # more bins resolve more, but each needs rows to learn from
        "bins": int(np.clip(rows // 150, 16, 96)),
        "batch_size": batch,
        "epochs": epochs,
        "dropout": preset.dropouts[0],
        "weight_decay": preset.decays[0],
        "schedule": "cosine",
        "patience": max(8, epochs // 4),
        "seed": seed,
    }
    if settings.get("model", "mlp") == "mlp":
        chosen["width"] = preset.width  # other models have widths of their own
    if "width" in settings and isinstance(settings["width"], tuple | list):
        settings = {name: value for name, value in settings.items() if name != "depth"}
    return Config(**(chosen | settings))


def candidate_axes(
    preset: Preset, task: Task, rate: float, highest: float, settings: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Return the axes of the candidates' grid; what the user has set is not varied.

    Args:
        rate: learning rate that fell deepest in the short search. highest: end of its usable interval, which
            no candidate exceeds. Full trainings, whose rate decays, often gain from a larger one.
    """
    rates = sorted({float(f"{min(rate * factor, max(highest, rate)):.3g}") for factor in preset.rate_factors})
    axes: dict[str, Any] = {
        "numeric": preset.treatments if task.is_table else preset.treatments[:1],
        "lr": rates,
        "weight_decay": preset.decays,
        "dropout": preset.dropouts,
        "seed": range(seed, seed + preset.seeds),
    }
    return {name: values for name, values in axes.items() if name not in settings or name == "seed"}
