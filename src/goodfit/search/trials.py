"""What a search found: its trials, each the mean of a few trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.runs import Training

FINISHED, PRUNED, DIVERGED, LATE = "finished", "pruned", "diverged", "out of time"


@dataclass(frozen=True)
class Trial:
    """One point of the space, trained with a few seeds.

    Attributes:
        values: the settings that were searched there. config: the whole training, with the first seed.
        state: `finished`; `pruned` by halving; `diverged` if any of its seeds did; `out of time`.
        value: mean over the seeds of metric or loss on the validation part with the best weights so far; NaN where a
            seed diverged. by_seed: the same for each seed.
        epochs: over all seeds. curve: mean validation loss over the seeds, by epoch.
    """

    number: int
    values: Mapping[str, Any]
    config: Config
    state: str
    value: float
    by_seed: tuple[float, ...]
    epochs: int
    seconds: float
    curve: tuple[float, ...]


def make_trial(number: int, values: Mapping[str, Any], trainings: Sequence[Training], by: str) -> Trial:
    """Return the trial that trainings with different seeds make."""
    reasons = {training.reason for training in trainings}
    state = next((state for state in (DIVERGED, LATE, PRUNED) if state in reasons), FINISHED)
    by_seed = tuple(float(t.validation_loss if by == "loss" else t.validation_metric) for t in trainings)
    if state != DIVERGED and not np.isfinite(by_seed).all():
        state = DIVERGED
    return Trial(
        number, values, trainings[0].config, state,
        float(np.mean(by_seed)) if state != DIVERGED else float("nan"), by_seed,
        sum(t.epochs for t in trainings), sum(t.seconds for t in trainings), _mean_curve(trainings),
    )  # fmt: skip


def _mean_curve(trainings: Sequence[Training]) -> tuple[float, ...]:
    curves = [t.curve["validation_loss"].to_numpy(float) for t in trainings]
    shortest = min(map(len, curves))
    return tuple(map(float, np.mean([curve[:shortest] for curve in curves], axis=0)))


def losses_to_tell(trials: Sequence[Trial], sign: float) -> list[float]:
    """Return a finite loss for each trial: a diverged one did as badly as the worst that is known.

    Args:
        trials: all so far. sign: 1 where smaller values are better, else -1.
    """
    known = [sign * trial.value for trial in trials if np.isfinite(trial.value)]
    worst = max(known, default=0.0)
    return [sign * trial.value if np.isfinite(trial.value) else worst for trial in trials]


def best_so_far(trials: Sequence[Trial], smaller_is_better: bool) -> list[float | None]:
    """Return, for each trial, the best value of a finished one up to it; None before there is any."""
    found: list[float | None] = []
    best: float | None = None
    for trial in trials:
        if trial.state == FINISHED:
            pick = min if smaller_is_better else max
            best = trial.value if best is None else pick(best, trial.value)
        found.append(best)
    return found
