"""The learning-rate search: one population of short trainings over a grid of rates and a few seeds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from goodfit.config import Config, vary
from goodfit.errors import GoodfitError
from goodfit.runs import Runs
from goodfit.task import Task
from goodfit.training import Progress, RunFolder, train

USABLE_SHARE = 0.8
"""A rate is usable if all its seeds stayed finite and their mean loss fell by this share of the best fall."""

SHORTEST = 0.3
"""Share of the steps below which a search that the time limit ended says nothing."""


@dataclass(frozen=True)
class RateSearch:
    """What the search found.

    Attributes:
        rates: [R], ascending. losses: [R, seeds], validation loss at the end, NaN where the training diverged.
        initial: mean loss before training. chosen: the rate with the lowest mean loss.
        interval: lowest and highest usable rate around the chosen one. text: the reason in words.
    """

    rates: np.ndarray
    losses: np.ndarray
    initial: float
    steps: int
    chosen: float
    interval: tuple[float, float]
    text: str


def find_learning_rate(
    task: Task, config: Config, *, low: float = 1e-5, high: float = 1.0, points: int = 16, seeds: int = 2,
    steps: int = 120, folder: RunFolder | None = None, device: str = "auto", time_limit: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> RateSearch:  # fmt: skip
    """Train `points` rates between `low` and `high` for `steps` steps each, `seeds` times, and judge the losses.

    Where the time limit ends it before anything can be said, the config's own rate stays.
    """
    rates = np.geomspace(low, high, points)
    short = config.replace(epochs=steps, max_steps=steps, schedule="constant", warmup_steps=0, patience=None)
    first = config.seed
    configs = vary(short, lr=rates.tolist(), seed=range(first, first + seeds))
    runs = train(
        configs, task, folder=folder, stage="learning rate", device=device, time_limit=time_limit, keep_weights=False,
        on_progress=on_progress,
    )  # fmt: skip
    losses, initial = _final_losses(runs).reshape(points, seeds), _initial_loss(runs)
    reached = min((t.steps for t in runs if t.reason == "out of time"), default=steps)
    if reached < SHORTEST * steps:
        text = (
            f"The time limit left {reached} of {steps} steps to compare rates by, which tells nothing: "
            f"the rate stays {config.lr:.2g}."
        )
        return RateSearch(rates, losses, initial, reached, config.lr, (config.lr, config.lr), text)
    return judge_rates(rates, losses, initial, reached)


def judge_rates(rates: np.ndarray, losses: np.ndarray, initial: float, steps: int) -> RateSearch:
    """Choose a rate from the final losses [R, seeds] (NaN: diverged) and say why."""
    means = np.where(np.isfinite(losses).all(1), losses.mean(1), np.inf)
    if not np.isfinite(means).any():
        raise GoodfitError(
            f"every learning rate from {rates[0]:.2g} on diverged: the data or the loss hold values the network cannot bear"
        )
    best = int(means.argmin())
    fall = initial - means[best]
    usable = means <= initial - USABLE_SHARE * fall if fall > 0 else means <= means[best]
    # one rate between two usable ones that is not so fell to a spike, not to its rate
    usable[1:-1] |= usable[:-2] & usable[2:]
    lowest = highest = best
    while lowest > 0 and usable[lowest - 1]:
        lowest -= 1
    while highest < len(rates) - 1 and usable[highest + 1]:
        highest += 1
    chosen, interval = float(rates[best]), (float(rates[lowest]), float(rates[highest]))
    text = (
        f"In {steps} steps the loss falls from {initial:.3g} to {means[best]:.3g} at a rate of {chosen:.2g}; "
        f"from {interval[0]:.2g} to {interval[1]:.2g} it falls by at least {USABLE_SHARE:.0%} of that."
    )
    if fall <= 0:
        text = f"At no rate does the loss fall below its start ({initial:.3g}) in {steps} steps; {chosen:.2g} does the least harm."
    unstable = np.flatnonzero(~np.isfinite(losses).all(1) | (means > 1.5 * initial))
    unstable = unstable[unstable > highest]  # below are spikes: larger rates did well
    if len(unstable):
        text += f" From {rates[unstable[0]]:.2g} on it grows or diverges."
    return RateSearch(rates, losses, initial, steps, chosen, interval, text)


def _final_losses(runs: Runs) -> np.ndarray:
    # the last loss, not the best: a rate that falls and then explodes is no good
    held_out = len(runs.task.rows("validation")) > 0
    column = "validation_loss" if held_out else "train_loss"
    return np.array([t.curve[column].iloc[-1] if t.reason != "diverged" else np.nan for t in runs])


def _initial_loss(runs: Runs) -> float:
    column = "validation_loss" if len(runs.task.rows("validation")) else "train_loss"
    return float(np.mean([t.curve[column].iloc[0] for t in runs]))
