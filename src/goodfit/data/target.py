"""The target: which kind of task it makes, how it is coded for training, and the way back."""

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from goodfit.errors import GoodfitError
from goodfit.metrics import TaskKind

MOST_CLASSES_OF_WHOLE_NUMBERS = 20
"""A numeric target of whole numbers with at most so many distinct values is read as classes."""

EXACT_TO = 2**53
"""Below it every whole number has a float of its own; far above, int64 ends."""

Label = str | bool | int | float


class TargetCode(BaseModel):
    """How target values are coded: standardised numbers for regression, indices for classes.

    `mean` and `scale` come from the training part alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["regression", "binary", "multiclass"]
    classes: tuple[Label, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, kind: TaskKind, classes: tuple[Label, ...], training: np.ndarray) -> Self:
        """Fit on the training part's target: float64 [n], or class indices [n]."""
        if kind != "regression":
            return cls(kind=kind, classes=classes)
        mean, scale = float(training.mean()), float(training.std())
        # a training part without spread (possible in cross-validation) is centred only
        return cls(
            kind=kind,
            mean=mean,
            scale=scale if np.isfinite(scale) and scale > 1e-12 * max(abs(mean), 1e-300) else 1.0,
        )

    @property
    def outputs(self) -> int:
        """Number of network outputs: 1, or one logit per class."""
        return 1 if self.kind == "regression" else len(self.classes)

    def encode(self, target: np.ndarray) -> np.ndarray:
        """Return what the loss sees: float32 [n] standardised, or int64 [n]."""
        if self.kind == "regression":
            return ((target - self.mean) / self.scale).astype(np.float32)
        return target.astype(np.int64)

    def decode(self, output: np.ndarray) -> np.ndarray:
        """Turn network outputs [n, n_out] into predictions [n] in the target's unit, or probabilities [n, C]."""
        output = output.astype(np.float64)
        if self.kind == "regression":
            return output[:, 0] * self.scale + self.mean
        odds = np.exp(output - output.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def labels(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the most probable class of each row, as the user wrote it."""
        return np.array(self.classes)[probabilities.argmax(1)]


def infer_kind(target: pd.Series) -> tuple[TaskKind, str]:
    """Return the kind of task that a complete target makes, and the reason in words."""
    distinct = target.nunique()
    classes: TaskKind = "binary" if distinct == 2 else "multiclass"
    if pd.api.types.is_bool_dtype(target) or not pd.api.types.is_numeric_dtype(target):
        return classes, f"the target holds {distinct} labels"
    whole = bool(np.all(np.mod(target.to_numpy(np.float64), 1) == 0))
    if whole and distinct <= MOST_CLASSES_OF_WHOLE_NUMBERS:
        return classes, f"the target holds {distinct} distinct whole numbers, read as classes"
    return "regression", f"the target holds {distinct} distinct numbers"


def code_classes(target: pd.Series, name: str, kind: TaskKind) -> tuple[np.ndarray, tuple[Label, ...]]:
    """Return class indices [n] and the classes in sorted order, as plain Python values."""
    values = target.to_numpy()
    if pd.api.types.is_float_dtype(target) and np.all((np.mod(values, 1) == 0) & (np.abs(values) < EXACT_TO)):
        values = values.astype(np.int64)  # 0.0 and 1.0 were written 0 and 1 beside missing values
    try:
        found, index = np.unique(values, return_inverse=True)
    except TypeError:
        found, index = np.unique(values.astype(str), return_inverse=True)
    classes = tuple(value.item() if isinstance(value, np.generic) else value for value in found)
    if kind == "binary" and len(classes) != 2:
        raise GoodfitError(
            f"target '{name}' holds {len(classes)} classes: a binary task needs 2, use --task multiclass"
        )
    return index.astype(np.int64), classes


def numeric_target(target: pd.Series, name: str) -> np.ndarray:
    """Return the target as float64 [n], or say which row is not a finite number."""
    numbers = pd.to_numeric(target, errors="coerce").to_numpy(np.float64)
    _refuse_rows(target, ~np.isfinite(numbers), name, "regression needs finite numbers")
    return numbers


def _refuse_rows(target: pd.Series, bad: np.ndarray, name: str, rule: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        value: Any = target.iloc[rows[0]]
        shown = value.item() if isinstance(value, np.generic) else value
        raise GoodfitError(
            f"target '{name}' holds {shown!r} in data row {int(rows[0]) + 1} ({len(rows)} such rows): "
            f"{rule}, mend or remove these rows"
        )


def read_target(
    column: pd.Series, name: str, kind: TaskKind | Literal["auto"], notes: list[str]
) -> tuple[np.ndarray, TaskKind, tuple[Label, ...]]:
    """Return a target's values [n] (numbers, or class indices), its kind of task, and the classes.

    Args:
        kind: `auto` decides, and says why in `notes`.

    Raises:
        GoodfitError: a target without use, complex or infinite numbers, or classes with too few rows.
    """
    if pd.api.types.is_complex_dtype(column):
        raise GoodfitError(f"target '{name}' holds complex numbers: give a real target")
    if pd.api.types.is_float_dtype(column):
        _refuse_rows(column, np.isinf(column.to_numpy(np.float64)), name, "a target needs finite numbers")
    if column.nunique() < 2:
        raise GoodfitError(
            f"target '{name}' holds one value only ({column.tolist()[0]!r}): there is nothing to learn, choose another target"
        )
    if kind == "auto":
        kind, why = infer_kind(column)
        notes.append(f"read as a {kind} task: {why} (change it with --task)")
    if kind == "regression":
        return numeric_target(column, name), kind, ()
    index, classes = code_classes(column, name, kind)
    counts = np.bincount(index)
    if len(classes) > len(index) / 2:
        raise GoodfitError(
            f"target '{name}' holds {len(classes)} classes in {len(index)} rows: choose another target, or --task regression if it is a number"
        )
    if counts.min() < 2:
        rare = classes[int(counts.argmin())]
        row = int(np.flatnonzero(index == counts.argmin())[0]) + 1
        raise GoodfitError(
            f"class '{rare}' of target '{name}' has one row only (data row {row}): remove it or merge it with another class"
        )
    return index, kind, classes
