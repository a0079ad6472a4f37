"""Runs that differ in their noise alone, averaged: what a method does, not what one draw of noise did."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from goodfit.landscape.descent import Trace


@dataclass(frozen=True)
class Average:
    """Runs of one method, schedule, start and eta over their seeds.

    Shape:
        values, half_width: [T + 1], the mean value and half of its 95 % t interval; 0 where there is one run.
    """

    label: str
    runs: int
    values: np.ndarray
    half_width: np.ndarray


def average_over_seeds(traces: Sequence[Trace]) -> list[Average]:
    """Return one average for each method, schedule, start and eta; a run that ended early stays where it ended."""
    named, found = labels(traces), []
    for key, members in itertools.groupby(traces, key=group_of):
        group = list(members)
        longest = max(len(trace.values) for trace in group)
        values = np.stack([np.pad(t.values, (0, longest - len(t.values)), mode="edge") for t in group])
        n = len(group)
        error = values.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(longest)
        half_width = stats.t.ppf(0.975, n - 1) * error if n > 1 else error
        found.append(Average(named[key], n, values.mean(0), half_width))
    return found


def labels(traces: Sequence[Trace]) -> dict[tuple[Any, ...], str]:
    """Return a name for each group of seeds by its `group_of`, saying no more than what differs between them."""
    keys = list(dict.fromkeys(map(group_of, traces)))
    methods, schedules, starts, _ = (list(dict.fromkeys(values)) for values in zip(*keys, strict=True))
    rated = len({(method, eta) for method, _, _, eta in keys}) > len(methods) or len(methods) == 1
    named = {}
    for key in keys:
        method, schedule, start, eta = key
        parts = [str(method)]
        if rated:
            parts.append(f"eta {eta:g}")
        if len(schedules) > 1:
            parts.append(str(schedule))
        if len(starts) > 1:
            parts.append(f"from ({', '.join(f'{v:.4g}' for v in start)})")
        named[key] = ", ".join(parts)
    return named


def group_of(trace: Trace) -> tuple[Any, ...]:
    """Return what the runs of a group have in common: all but the seed."""
    return trace.method, trace.schedule, trace.start, trace.eta
