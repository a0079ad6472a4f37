"""Preparation of a table: fitted on the training part, applied to any rows, stored as JSON and arrays."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from goodfit.data.cells import as_numbers, as_seconds, as_text, as_truth
from goodfit.data.columns import Column
from goodfit.data.number_codes import NumberMethod, encode_number, feature_count, fit_number
from goodfit.errors import GoodfitError, did_you_mean

MOST_LEVELS = 64
FEWEST_ROWS_OF_A_LEVEL = 5
RARE_SHARE = 0.001
"""Levels with fewer rows than 5 and than 0.1 % of the training part are merged into one, as are those past the 64th."""
MOST_BOOSTING_LEVELS = 250
LARGEST_FEATURE = 1e6
"""A standardised value farther out would overflow in single precision a few layers on."""
ODD = {"number": "no finite number", "boolean": "neither yes nor no", "date": "no date"}
"""What a note calls a value that is not missing and yet none of its column's kind."""


class Step(BaseModel):
    """What is done to one column; arrays it needs lie beside, under the step's number.

    `fill` replaces a missing number; `indicator` adds a 0/1 feature for missing, if the training part had any;
    `levels` are a category's own features, `other` whether rare levels share one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    kind: Literal["number", "category", "boolean", "date"]
    fill: float = 0.0
    indicator: bool = False
    levels: tuple[str, ...] = ()
    other: bool = False


@dataclass(frozen=True)
class Prepared:
    """Features float32 [n, d], all finite, and what was odd about the rows."""

    matrix: np.ndarray
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TablePreparation:
    """Columns to features, as fitted; `fitted[i]` are the parameters of step i's number encoding."""

    steps: tuple[Step, ...]
    numeric: NumberMethod
    fitted: dict[int, np.ndarray]

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        columns: Sequence[Column],
        *,
        numeric: NumberMethod = "quantile",
        bins: int = 32,
    ) -> "TablePreparation":
        """Fit on the rows of the training part, using the columns marked `used`."""
        steps: list[Step] = []
        fitted: dict[int, np.ndarray] = {}
        for column in (column for column in columns if column.used):
            step, parameters = _fit_step(frame[column.name], column, numeric, bins)
            if parameters is not None:
                fitted[len(steps)] = parameters
            steps.append(step)
        return cls(tuple(steps), numeric, fitted)

    def transform(self, frame: pd.DataFrame) -> Prepared:
        """Return the features of rows.

        Columns are found by name, in any order; extra ones are ignored and noted; unseen categories, values
        that are none of their column's kind and dates outside those of training are counted in the notes.

        Raises:
            GoodfitError: columns are missing; all are named.
        """
        frame = _check_columns(frame, self.source_columns)
        notes: list[str] = []
        extra = [str(name) for name in frame.columns if name not in set(self.source_columns)]
        if extra:
            listed = ", ".join(f"'{name}'" if "," in name else name for name in extra[:8])
            notes.append(f"columns not used: {listed}{' ...' if len(extra) > 8 else ''}")
        blocks = [self._encode(number, frame[step.column], notes) for number, step in enumerate(self.steps)]
        matrix = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(frame), 0))
        return Prepared(np.ascontiguousarray(matrix.clip(-LARGEST_FEATURE, LARGEST_FEATURE), dtype=np.float32), notes)

    @property
    def source_columns(self) -> list[str]:
        """Names of the columns that are read."""
        return [step.column for step in self.steps]

    @property
    def feature_names(self) -> list[str]:
        """Name of every feature, [d]."""
        return [name for number in range(len(self.steps)) for name in self._names(number)]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays, as JSON values."""
        return {"numeric": self.numeric, "steps": [step.model_dump(mode="json") for step in self.steps]}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the parameters of the number encodings, float64, by step."""
        return {str(number): values for number, values in self.fitted.items()}

    @classmethod
    def restore(cls, stored: dict[str, Any], arrays: dict[str, np.ndarray]) -> "TablePreparation":
        """Make a preparation of what `to_json` and `arrays` gave."""
        try:
            checked = _Stored.model_validate(stored)
            fitted = {int(number): np.asarray(values, dtype=np.float64) for number, values in arrays.items()}
        except (ValidationError, ValueError):
            raise GoodfitError(
                "the stored data preparation was not written by goodfit: restore the model folder from a copy"
            ) from None
        if {n for n, step in enumerate(checked.steps) if step.kind in ("number", "date")} != set(fitted):
            raise GoodfitError(
                "the stored data preparation lacks arrays of its columns: restore the model folder from a copy"
            )
        return cls(checked.steps, checked.numeric, fitted)

    def _encode(self, number: int, values: pd.Series, notes: list[str]) -> np.ndarray:
        step = self.steps[number]
        if step.kind == "category":
            return _encode_category(step, values, notes)
        if step.kind == "date":
            return _encode_date(step, values, self.fitted[number], notes)
        numbers = as_truth(values) if step.kind == "boolean" else as_numbers(values)
        missing = _missing(step, numbers, values, notes)
        numbers = np.where(missing, step.fill, numbers)
        code = numbers[:, None] if step.kind == "boolean" else encode_number(numbers, self.numeric, self.fitted[number])
        return np.concatenate([code, missing[:, None]], axis=1) if step.indicator else code

    def _names(self, number: int) -> list[str]:
        step = self.steps[number]
        if step.kind == "category":
            return [f"{step.column}={level}" for level in step.levels] + (
                [f"{step.column}=(other)"] if step.other else []
            ) + ([f"{step.column}=(missing)"] if step.indicator else [])  # fmt: skip
        if step.kind == "date":
            names = [
                f"{step.column} {part}" for part in ("time", "month sin", "month cos", "weekday sin", "weekday cos")
            ]
        else:
            count = feature_count(self.numeric, self.fitted[number]) if step.kind == "number" else 1
            names = [step.column] if count == 1 else [f"{step.column} {part}" for part in _parts(self.numeric, count)]
        return names + ([f"{step.column} missing"] if step.indicator else [])


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")

    numeric: NumberMethod
    steps: tuple[Step, ...]


