"""Presets: how much work a run does. One page of numbers, each with its reason."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from goodfit.config import Config
from goodfit.nn.backbones import FineTuning
from goodfit.task import Task

Treatment = Literal["standard", "robust", "quantile", "piecewise", "periodic"]


@dataclass(frozen=True)
class Preset:
    """Budgets of the stages.

    Attributes:
        steps: optimiser steps of a full training, turned into epochs by the number of rows.
        treatments: how numbers of a table are prepared; each is tried.
        rate_factors, decays, dropouts: the grid around the rate that the search found.
        seeds: trainings of every point of the grid. members: largest ensemble.
        model: of the networks. augments: changes of images, each set of which is tried. heads: hidden layers of heads, each
            of which is tried. fewest_epochs: of a full training.
        check_seeds: networks of the initial-loss check. rates, rate_seeds, rate_steps: the rate search.
    """

    steps: int
    treatments: tuple[Treatment, ...]
    rate_factors: tuple[float, ...]
    decays: tuple[float, ...]
    dropouts: tuple[float, ...]
    seeds: int
    members: int
    width: int | None = 256
    model: str = "mlp"
    augments: tuple[tuple[str, ...], ...] = ((),)
    heads: tuple[tuple[int, ...], ...] = ()
    fewest_epochs: int = 6
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


_SHIFTED, _FLIPPED = ("crop",), ("flip", "crop")
"""Changes that hardly any image minds, and a flip, which some do: the validation part decides."""
SHIFT = 1 / 28
"""By which share of its shorter side an image is shifted, each way, and by one pixel at least. Twice as much takes longer to gain:
on Fashion-MNIST, 15 epochs, a validation accuracy of 0.931 and a loss of 0.190, instead of 0.937 and 0.174."""
IMAGE_PRESETS: dict[str, Preset] = {
    # minutes, for 48,000 images of 28 x 28
    "quick": Preset(
        steps=2200, treatments=("standard",), rate_factors=(1.0,), decays=(0.05,), dropouts=(0.2,), seeds=2, members=2,
        width=None, model="cnn", augments=(_SHIFTED,), fewest_epochs=3, check_seeds=2, rates=6, rate_seeds=1, rate_steps=40,
    ),
    # ten minutes: few networks, trained long, do better than more of them trained for less
    "default": Preset(
        steps=18800, treatments=("standard",), rate_factors=(3.0,), decays=(0.05,), dropouts=(0.1,), seeds=2, members=8,
        width=None, model="cnn", augments=(_SHIFTED,), check_seeds=4, rates=8, rate_seeds=1, rate_steps=60,
    ),
    # an hour
    "best": Preset(
        steps=32000, treatments=("standard",), rate_factors=(3.0, 1.0), decays=(0.05,), dropouts=(0.3,), seeds=3, members=16,
        width=None, model="cnn", augments=(_SHIFTED, _FLIPPED), check_seeds=4, rates=12, rate_seeds=2, rate_steps=100,
    ),
}  # fmt: skip
"""For images that are large enough for a convolutional network."""
HEAD_PRESETS: dict[str, Preset] = {
    # seconds beside the backbone's: linear heads, and some with a hidden layer
    "quick": Preset(
        steps=400, treatments=("standard",), rate_factors=(1.0,), decays=(0.1,), dropouts=(0.2,), seeds=2, members=3,
        width=None, heads=((), (128,)), rates=10, rate_steps=60,
    ),
    "default": Preset(
        steps=1500, treatments=("standard",), rate_factors=(3.0, 1.0), decays=(0.01, 0.3), dropouts=(0.3,), seeds=3,
        members=8, width=None, heads=((), (128,)),
    ),
    "best": Preset(
        steps=4000, treatments=("standard",), rate_factors=(3.0, 1.0, 0.3), decays=(0.003, 0.03, 0.3), dropouts=(0.3,),
        seeds=4, members=16, width=None, heads=((), (128,), (256, 128)), rates=24, rate_seeds=4,
    ),
}  # fmt: skip
"""For heads on the features of a frozen backbone."""
FINE_TUNING_PRESETS: dict[str, Preset] = {
    "quick": Preset(
        steps=200, treatments=("standard",), rate_factors=(1.0,), decays=(0.01,), dropouts=(0.2,), seeds=2, members=2,
        width=None, model="own", augments=(_SHIFTED,), fewest_epochs=2, check_seeds=2, rates=4, rate_seeds=1, rate_steps=20,
    ),
    "default": Preset(
        steps=1000, treatments=("standard",), rate_factors=(1.0,), decays=(0.01,), dropouts=(0.2,), seeds=3, members=3,
        width=None, model="own", augments=(_SHIFTED,), fewest_epochs=3, check_seeds=2, rates=6, rate_seeds=1, rate_steps=40,
    ),
    "best": Preset(
        steps=4000, treatments=("standard",), rate_factors=(2.0, 0.7), decays=(0.01,), dropouts=(0.2,), seeds=3, members=6,
        width=None, model="own", augments=(_SHIFTED, _FLIPPED), fewest_epochs=3, check_seeds=2, rates=8, rate_seeds=1,
        rate_steps=80,
    ),
}  # fmt: skip
"""For backbones whose last blocks train too: a step may take seconds, so few networks, few rates, few steps."""
SMALLEST_SIDE = 16
"""Pixels of an image's shorter side from which it is."""
LARGEST_BATCH = {"mlp": 256, "cnn": 64, "own": 32}
"""Rows of a batch at most, by the model: convolutions cost as much in small batches, which learn more in an epoch (Fashion-MNIST,
11 epochs: 0.932 of the validation part with 64, 0.928 with 128); a backbone's activations take memory."""


