"""Cells as numbers, as text, as moments: the same value whatever type a file or frame gave it."""

import numpy as np
import pandas as pd

from goodfit.data.columns import NO, YES

LARGEST = 1e100
"""Numbers are clipped to this size, whose square a float64 still holds."""
_WHOLE_AS_FLOAT = r"^([+-]?(?:0|[1-9]\d*))\.0+$"


def as_numbers(values: pd.Series) -> np.ndarray:
    """Return float64 [n]; what is no finite number becomes NaN."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return np.full(len(values), np.nan)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return np.where(np.isfinite(numbers), np.clip(numbers, -LARGEST, LARGEST), np.nan)


def as_text(values: pd.Series) -> pd.Series:
    """Return text [n] with missing kept: 1, 1.0, "1" and "1.0" are the same category."""
    missing = values.isna()
    if pd.api.types.is_float_dtype(values) and bool(np.all(np.mod(values[~missing].to_numpy(np.float64), 1) == 0)):
        text = values.astype("Float64").astype("Int64").astype(str)
    else:
        text = values.astype(str).str.strip().str.replace(_WHOLE_AS_FLOAT, r"\1", regex=True)
    return text.astype(object).where(~missing, None)


def as_truth(values: pd.Series) -> np.ndarray:
    """Return 1.0, 0.0 or NaN [n] for yes and no in their usual spellings."""
    text = as_text(values).astype(str).str.lower()
    return np.where(text.isin([*YES, "1"]), 1.0, np.where(text.isin([*NO, "0"]), 0.0, np.nan))


def as_seconds(values: pd.Series) -> np.ndarray:
    """Return dates as seconds since 1970 (UTC), float64 [n]; what is no date, numbers included, becomes NaN."""
    if pd.api.types.is_numeric_dtype(values):
        return np.full(len(values), np.nan)
    moments = pd.to_datetime(values, errors="coerce", utc=True, format="mixed").dt.tz_convert(None)
    # in the unit that pandas chose: nanoseconds, which wrap around, hold only the years 1678 to 2262
    return np.asarray((moments.to_numpy() - np.datetime64(0, "s")) / np.timedelta64(1, "s"), dtype=np.float64)
