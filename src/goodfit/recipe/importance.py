"""Permutation importance: how much worse the model gets when one column is shuffled (Breiman 2001)."""

import time
from typing import Any

import numpy as np
import pandas as pd

from goodfit.model import Model
from goodfit.paired import t_interval
from goodfit.randomness import numpy_generator
from goodfit.task import Task

REPEATS = 4
FEWEST_ROWS, MOST_ROWS = 50, 2000
MOST_PREDICTIONS = 400_000
"""Rows x columns x repeats at most, so that wide tables stay quick."""


def column_importance(task: Task, model: Model, seed: int, seconds: float | None = None) -> list[dict[str, Any]]:
    """Return the columns, most important first, with the mean increase of the metric's loss and its t interval.

    The validation part is shuffled, column by column, `REPEATS` times; images have no columns and give [].

    Args:
        seconds: that it may take: it looks at fewer rows then, and where even `FEWEST_ROWS` take longer, it gives [].
    """
    if not isinstance(task.inputs, pd.DataFrame) or not len(task.rows("validation")):
        return []
    raw = task.inputs.iloc[task.rows("validation")]
    columns = [column.name for column in task.columns or [] if column.used]
    most = max(FEWEST_ROWS, min(MOST_ROWS, MOST_PREDICTIONS // (len(columns) * REPEATS)))
    rows = np.sort(numpy_generator(seed, "importance rows").permutation(len(raw))[:most])
    raw, truth = raw.iloc[rows].reset_index(drop=True), task.truth("validation")[rows]
    metric = task.metric
    began = time.monotonic()
    reference = metric.of(truth, model.predict(raw))
    if seconds is not None:
        once = (time.monotonic() - began) / len(raw)
        fitting = int(seconds / (once * len(columns) * REPEATS)) - 1  # one prediction is spent
        if fitting < min(FEWEST_ROWS, len(raw)):
            return []
        raw, truth = raw.iloc[:fitting], truth[:fitting]
        reference = metric.of(truth, model.predict(raw))
    found = []
    for name in columns:
        increases = []
        for repeat in range(REPEATS):
            order = numpy_generator(seed, "importance", name, repeat).permutation(len(raw))
            shuffled = raw.assign(**{name: raw[name].to_numpy()[order]}).astype({name: raw[name].dtype})
            increases.append(metric.loss(metric.of(truth, model.predict(shuffled))) - metric.loss(reference))
        mean, low, high = t_interval(increases)
        found.append({"column": name, "increase": mean, "interval": [low, high]})
    return sorted(found, key=lambda row: -row["increase"])
