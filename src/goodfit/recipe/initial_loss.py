"""Step 1: before training, the loss must be what a uniform guess gives: log C, or the variance of the target."""

import math
from typing import Any

from goodfit.config import Config, vary
from goodfit.paired import t_interval
from goodfit.runs import Runs
from goodfit.task import Task

TOLERANCE = 0.25
"""Share of the expected value by which the mean over seeds may differ."""
EXPECTED_LOSSES = ("auto", "squared-error", "cross-entropy")
"""Losses whose initial value has a closed form."""


def initial_loss_configs(config: Config, seeds: int) -> list[Config]:
    """Return untrained networks, regularisation off, one for each seed."""
    bare = config.replace(epochs=0, dropout=0.0, weight_decay=0.0)
    return vary(bare, seed=range(config.seed, config.seed + seeds))


def judge_initial_loss(task: Task, runs: Runs) -> dict[str, Any]:
    """Compare the untrained networks' loss with its expected value and say what a difference means."""
    observed = [float(t.curve["train_loss"].iloc[0]) for t in runs]
    mean, low, high = t_interval(observed)
    if runs[0].config.loss not in EXPECTED_LOSSES:
        text = f"The loss '{runs[0].config.loss}' has no expected value at the start; the networks begin at {mean:.3g}."
        return {
            "expected": None,
            "observed": mean,
            "interval": [low, high],
            "per_seed": observed,
            "ok": True,
            "text": text,
        }
    classes = len(task.code.classes)
    expected = math.log(classes) if classes else 1.0
    source = (
        f"log {classes}, a uniform guess over the classes" if classes else "1, the variance of the standardised target"
    )
    ok = abs(mean - expected) <= TOLERANCE * expected
    text = f"Before training the loss is {mean:.3f} over {len(observed)} seeds; expected is {expected:.3f} ({source})."
    if ok:
        text += " Model, loss and target coding fit together."
    elif mean > expected:
        text += " It is too high: the untrained outputs are too large, so the inputs or the initial weights are badly scaled."
    else:
        text += " It is too low: an untrained network cannot know that much, so look for a leak of the target."
    return {
        "expected": expected,
        "observed": mean,
        "interval": [low, high],
        "per_seed": observed,
        "ok": ok,
        "text": text,
    }
