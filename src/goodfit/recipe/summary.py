"""What a report says of the task itself."""

from typing import Any

import numpy as np

from goodfit.task import PartName, Task

PARTS: tuple[PartName, ...] = ("train", "validation", "test")


def summarise_task(task: Task) -> dict[str, Any]:
    """Return the task as JSON values: rows, columns, classes, target, notes and warnings."""
    classification = task.kind != "regression"
    train = task.truth("train")
    spread = {
        "mean": train.mean(),
        "std": train.std(),
        "min": train.min(),
        "median": np.median(train),
        "max": train.max(),
    }
    return {
        "name": task.name,
        "kind": task.kind,
        "target": task.target_name,
        "metric": task.metric.name,
        "greater_is_better": task.metric.greater_is_better,
        "input": "table" if task.is_table else "images",
        "input_shape": [sum(c.used for c in task.columns)] if task.columns else list(task.inputs.shape[1:]),
        "rows": {part: len(task.rows(part)) for part in PARTS} | {"dropped": task.dropped},
        "split": task.splits.how,
        "columns": None if task.columns is None else [column.model_dump() for column in task.columns],
        "classes": [str(c) for c in task.code.classes] if classification else None,
        "class_counts": _counts(task) if classification else None,
        "target_summary": None if classification else {name: float(value) for name, value in spread.items()},
        "notes": list(task.notes),
        "warnings": [warning.model_dump() for warning in task.warnings()],
    }


def _counts(task: Task) -> dict[str, list[int]]:
    return {part: np.bincount(task.truth(part), minlength=len(task.code.classes)).tolist() for part in PARTS}
