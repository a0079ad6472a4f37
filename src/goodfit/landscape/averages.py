"""Runs that differ in their noise alone, averaged: what a method does, not what one draw of noise did."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from goodfit.landscape.descent import Trace


@dataclass(frozen=True)
class Average:
    """Runs of one method, start and eta over their seeds.

    Shape:
        values, half_width: [T + 1], the mean value and half of its 95 % t interval; 0 where there is one run.
    """

    label: str
    runs: int
    values: np.ndarray
    half_width: np.ndarray


def average_over_seeds(traces: Sequence[Trace]) -> list[Average]:
    """Return one average for each method, start and eta; a run that ended early stays where it ended."""
    groups = itertools.groupby(traces, key=lambda t: (t.method, t.start, t.eta))
    found = []
    for group, label in zip([list(members) for _, members in groups], labels(traces), strict=True):
        longest = max(len(trace.values) for trace in group)
        values = np.stack([np.pad(t.values, (0, longest - len(t.values)), mode="edge") for t in group])
        n = len(group)
        error = values.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(longest)
        half_width = stats.t.ppf(0.975, n - 1) * error if n > 1 else error
        found.append(Average(label, n, values.mean(0), half_width))
    return found


def labels(traces: Sequence[Trace]) -> list[str]:
    """Return a name for each method, start and eta in turn, saying no more than what differs between them."""
    keys = list(dict.fromkeys((t.method, t.start, t.eta) for t in traces))
    several = {"eta": len({(m, e) for m, _, e in keys}) > len({m for m, _, _ in keys}), "start": len({s for _, s, _ in keys}) > 1}
    names = []
    for method, start, eta in keys:
        parts = [method]
        if several["eta"] or len({m for m, _, _ in keys}) == 1:
            parts.append(f"eta {eta:g}")
        if several["start"]:
            parts.append(f"from ({', '.join(f'{v:.4g}' for v in start)})")
        names.append(", ".join(parts))
    return names