def _parts(method: NumberMethod, count: int) -> list[str]:
    """Return what the features of a number are called that has several."""
    if method != "periodic":
        return [f"bin {i + 1}" for i in range(count)]
    waves = [f"{wave} {i + 1}" for wave in ("sin", "cos") for i in range(count // 2)]
    return ["quantile", *waves]


def _fit_step(values: pd.Series, column: Column, numeric: NumberMethod, bins: int) -> tuple[Step, np.ndarray | None]:
    name = column.name
    if column.kind == "category":
        return _fit_category(values, name), None
    if column.kind == "date":
        seconds = as_seconds(values)
        return Step(
            column=name, kind="date", fill=_median(seconds), indicator=bool(np.isnan(seconds).any())
        ), _fit_date(seconds)
    if column.kind == "boolean":
        truth = as_truth(values)
        return Step(
            column=name, kind="boolean", fill=round(_median(truth)), indicator=bool(np.isnan(truth).any())
        ), None
    numbers = as_numbers(values)
    missing = np.isnan(numbers)
    step = Step(column=name, kind="number", fill=_median(numbers), indicator=bool(missing.any() and not missing.all()))
    return step, fit_number(numbers, numeric, bins)


def _fit_date(seconds: np.ndarray) -> np.ndarray:
    """Return mean, scale, first and last of the known dates [n]; all but the scale are 0 where none is known."""
    known = seconds[~np.isnan(seconds)]
    ends = [known.min(), known.max()] if known.size else [0.0, 0.0]
    return np.concatenate([fit_number(known, "standard", 2), ends])


def _fit_category(values: pd.Series, name: str) -> Step:
    text = as_text(values)
    counts = text.value_counts()
    enough = min(FEWEST_ROWS_OF_A_LEVEL, max(2, math.ceil(RARE_SHARE * len(values))))
    levels = tuple(str(level) for level in counts.index[counts >= enough][:MOST_LEVELS])
    other = bool(counts.sum() > counts.iloc[: len(levels)].sum())
    return Step(column=name, kind="category", levels=levels, other=other, indicator=bool(text.isna().any()))


def _encode_category(step: Step, values: pd.Series, notes: list[str]) -> np.ndarray:
    text = as_text(values)
    codes = pd.Index(step.levels, dtype=object).get_indexer(pd.Index(text))
    missing = text.isna().to_numpy()
    unseen = (codes < 0) & ~missing
    if unseen.any():
        sample = sorted(set(text[unseen].astype(str)))
        notes.append(
            f"column '{step.column}': {int(unseen.sum())} values are of categories rare or unseen in training "
            f"({', '.join(sample[:5])}{' ...' if len(sample) > 5 else ''})"
        )
    code = (codes[:, None] == np.arange(len(step.levels))[None]).astype(np.float64)
    # without rare levels in training no feature stands for "other": an unseen level is then all zeros,
    # because a weight that was never trained would add noise
    extra = ([unseen[:, None]] if step.other else []) + ([missing[:, None]] if step.indicator else [])
    return np.concatenate([code, *extra], axis=1)


def _encode_date(step: Step, values: pd.Series, fitted: np.ndarray, notes: list[str]) -> np.ndarray:
    seconds = as_seconds(values)
    missing = _missing(step, seconds, values, notes)
    seconds = np.where(missing, step.fill, seconds)
    moments = pd.Series(np.floor(seconds).astype("datetime64[s]"))
    month = 2 * np.pi * (moments.dt.day_of_year.to_numpy() - 1) / 365.25
    weekday = 2 * np.pi * moments.dt.day_of_week.to_numpy() / 7
    time = encode_number(_within(step, seconds, fitted, notes), "standard", fitted)
    cycles = np.stack([np.sin(month), np.cos(month), np.sin(weekday), np.cos(weekday)], axis=1)
    return np.concatenate([time, cycles] + ([missing[:, None]] if step.indicator else []), axis=1)


def _within(step: Step, seconds: np.ndarray, fitted: np.ndarray, notes: list[str]) -> np.ndarray:
    """Return times [n], those far outside of training's moved nearer: as far as training is long a trend may go on."""
    first, last = fitted[2:]
    earliest, latest = 2 * first - last, 2 * last - first
    far = int(((seconds < earliest) | (seconds > latest)).sum())
    if far and first < last:
        span, reach = (
            " to ".join(str(np.datetime64(int(end // 86400), "D")) for end in ends)
            for ends in ((first, last), (earliest, latest))
        )
        notes.append(
            f"column '{step.column}': {far} dates are far outside those of training ({span}) "
            f"and count, but for season and weekday, as the nearest from {reach}"
        )
    return seconds.clip(earliest, latest)


def _missing(step: Step, read: np.ndarray, values: pd.Series, notes: list[str]) -> np.ndarray:
    """Return which values [n], read as their column's kind, are missing; note those that only count as such."""
    missing = np.isnan(read)
    odd = int(missing.sum() - values.isna().sum())
    if odd > 0:
        notes.append(f"column '{step.column}': {odd} values are {ODD[step.kind]} and count as missing")
    return missing


def _median(numbers: np.ndarray) -> float:
    return 0.0 if np.isnan(numbers).all() else float(np.nanmedian(numbers))


def _check_columns(frame: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Return the rows with their column names as text, or say which columns they lack."""
    if not isinstance(frame, pd.DataFrame):
        shown = ", ".join(wanted[:8]) + (" ..." if len(wanted) > 8 else "")
        raise GoodfitError(f"the rows are a {type(frame).__name__}: give a pandas DataFrame with the columns {shown}")
    names = [str(name) for name in frame.columns]
    times = Counter(names)
    missing = [name for name in wanted if name not in times]
    if missing:
        near = did_you_mean(missing[0], [name for name in names if name not in wanted])
        raise GoodfitError(f"the rows lack {len(missing)} columns that the model needs: {', '.join(missing)}{near}")
    twice = [name for name in wanted if times[name] > 1]
    if twice:
        raise GoodfitError(f"the rows have {times[twice[0]]} columns named '{twice[0]}': rename all but one")
    return frame.set_axis(names, axis=1)


@dataclass(frozen=True)
class OrdinalPreparation:
    """Columns as scikit-learn's histogram gradient boosting takes them: NaN for missing, codes for categories."""

    columns: tuple[Column, ...]
    levels: dict[str, tuple[str, ...]]

    @classmethod
    def fit(cls, frame: pd.DataFrame, columns: Sequence[Column]) -> "OrdinalPreparation":
        """Fit on the rows of the training part; of a category the most frequent levels get a code."""
        used = tuple(column for column in columns if column.used)
        categories = (column.name for column in used if column.kind == "category")
        levels = {
            name: tuple(map(str, as_text(frame[name]).value_counts().index[:MOST_BOOSTING_LEVELS]))
            for name in categories
        }
        return cls(used, levels)

    @property
    def categorical(self) -> list[bool]:
        """Which columns are categories."""
        return [column.kind == "category" for column in self.columns]

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """Return float64 [n, columns]; unseen levels and missing values are NaN."""
        return np.stack([self._codes(frame[column.name], column) for column in self.columns], axis=1)

    def _codes(self, values: pd.Series, column: Column) -> np.ndarray:
        if column.kind == "category":
            codes = (
                pd.Index(self.levels[column.name], dtype=object)
                .get_indexer(pd.Index(as_text(values)))
                .astype(np.float64)
            )
            return np.where(codes < 0, np.nan, codes)
        if column.kind == "date":
            return as_seconds(values)
        return as_truth(values) if column.kind == "boolean" else as_numbers(values)
