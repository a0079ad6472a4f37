"""What the study of transfer says: where transfer is better beyond doubt, where that is undecided, where it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from goodfit.paired import t_interval
from goodfit.studies.transfer.gains import Gain, Verdict, advantage_ends
from goodfit.studies.transfer.ways import SCRATCH
from goodfit.wording import figure

TOLD = 200
"""The answer begins with the size that comes nearest to so many labelled images in all (Géron 2019, chapter 11)."""

Errors = Mapping[str, Sequence[np.ndarray]]
Gains = Mapping[str, Sequence[Gain]]


def answer(sizes: Sequence[int], errors: Errors, gains: Gains, classes: int) -> list[str]:
    """Return the answer in sentences: accuracies at a telling size, then every way's gains with their verdicts.

    Args:
        errors, gains: by way, one entry for each size. classes: how many are held back.
    """
    told = min(range(len(sizes)), key=lambda k: abs(sizes[k] * classes - TOLD))
    seeds = len(errors[SCRATCH][told])
    accuracies = ", ".join(f"{name} {_accuracy(found[told])}" for name, found in errors.items())
    sentences = [
        f"With {sizes[told]} labelled images of each class ({sizes[told] * classes} in all) accuracy, with its 95 % interval "
        f"over {seeds} seeds, is {accuracies}."
    ]
    return sentences + [f"{_verdicts(name, sizes, found)} {_end(sizes, found)}" for name, found in gains.items()]


def _accuracy(errors: np.ndarray) -> str:
    mean, low, high = t_interval((100 * (1 - errors)).tolist())
    return f"{mean:.2f} % ({low:.2f} to {high:.2f})"


_WORDS: dict[Verdict, str] = {
    "better": "better than from scratch beyond doubt at {sizes}",
    "undecided": "undecided at {sizes}, where the interval contains zero",
    "worse": "worse than from scratch beyond doubt at {sizes}",
}


def _verdicts(name: str, sizes: Sequence[int], gains: Sequence[Gain]) -> str:
    """Say at which sizes a way is better, undecided or worse, with the first and the last gain of each kind."""
    clauses: list[str] = []
    for verdict, words in _WORDS.items():
        its = [k for k, gain in enumerate(gains) if gain.verdict == verdict]
        if its:
            where = _listed([sizes[k] for k in its]) + (" images of each class" if not clauses else "")
            told = [gains[its[0]].in_points()]
            if len(its) > 1:
                told = [f"{gains[k].in_points()} at {sizes[k]}" for k in (its[0], its[-1])]
            clauses.append(f"{words.format(sizes=where)}: {' and '.join(told)}.")
    return " ".join(clause[0].upper() + clause[1:] for clause in [f"{name}, {clauses[0]}", *clauses[1:]])


def _end(sizes: Sequence[int], gains: Sequence[Gain]) -> str:
    end = advantage_ends(sizes, gains)
    if end is None:
        return "The advantage does not end within these numbers."
    if end == sizes[0]:
        return "No gain is beyond doubt."
    return f"The advantage ends at {end}: from there on no gain is beyond doubt."


def _listed(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]}"


def comparison_table(
    sizes: Sequence[int], errors: Errors, gains: Gains, rates: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Return accuracies, gains with their verdicts, and the rates that were taken, as a table of the page."""
    rows = [
        [
            size, len(errors[SCRATCH][k]), *(f"{100 * (1 - found[k].mean()):.2f}" for found in errors.values()),
            *(f"{found[k].in_points('')}, {found[k].verdict}" for found in gains.values()),
            ", ".join(figure(found[k]) for found in rates.values()),
        ]
        for k, size in enumerate(sizes)
    ]  # fmt: skip
    header = [
        "images of each class", "seeds", *(f"{name}, %" for name in errors), *(f"gain, {name}" for name in gains), "rates",
    ]  # fmt: skip
    return {"title": "Accuracy, and what transfer gains (points)", "header": header, "rows": rows}
