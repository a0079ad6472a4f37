"""Step 4: a coarse grid of learning rate x weight decay around what the rate search found, a few epochs each."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from goodfit.config import Config, vary
from goodfit.paired import Standing, rank
from goodfit.recipe.bare import skipped
from goodfit.studies.comparison import IN_MEMORY, Means
from goodfit.task import Task
from goodfit.training.forecast import steps_to_look
from goodfit.wording import figure

FACTOR = 3.0
"""Between neighbouring rates."""
DECAY_FACTOR = 10.0
"""Between neighbouring weight decays."""
SMALLEST_DECAY = 1e-3
"""In the middle of the grid where the config has none."""
SEEDS = 4
FEWEST_STEPS, MOST_EPOCHS = 40, 5
"""Of each training."""
WORTH = 0.01
"""A value is changed only for a loss that is lower by this share, however sure: the same seeds make tiny differences
certain, and a short training shows little of what a weight decay does."""


def coarse_search(
    task: Task, config: Config, rate: float, *, steps: int | None = None, means: Means = IN_MEMORY,
    fixed: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Train rates x weight decays x seeds shortly and return losses, the best point and the verdict as JSON values.

    The rate is changed only where another one is better beyond noise, and by `WORTH`: the loss of every rate, averaged over the
    decays, is compared pairwise over the seeds (`goodfit.paired`); likewise the decay.

    Args:
        rate: in the middle of the grid; the decay in the middle is the config's own.
        steps: optimiser steps of all trainings together, what it costs to look at the validation part before and after each
            of them counted as such; None takes `MOST_EPOCHS` epochs for each.
        fixed: settings that are not varied, because the user chose them.
    """
    rates = [rate] if "lr" in fixed else _around(rate, FACTOR)
    decay = config.weight_decay
    decays = [decay] if "weight_decay" in fixed else _around(decay or SMALLEST_DECAY, DECAY_FACTOR)
    per_epoch = math.ceil(len(task.rows("train")) / config.batch_size)
    seeds, each = SEEDS, MOST_EPOCHS * per_epoch
    if steps is not None:
        points = len(rates) * len(decays)
        looking = 2 * steps_to_look(len(task.rows("validation")), config.batch_size)
        seeds = int(np.clip(steps // (points * (FEWEST_STEPS + looking)), 2, SEEDS))
        each = int(np.clip(steps // (points * seeds) - looking, FEWEST_STEPS, each))
    epochs = min(math.ceil(each / per_epoch), config.epochs)
    short = config.replace(epochs=epochs, max_steps=each, patience=None)
    configs = vary(short, lr=rates, weight_decay=decays, seed=range(config.seed, config.seed + seeds))
    runs = means.train(configs, task, "coarse grid")
    if any(t.reason == "out of time" for t in runs):
        return skipped("The time limit left no time for a coarse grid, so rate and weight decay stay.")
    # the last loss, not the best: a rate that falls and then explodes is no good
    losses = [t.curve["validation_loss"].iloc[-1] if t.reason != "diverged" else np.nan for t in runs]
    found = np.array(losses, dtype=float).reshape(len(rates), len(decays), seeds)
    return judge_grid(np.array(rates), np.array(decays), found, config.seed) | {
        "steps": each, "epochs": each / per_epoch, "seeds": seeds,
    }  # fmt: skip


def _around(value: float, factor: float) -> list[float]:
    return [float(f"{v:.3g}") for v in (value / factor, value, value * factor)]


def judge_grid(rates: np.ndarray, decays: np.ndarray, losses: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Judge losses [rates, decays, seeds] (NaN: diverged), the middle of both axes being what was set before."""
    by_rate = _standings(rates, losses, 1, seed)
    finite = np.isfinite(losses).all((1, 2))  # a rate that diverges says nothing of the decays
    by_decay = _standings(decays, losses[finite] if finite.any() else losses, 0, seed)
    means = np.where(np.isfinite(losses).all(2), losses.mean(2), np.inf)
    best = np.unravel_index(int(means.argmin()), means.shape)
    changed: dict[str, float] = {}
    words = []
    for name, setting, values, standings in (
        ("rate", "lr", rates, by_rate), ("weight decay", "weight_decay", decays, by_decay),
    ):  # fmt: skip
        before, first = float(values[len(values) // 2]), standings[0]
        said = next((s for s in standings if s.name == before), first)
        if first.name == before:
            words.append(f"the {name} stays {before:g}, which did best")
        elif not said.values or (said.verdict == "worse" and said.difference > WORTH * said.mean):
            changed[setting] = float(first.name)
            words.append(f"the {name} {first.name:g} is better than {before:g} beyond noise")
        else:
            words.append(f"the {name} stays {before:g}: {first.name:g} is not better by {WORTH:.0%} and beyond noise")
    lowest = f"{figure(float(means[best]))} at rate {rates[best[0]]:g} and weight decay {decays[best[1]]:g}"
    if not np.isfinite(means).any():
        text, ok = "Every training of the grid diverged in some seed: the rate is too high.", False
    else:
        text, ok = f"The lowest mean validation loss is {lowest}; {words[0]}; {words[1]}.", True
    diverged = rates[~np.isfinite(losses).all((1, 2))]
    if ok and len(diverged):
        text += f" Some trainings diverged at {', '.join(f'{r:g}' for r in diverged)}."
    return {
        "ok": ok, "text": text, "changed": changed if ok else {"lr": float(rates[0])},
        "follows": "" if ok else f"The refinement goes on with the lowest rate, {rates[0]:g}.",
        "rates": rates.tolist(), "decays": decays.tolist(), "losses": losses.tolist(),
        "by_rate": [_as_json(s) for s in by_rate], "by_decay": [_as_json(s) for s in by_decay],
        "diverged_from": float(diverged.min()) if len(diverged) else None,
    }  # fmt: skip


def _standings(values: np.ndarray, losses: np.ndarray, other: int, seed: int) -> list[Standing]:
    """Return how the values of one axis stand, averaged over the other, paired over the seeds."""
    mean = losses.mean(axis=other)
    known = {
        # a value that diverged with one seed is not to be trusted with another
        float(value): {seed + k: float(v) if np.isfinite(row).all() else None for k, v in enumerate(row)}
        for value, row in zip(values, mean, strict=True)
    }
    return rank(known, smaller_is_better=True)


def _as_json(standing: Standing) -> dict[str, Any]:
    return {
        "value": standing.name, "mean": standing.mean, "difference": standing.difference,
        "interval": list(standing.difference_interval), "verdict": standing.verdict,
    }  # fmt: skip
