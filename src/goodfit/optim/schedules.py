"""Learning-rate schedules: step -> factor of the rate; they hold nothing.

Adding one is adding one entry to `SCHEDULES`.
"""

from collections.abc import Callable

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean

Schedule = Callable[[np.ndarray, int], np.ndarray]
"""schedule(step, steps) -> factor, for an array of steps within 0 ... steps - 1."""


def constant(step: np.ndarray, steps: int) -> np.ndarray:
    """1."""
    return np.ones(len(step))


def cosine(step: np.ndarray, steps: int) -> np.ndarray:
    """From 1 to 0 along half a cosine (Loshchilov & Hutter 2017); equals PyTorch's CosineAnnealingLR."""
    return 0.5 * (1 + np.cos(np.pi * step / steps))


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
    ramp = (np.arange(warmup) + 1) / (warmup + 1)
    return config.lr * np.concatenate([ramp, schedule(np.arange(steps - warmup), steps - warmup)])