def find_preset(name: str, task: Task, settings: dict[str, Any]) -> Preset:
    """Return the budgets of that name for a task.

    A model of the user's choice keeps those of perceptrons, and so do principal components of images, which neither a
    convolution nor a shift takes.
    """
    if task.extractor is not None:
        return HEAD_PRESETS[name]
    if isinstance(settings.get("model"), FineTuning):
        return _shifting(FINE_TUNING_PRESETS[name], task)
    components = str(settings.get("decorrelate", "none")).startswith("pca")
    images = not task.is_table and not components and min(task.inputs.shape[2:]) >= SMALLEST_SIDE
    return _shifting((IMAGE_PRESETS if images and settings.get("model", "cnn") == "cnn" else PRESETS)[name], task)


def _shifting(preset: Preset, task: Task) -> Preset:
    """Return a preset whose crops say by how many pixels images of that size are shifted."""
    if task.is_table:
        return preset
    crop = f"crop({max(1, round(SHIFT * min(task.inputs.shape[2:])))})"
    return replace(
        preset, augments=tuple(tuple(crop if n == "crop" else n for n in names) for names in preset.augments)
    )


def base_config(preset: Preset, task: Task, seed: int, settings: dict[str, Any]) -> Config:
    """Return the config that the stages vary; `settings` are the user's own and win over everything."""
    rows = len(task.rows("train"))
    # about 50 batches an epoch, within what is efficient (small) and generalises (large)
    batch = int(np.clip(2 ** round(np.log2(max(rows / 50, 1))), 16, LARGEST_BATCH[preset.model]))
    epochs = int(np.clip(round(preset.steps / np.ceil(rows / batch)), preset.fewest_epochs, 150))
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
    if preset.heads and "depth" not in settings:
        chosen["width"] = preset.heads[0]
    elif preset.model != "mlp":
        chosen |= {"model": preset.model, "augment": preset.augments[0]}
    elif settings.get("model", "mlp") == "mlp":
        chosen["width"] = preset.width  # other models have widths of their own
    if "width" in settings and isinstance(settings["width"], tuple | list):
        settings = {name: value for name, value in settings.items() if name != "depth"}
    return Config(**(chosen | settings))


def candidate_axes(
    preset: Preset, task: Task, rate: float, highest: float, fixed: Collection[str], seed: int
) -> dict[str, Any]:
    """Return the axes of the candidates' grid; what is `fixed`, the user's own settings, is not varied.

    Args:
        rate: learning rate that fell deepest in the short search. highest: end of its usable interval, which
            no candidate exceeds. Full trainings, whose rate decays, often gain from a larger one.
    """
    rates = sorted({float(f"{min(rate * factor, max(highest, rate)):.3g}") for factor in preset.rate_factors})
    axes: dict[str, Any] = {
        "numeric": preset.treatments if task.is_table else preset.treatments[:1],
        # neighbours help much or harm: the validation part decides, where there is a map to look in
        "neighbours": ("none", "auto") if task.is_table and task.near_columns("auto") else ("none",),
        "lr": rates,
        "weight_decay": preset.decays,
        "dropout": preset.dropouts,
        "augment": preset.augments,
        "width": () if "depth" in fixed else preset.heads,
        "seed": range(seed, seed + preset.seeds),
    }
    return {name: values for name, values in axes.items() if values and (name not in fixed or name == "seed")}
