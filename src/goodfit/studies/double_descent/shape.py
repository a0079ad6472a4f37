"""What a curve of losses does: where it first stops falling, where it peaks, how deep it falls again, how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goodfit.paired import t_interval

INTERPOLATING = 0.01
"""Share of a constant output's loss below which the training loss counts as zero."""
FLAT = 1.1
"""A rise by less than this factor is no peak."""

Interval = tuple[float, float, float]
"""Mean and its interval."""


@dataclass(frozen=True)
class Shape:
    """A curve with a peak inside, by places on its axis.

    Attributes:
        first: of the lowest loss before the peak. last: of the lowest loss after it.
        rise: loss at the peak over that at `first`; fall: loss at the peak over that at `last`; deeper: loss at `last`
            over that at `first`. Geometric means over the seeds with 95 % intervals, paired by seed.
    """

    first: int
    peak: int
    last: int
    rise: Interval
    fall: Interval
    deeper: Interval

    @property
    def certain(self) -> bool:
        """Whether both sides of the peak hold beyond the scatter of the seeds."""
        return self.rise[1] > 1 and self.fall[1] > 1


def log_mean(losses: np.ndarray) -> np.ndarray:
    """Return the mean logarithm over the seeds of what is finite; NaN where all trainings diverged."""
    logs = np.where(np.isfinite(losses), np.log(losses), np.nan)
    there = np.isfinite(logs).sum(0)
    return np.where(there > 0, np.nansum(logs, 0) / np.maximum(there, 1), np.nan)


def interpolates(train_losses: np.ndarray, constant: float) -> np.ndarray:
    """Return at which points of [seeds, points] the mean training loss counts as zero."""
    with np.errstate(invalid="ignore"):
        return np.asarray(train_losses.mean(0) < INTERPOLATING * constant)


def threshold(xs: Sequence[float], interpolating: np.ndarray, larger: bool = True) -> float | None:
    """Return where interpolation begins: the smallest size from which on all interpolate (or the largest up to which).

    Args:
        larger: whether larger values interpolate (sizes, epochs) or smaller ones (samples).
    """
    order = list(interpolating) if larger else list(interpolating)[::-1]
    places = list(xs) if larger else list(xs)[::-1]
    count = 0
    for found in reversed(order):
        if not found:
            break
        count += 1
    return None if count == 0 else float(places[len(order) - count])


def find_peak(losses: np.ndarray) -> Shape | None:
    """Return the highest peak inside a curve of positive losses [seeds, points], None where it has none.

    Means are geometric: near the threshold single losses differ by orders of magnitude.
    """
    mean = log_mean(losses)
    heights = [
        min(mean[k] - np.nanmin(mean[:k]), mean[k] - np.nanmin(mean[k + 1 :])) if 0 < k < len(mean) - 1 else -np.inf
        for k in range(len(mean))
    ]
    peak = int(np.argmax(np.nan_to_num(heights, nan=-np.inf)))
    if not heights[peak] >= np.log(FLAT):
        return None
    first, last = int(np.nanargmin(mean[:peak])), peak + 1 + int(np.nanargmin(mean[peak + 1 :]))
    return Shape(
        first, peak, last, ratio(losses[:, peak], losses[:, first]), ratio(losses[:, peak], losses[:, last]),
        ratio(losses[:, last], losses[:, first]),
    )  # fmt: skip


def greatest_rise(losses: np.ndarray) -> float:
    """Return by which factor the geometric mean of [seeds, points] rises at most along the curve (1: nowhere)."""
    mean = log_mean(losses)
    return float(np.exp(np.nanmax(mean - np.fmin.accumulate(mean))))


def ratio(above: np.ndarray, below: np.ndarray) -> Interval:
    """Return the geometric mean of above / below over the seeds, with its interval (paired)."""
    logs = np.log(above / below)
    mean, low, high = np.exp(t_interval(logs[np.isfinite(logs)].tolist()))
    return float(mean), float(low), float(high)
