"""Variants compared over seeds: means with intervals, and differences paired over the seeds that two have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Standing:
    """How one variant stands.

    Attributes:
        values: by seed; diverged trainings are left out and counted in `diverged`.
        mean, interval: over the seeds, Student's t; the bounds are NaN for fewer than two.
        difference, difference_interval: to the best variant, paired over the seeds that both have. The intervals hold
            together: each is widened by the number of variants (Bonferroni).
        verdict: `best`, `worse`, or `undecided` where the interval of the difference contains zero, or where too few
            differences are all the same (from few rows), of which Student's t would be certain: there the sign test decides.
    """

    name: Any
    values: Mapping[int, float]
    diverged: int
    mean: float
    interval: tuple[float, float]
    difference: float
    difference_interval: tuple[float, float]
    verdict: str


def rank(
    values: Mapping[Any, Mapping[int, float | None]], *, smaller_is_better: bool, level: float = LEVEL
) -> list[Standing]:
    """Return the variants, best mean first; those of which nothing is known last.

    Args:
        values: for each variant its value by seed; None where the training diverged.
    """
    known = {name: {s: v for s, v in found.items() if v is not None} for name, found in values.items()}
    means = {name: t_interval(list(found.values()), level) for name, found in known.items()}
    sign = 1 if smaller_is_better else -1
    order = sorted(known, key=lambda name: (np.isnan(means[name][0]), sign * means[name][0]))
    together = 1 - (1 - level) / max(len(order) - 1, 1)
    standings = []
    for name in order:
        shared = sorted(known[name].keys() & known[order[0]].keys())
        differences = [known[name][seed] - known[order[0]][seed] for seed in shared]
        difference, low, high = t_interval(differences, together) if name != order[0] else (0.0, 0.0, 0.0)
        decided = not np.isnan(low) and not low <= 0 <= high and _is_no_coincidence(differences, together)
        verdict = "best" if name == order[0] else "worse" if decided else "undecided"
        mean, *interval = means[name]
        diverged = len(values[name]) - len(known[name])
        standings.append(
            Standing(name, known[name], diverged, mean, (interval[0], interval[1]), difference, (low, high), verdict)
        )
    return standings


def _is_no_coincidence(differences: Sequence[float], level: float) -> bool:
    """Say whether differences vary, or are as many as the sign test needs to tell that all lie on one side."""
    return len(set(differences)) > 1 or 2.0 ** (1 - len(differences)) <= 1 - level


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float, float]:
    """Return mean and Student's t interval; the bounds are NaN for fewer than two values."""
    known = np.asarray(values, dtype=np.float64)
    if len(known) == 0:
        return float("nan"), float("nan"), float("nan")
    mean = float(known.mean())
    if len(known) < 2:
        return mean, float("nan"), float("nan")
    reach = float(stats.t.ppf(0.5 + level / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return mean, mean - reach, mean + reach


def carry_on(curves: np.ndarray, lengths: Sequence[int]) -> None:
    """Let every curve of [seeds, T] keep its last value after its length, in place."""
    for curve, length in zip(curves, lengths, strict=True):
        curve[length:] = curve[length - 1]


def band(values: np.ndarray, level: float = LEVEL) -> dict[str, list[float | None]]:
    """Return mean and Student's t interval over the first axis of [seeds, T], from what is finite."""
    mean, low, high = [], [], []
    for column in values.T:
        m, a, b = t_interval(column[np.isfinite(column)].tolist(), level)
        mean.append(m)
        low.append(a)
        high.append(b)
    return {
        name: [None if np.isnan(v) else v for v in series]
        for name, series in (("mean", mean), ("low", low), ("high", high))
    }
