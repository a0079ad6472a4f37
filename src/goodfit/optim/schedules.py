"""Learning-rate schedules: step -> factor of the rate; they hold nothing.

Adding one is adding one entry to `SCHEDULES`. Lengths are shares of the training, so a schedule keeps its form when
the budget changes; in brackets the class of `torch.optim.lr_scheduler` that gives the same rates.
"""

from collections.abc import Callable

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean

Schedule = Callable[[np.ndarray, int, Config], np.ndarray]
"""schedule(step, steps, config) -> factor, for an array of steps within 0 ... steps - 1."""


def constant(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """1."""
    return np.ones(len(step))


def step(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """`lr_drops` drops by `lr_factor`, equally far apart (StepLR)."""
    borders = _borders(steps, config.lr_drops + 1)
    return config.lr_factor ** (np.searchsorted(borders, step, side="right") - 1)


def multi_step(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """A drop by `lr_factor` at each of the `milestones` (MultiStepLR)."""
    borders = [round(share * steps) for share in sorted(config.milestones)]
    return config.lr_factor ** np.searchsorted(borders, step, side="right")


def exponential(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """As deep as `step`, but smoothly: by the same factor at each step (ExponentialLR)."""
    return config.lr_factor ** (config.lr_drops * step / max(steps, 1))


def polynomial(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """(1 - t/T)^`lr_power` (PolynomialLR)."""
    return (1 - step / max(steps, 1)) ** config.lr_power


def linear(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """From 1 to `lr_end` along a line (LinearLR)."""
    return _between(1 - step / max(steps, 1), config)


def cosine(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """From 1 to `lr_end` along half a cosine (Loshchilov & Hutter 2017; CosineAnnealingLR)."""
    return _between(_half_cosine(step / max(steps, 1)), config)


def flat_cosine(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """1 for half of the training, then from 1 to `lr_end` along half a cosine (`flat_cos` of Holzmueller et al. 2024)."""
    return _between(_half_cosine(np.maximum(2 * step / max(steps, 1) - 1, 0)), config)


def cosine_restarts(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """`lr_cycles` half cosines, one after the other (Loshchilov & Hutter 2017; CosineAnnealingWarmRestarts)."""
    borders = _borders(steps, config.lr_cycles)
    end = np.searchsorted(borders, step, side="right")
    return _between(_half_cosine((step - borders[end - 1]) / (borders[end] - borders[end - 1])), config)


def inverse_sqrt(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """(1 + t/w)^(-1/2) with w the warm-up's steps (Vaswani et al. 2017), or 10 where there is none."""
    return (1 + step / (config.warmup_steps or 10)) ** -0.5


def one_cycle(step: np.ndarray, steps: int, config: Config) -> np.ndarray:
    """Up from 1/25 to 1 in the first 30 %, then down to 4e-6, along half cosines (Smith & Topin 2018; OneCycleLR)."""
    low, lowest, last = 1 / 25, 1 / 25e4, max(steps - 1, 1)
    top = max(0.3 * steps - 1, 1e-9)
    up = 1 - (1 - low) * _half_cosine(step / top)
    down = lowest + (1 - lowest) * _half_cosine((step - top) / max(last - top, 1e-9))
    return np.where(step <= top, up, down)


def _half_cosine(share: np.ndarray) -> np.ndarray:
    """From 1 at 0 to 0 at 1."""
    return 0.5 * (1 + np.cos(np.pi * share))


def _between(factor: np.ndarray, config: Config) -> np.ndarray:
    return config.lr_end + (1 - config.lr_end) * factor


def _borders(steps: int, parts: int) -> np.ndarray:
    """Return where parts begin and the last one ends: [parts + 1] steps, as equally far apart as whole steps can be."""
    return np.round(np.arange(parts + 1) * (steps / parts)).astype(np.int64)


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "step": step,
    "multi-step": multi_step,
    "exponential": exponential,
    "polynomial": polynomial,
    "linear": linear,
    "cosine": cosine,
    "flat-cosine": flat_cosine,
    "cosine-restarts": cosine_restarts,
    "inverse-sqrt": inverse_sqrt,
    "one-cycle": one_cycle,
}


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
    return config.lr * np.concatenate([ramp, schedule(np.arange(steps - warmup), steps - warmup, config)])
