"""Learning-rate schedules: step -> factor of the rate; they hold nothing.

Adding one is adding one entry to `SCHEDULES`.
"""

import math
from collections.abc import Callable

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean

Schedule = Callable[[int, int], float]
"""schedule(step, steps) -> factor, for steps 0 ... steps - 1."""


def constant(step: int, steps: int) -> float:
    """1."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """From 1 to 0 along half a cosine (Loshchilov & Hutter 2017); equals PyTorch's CosineAnnealingLR."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))


SCHEDULES: dict[str, Schedule] = {"constant": constant, "cosine": cosine}


def rate_table(config: Config, steps: int) -> np.ndarray:
    """Return the learning rate of every step: float64 [steps].

    A linear warm-up of `config.warmup_steps` comes first (step i has (i+1)/(warmup+1) of the rate);
    the schedule runs over the steps that remain.
    """
    if config.schedule not in SCHEDULES:
        raise GoodfitError(
            f"setting 'schedule' is '{config.schedule}'{did_you_mean(config.schedule, SCHEDULES)}: "
            f"choose one of {', '.join(SCHEDULES)}"
        )
    schedule = SCHEDULES[config.schedule]
    warmup = min(config.warmup_steps, steps)
    ramp = [(step + 1) / (warmup + 1) for step in range(warmup)]
    return config.lr * np.array(ramp + [schedule(step, steps - warmup) for step in range(steps - warmup)])
