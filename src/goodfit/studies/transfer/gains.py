"""What transfer gains over training from scratch, and where that is beyond doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from goodfit.paired import LEVEL, t_interval

Verdict = Literal["better", "undecided", "worse"]


@dataclass(frozen=True)
class Gain:
    """Accuracy gained at one number of images: mean and interval over the seeds, shares of 1."""

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Undecided where the interval contains zero, or there is none."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "undecided"

    def in_points(self, unit: str = " points") -> str:
        """Return `+2.09 points (-0.55 to +4.73)`."""
        mean, low, high = (100 * value for value in (self.mean, self.low, self.high))
        return f"{mean:+.2f}{unit} ({low:+.2f} to {high:+.2f})"


def measure_gains(scratch: Sequence[np.ndarray], other: Sequence[np.ndarray], comparisons: int) -> list[Gain]:
    """Return the gain at every size from errors paired by seed; so many intervals hold together (Bonferroni)."""
    level = 1 - (1 - LEVEL) / comparisons
    return [Gain(*t_interval((a - b).tolist(), level)) for a, b in zip(scratch, other, strict=True)]


def advantage_ends(sizes: Sequence[int], gains: Sequence[Gain]) -> int | None:
    """Return the smallest size from which on no gain is beyond doubt; None if the largest size still has one."""
    sure = [k for k, gain in enumerate(gains) if gain.verdict == "better"]
    if not sure:
        return sizes[0]
    return None if sure[-1] == len(sizes) - 1 else sizes[sure[-1] + 1]
