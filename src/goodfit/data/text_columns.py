"""One column of text cells: are they numbers, and in which of the world's ways of writing them?"""

import re

import numpy as np
import pandas as pd

from goodfit.data.columns import DATE_LIKE, DATE_SHARE

MISSING_MARKERS = ("", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "<na>", ".")
MOSTLY_NUMBERS = 0.95
"""From this share of parsable cells on, the rest counts as missing; below, the column stays text."""

_COMMA_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_POINT_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
_SPACE_THOUSANDS = re.compile(r"[+-]?\d{1,3}([ '\u00a0\u202f]\d{3})+([.,]\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
_LEADING_ZERO = re.compile(r"[+-]?0\d+")


def parse_column(cells: pd.Series, *, decimal_comma_likely: bool = False) -> tuple[pd.Series, str | None]:
    """Return a column as numbers where it holds numbers, else as text, and a note where something was guessed.

    Args:
        cells: text [n]; the usual markers of missing values become missing.
        decimal_comma_likely: decides "1,234" when every value looks like that.
    """
    cells = cells.str.strip()
    known = ~cells.str.lower().isin(MISSING_MARKERS)
    values = cells[known]
    if values.empty:
        return pd.Series(np.nan, index=cells.index), None
    if values.str.fullmatch(_LEADING_ZERO.pattern).any():
        return cells.where(known), None  # codes such as 01234 lose their meaning as numbers
    numbers = pd.to_numeric(values, errors="coerce")
    note = None
    if numbers.isna().any():
        numbers, note = _local_numbers(values, decimal_comma_likely) or (numbers, None)
    share = float(numbers.notna().mean())
    if share < MOSTLY_NUMBERS:
        numeric_part = share >= 0.5 or (share == 0 and _look_like_numbers(values))
        return cells.where(known), f"{share:.0%} of the values are numbers; kept as text" if numeric_part else None
    odd = numbers.isna()
    if odd.any():
        first = values[odd].iloc[0]
        row = int(np.flatnonzero(cells.index == values[odd].index[0])[0]) + 1
        note = f"{int(odd.sum())} values that are no numbers (first '{first}' in data row {row}) count as missing"
    if known.all() and not odd.any():
        return numbers, note
    return numbers.astype(np.float64).reindex(cells.index), note


def _look_like_numbers(values: pd.Series) -> bool:
    """Whether texts consist of digits and their separators and are no dates."""
    written = values.str.contains(r"\d") & values.str.fullmatch(r"[\d.,' +-]+")
    return bool(written.all()) and values.str.fullmatch(DATE_LIKE.pattern).mean() < DATE_SHARE


def _local_numbers(values: pd.Series, decimal_comma_likely: bool) -> tuple[pd.Series, str] | None:
    """Try thousands separators and decimal commas; each only if every value agrees with it."""
    whole = values.str.fullmatch(_WHOLE.pattern)
    plain = values.str.fullmatch(_PLAIN.pattern)

    def all_match(pattern: re.Pattern[str], also: pd.Series) -> bool:
        return bool((values.str.fullmatch(pattern.pattern) | also).all())

    comma, decimal = all_match(_COMMA_THOUSANDS, plain), all_match(_DECIMAL_COMMA, whole)
    if comma and decimal:  # only values such as 1,234
        comma, decimal = not decimal_comma_likely, decimal_comma_likely
        doubt = "; every value has three digits behind the comma, so check this"
    else:
        doubt = ""
    if comma:
        return _numbers(values.str.replace(",", "")), f"commas are read as thousands separators{doubt}"
    if decimal:
        return _numbers(values.str.replace(",", ".")), f"decimal commas are read as points{doubt}"
    if all_match(_POINT_THOUSANDS, whole | values.str.fullmatch(_DECIMAL_COMMA.pattern)):
        return _numbers(
            values.str.replace(".", "").str.replace(",", ".")
        ), "points are read as thousands separators, commas as decimal"
    if all_match(_SPACE_THOUSANDS, plain | values.str.fullmatch(_DECIMAL_COMMA.pattern)):
        bare = values.str.replace("[ '\u00a0\u202f]", "", regex=True).str.replace(",", ".")
        return _numbers(bare), "spaces and apostrophes are read as thousands separators"
    return None


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce")
