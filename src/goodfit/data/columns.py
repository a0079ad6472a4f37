"""What each column of a table is, and whether a network can use it."""

import re
from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from goodfit.errors import GoodfitError

ColumnKind = Literal["number", "category", "boolean", "date", "constant", "identifier", "text", "empty"]

MOST_LEVELS = 50
"""Text with more distinct values than this ..."""
MOST_DISTINCT_SHARE = 0.2
"""... and than this share of the rows is free text: no network here reads it."""
DATE_SHARE = 0.95
IDENTIFIER_NAME = re.compile(r"(^|[_\s-])(id|uuid|guid|key|index)$|[a-z]I[dD]$|^(id|ID)[_\s-]|^column_1$")
YES, NO = ("true", "yes", "t", "y"), ("false", "no", "f", "n")
DATE_LIKE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ].*)?")


class Column(BaseModel):
    """One column: its kind, whether it is an input and if not why; missing, distinct and infinite values counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: ColumnKind
    used: bool
    reason: str = ""
    missing: int = 0
    distinct: int = 0
    infinite: int = 0


def infer_columns(frame: pd.DataFrame, *, exclude: Collection[str] = ()) -> list[Column]:
    """Return what every column is, in the table's order, without those in `exclude`.

    Raises:
        GoodfitError: a column's cells hold lists, arrays or the like.
    """
    return [_infer(str(name), frame[name]) for name in frame.columns if name not in exclude]


def _infer(name: str, values: pd.Series) -> Column:
    known = values.dropna()
    known = known.map(str) if _holds_objects(known) else known
    infinite = int(np.isinf(known.to_numpy(np.float64)).sum()) if _is_number(known) else 0
    distinct = _distinct(name, known)
    kind, reason = _kind(name, known, distinct, len(values))
    if kind == "number" and infinite == len(known):
        kind, reason = "empty", "no value is a finite number"
    return Column(
        name=name, kind=kind, used=not reason, reason=reason, missing=int(values.isna().sum()), distinct=distinct,
        infinite=infinite,
    )  # fmt: skip


def _distinct(name: str, known: pd.Series) -> int:
    try:
        return int(known.nunique())
    except TypeError:  # lists and arrays cannot be counted
        raise GoodfitError(
            f"column '{name}' holds cells of type {type(known.iloc[0]).__name__}: give one number, text or date in each, "
            "or leave the column out"
        ) from None


def _kind(name: str, known: pd.Series, distinct: int, rows: int) -> tuple[ColumnKind, str]:
    if distinct == 0:
        return "empty", "every value is missing"
    if distinct == 1 and len(known) == rows:
        return "constant", f"every value is {known.iloc[0]!r}"
    if pd.api.types.is_bool_dtype(known):
        return "boolean", ""
    if pd.api.types.is_datetime64_any_dtype(known):
        return "date", ""
    if pd.api.types.is_numeric_dtype(known):
        return ("identifier", "it numbers the rows") if _numbers_rows(name, known, rows) else ("number", "")
    text = known.astype(str)
    if set(text.str.lower().unique()) <= {*YES, *NO}:
        return "boolean", ""
    if text.str.fullmatch(DATE_LIKE.pattern).mean() >= DATE_SHARE:
        some = pd.to_datetime(text, errors="coerce", utc=True, format="mixed").notna().any()
        return ("date", "") if some else ("empty", "no value is a date of the calendar")
    if distinct == rows and (IDENTIFIER_NAME.search(name) or text.str.fullmatch(r"[0-9a-fA-F-]{32,36}").all()):
        return "identifier", "it names the rows"
    if distinct > MOST_LEVELS and distinct > MOST_DISTINCT_SHARE * rows:
        return "text", f"{distinct} different texts in {rows} rows"
    return "category", ""


def _numbers_rows(name: str, known: pd.Series, rows: int) -> bool:
    """Whole numbers, one for each row, that are named like an identifier or count up by one."""
    if not pd.api.types.is_integer_dtype(known) or known.nunique() != rows or rows < 10:
        return False
    return bool(IDENTIFIER_NAME.search(name)) or bool((np.diff(known.to_numpy()) == 1).all())


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _holds_objects(values: pd.Series) -> bool:
    """Whether cells are Python objects of several types, which cannot be sorted or counted together."""
    return values.dtype == object and values.map(type).nunique() > 1
