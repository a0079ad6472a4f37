"""The gap between training and validation, with and without: its record, its tables, its words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from goodfit.metrics import Metric
from goodfit.paired import LEVEL, t_interval
from goodfit.wording import figure

TRAIN_METRIC, VALIDATION_METRIC, TRAIN_LOSS, VALIDATION_LOSS = range(4)
"""Columns of what is measured of one training."""

Record = dict[str, Any]


def gap_record(metric: Metric, rows: int, found: Mapping[str, tuple[str, np.ndarray]]) -> Record:
    """Return gaps, validation values, and their changes against the first variant, as JSON values.

    A gap is how much better a network is on its training samples than on the validation part: of the metric, and of the
    loss. Changes are paired over the seeds; their intervals hold together over the variants (Bonferroni).

    Args:
        rows: number of training samples.
        found: for each variant its settings in words, and what was measured: [seeds, 4], NaN where a training diverged.
    """
    reference = next(iter(found.values()))[1]
    together = 1 - (1 - LEVEL) / max(len(found) - 1, 1)
    variants = []
    for name, (settings, values) in found.items():
        known = np.isfinite(values).all(1)
        sides = {}
        for side, columns, greater in (
            ("metric", (TRAIN_METRIC, VALIDATION_METRIC), metric.greater_is_better),
            ("loss", (TRAIN_LOSS, VALIDATION_LOSS), False),
        ):
            sides[side] = _side(values[:, columns], reference[:, columns], greater, together)
        variants.append(
            {"name": name, "settings": settings, "n": int(known.sum()), "diverged": int((~known).sum()), **sides}
        )
    return {
        "rows": rows, "metric": metric.name, "greater_is_better": metric.greater_is_better, "variants": variants,
    }  # fmt: skip


def _side(values: np.ndarray, reference: np.ndarray, greater: bool, together: float) -> Record:
    """Judge [seeds, (train, validation)] of one variant against those of the reference."""
    sign = 1 if greater else -1
    gaps, gaps_of_reference = (sign * (v[:, 0] - v[:, 1]) for v in (values, reference))
    change, better = gaps - gaps_of_reference, sign * (values[:, 1] - reference[:, 1])
    return {
        "train": _mean(values[:, 0]),
        "validation": _mean(values[:, 1]),
        "gap": _mean(gaps),
        "gaps": [float(g) if np.isfinite(g) else None for g in gaps],
        "validations": [float(v) if np.isfinite(v) else None for v in values[:, 1]],
        "change": _mean(change, together),
        "change_verdict": _verdict(change, together, "larger", "smaller"),
        "improvement": _mean(better, together),
        "improvement_verdict": _verdict(better, together, "better", "worse"),
    }


def _mean(values: np.ndarray, level: float = LEVEL) -> list[float | None]:
    """Return [mean, low, high] of what is finite."""
    return [v if np.isfinite(v) else None for v in t_interval(values[np.isfinite(values)].tolist(), level)]


def _verdict(values: np.ndarray, level: float, above: str, below: str) -> str:
    _, low, high = _mean(values, level)
    if low is None or high is None or low <= 0 <= high:
        return "undecided"
    return above if low > 0 else below


def gap_tables(record: Record) -> list[Record]:
    """Return the record as two tables for a page, of the metric and of the loss."""
    return [
        {
            "title": f"Gap of {record['metric'] if side == 'metric' else 'the loss'} with {record['rows']:,} training samples",
            "header": ["", "setting", "training", "validation", "gap", "the gap changes by", "validation improves by"],
            "rows": [_row(variant, variant[side], k > 0) for k, variant in enumerate(record["variants"])],
        }
        for side in ("metric", "loss")
    ]


def _row(variant: Record, side: Record, is_compared: bool) -> list[object]:
    cells = [variant["name"], variant["settings"], side["train"][0], side["validation"][0], _reach(side["gap"])]
    changes = [f"{_reach(side[key])}, {side[f'{key}_verdict']}" for key in ("change", "improvement")]
    return [*cells, *(changes if is_compared else ["", ""])]


def _reach(values: list[float | None]) -> str:
    """Return a mean and half the width of its interval, which is symmetric."""
    mean, low, high = values
    if mean is None or low is None or high is None:
        return figure(mean)
    half = (high - low) / 2
    return f"{0 if abs(mean) < 1e-9 * half else mean:.3g} ± {half:.2g}"  # no rounding error


def word_gaps(record: Record) -> list[str]:
    """Return the answer in sentences, judged by the metric."""
    reference, *others = record["variants"]
    if reference["n"] == 0:
        return [f"With {record['rows']:,} training samples every training without regulariser diverged."]
    side = reference["metric"]
    sentences = [
        f"With {record['rows']:,} training samples and no regulariser {record['metric']} is {figure(side['train'][0])} on the"
        f" training samples and {figure(side['validation'][0])} on held-out ones: a gap of {_words(side['gap'])}."
    ]
    for key, verdicts in (
        ("change", {"smaller": "It is smaller beyond doubt with", "larger": "It is larger beyond doubt with",
                    "undecided": "It cannot be told whether it changes with"}),
        ("improvement", {"better": f"Validation {record['metric']} itself is better beyond doubt with",
                         "worse": f"Validation {record['metric']} is worse beyond doubt with", "undecided": f"Whether validation {record['metric']} changes cannot be told with"}),
    ):  # fmt: skip
        for verdict, words in verdicts.items():
            named = [v for v in others if v["metric"][f"{key}_verdict"] == verdict]
            told = [v["name"] + ("" if verdict == "undecided" else f" (by {_size(v['metric'][key])})") for v in named]
            if told:
                sentences.append(f"{words} {', '.join(told)}.")
    of_loss = [v["name"] for v in others if v["loss"]["change_verdict"] == "smaller"]
    sentences.append(f"The gap of the loss is smaller beyond doubt with {', '.join(of_loss) or 'none of them'}.")
    broken = [f"{v['name']} {v['diverged']} of {v['diverged'] + v['n']}" for v in others if v["diverged"]]
    if broken:
        sentences.append(f"Trainings that diverged, and are in no mean: {', '.join(broken)}.")
    return sentences


def _words(values: list[float | None]) -> str:
    mean, low, high = values
    return figure(mean) if low is None else f"{figure(mean)} ({figure(low)} to {figure(high)})"


def _size(values: list[float | None]) -> str:
    return figure(None if values[0] is None else abs(values[0]))
