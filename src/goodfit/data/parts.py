"""The parts of a task from what was asked for: shares held out, tables of their own, groups kept whole, the latest rows."""

import math
from collections import Counter
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch

from goodfit.data.cells import as_seconds
from goodfit.data.splits import AUTO, Splits, held_out_share, split_rows
from goodfit.data.target import Label
from goodfit.errors import GoodfitError
from goodfit.wording import count


def as_array(values: Any, what: str) -> np.ndarray:
    """Return lists, tensors or arrays as one array; a memory-mapped one stays as it is."""
    try:
        found = np.asanyarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)
    except (TypeError, ValueError, RuntimeError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise GoodfitError(f"{what} cannot be made one array ({said}): give an array") from None
    # beside text NumPy would write a missing value as the text 'nan'
    return np.asarray(values, dtype=object) if found.dtype.kind == "U" and isinstance(values, list | tuple) else found


def as_table(frame: Any, name: str) -> pd.DataFrame:
    """Return a table with its column names as text.

    Raises:
        GoodfitError: no table, names of several levels or given twice, or complex numbers.
    """
    if not isinstance(frame, pd.DataFrame):
        raise GoodfitError(f"{name} is a {type(frame).__name__}: give a pandas DataFrame")
    if frame.columns.nlevels > 1:
        raise GoodfitError(f"{name} has column names of {frame.columns.nlevels} levels: give each column one name")
    table = frame.rename(columns=str)
    twice = [column for column, count in Counter(table.columns).items() if count > 1]
    if twice:
        raise GoodfitError(
            f"{name} has {Counter(table.columns)[twice[0]]} columns named '{twice[0]}': rename all but one"
        )
    for column, values in table.items():
        if pd.api.types.is_complex_dtype(values):
            raise GoodfitError(f"column '{column}' of {name} holds complex numbers: give real and imaginary part apart")
    return table


def chosen_rows(rows: Any, count: int, what: str) -> np.ndarray:
    """Return the mask [count] of the rows that a mask or row numbers name.

    Raises:
        GoodfitError: a mask of another length; no rows, or numbers that are out of range or given twice.
    """
    found = as_array(rows, what)
    if found.size == 0:
        raise GoodfitError(f"{what} names no row: leave it out, or name some")
    if found.dtype == bool and found.shape == (count,) and found.any():
        return found
    if found.dtype == bool or found.ndim != 1 or found.dtype.kind not in "iu":
        raise GoodfitError(
            f"{what} is {found.dtype} of shape {found.shape}: give row numbers, or a mask [{count}] in which some are true"
        )
    outside = found[(found < 0) | (found >= count)]
    if len(outside):
        raise GoodfitError(f"{what} names row {outside[0]}: rows are numbered from 0 to {count - 1}")
    times = np.bincount(found, minlength=count)
    if times.max() > 1:
        raise GoodfitError(f"{what} names row {times.argmax()} {times.max()} times: name each row once")
    return times == 1


def stack(
    frame: pd.DataFrame, parts: dict[str, float | str | pd.DataFrame], target: str, name: str
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Append tables that are a part of their own; return the whole and a mask [n] of each such part's rows."""
    tables = {
        part: as_table(table, f"the {part} table") for part, table in parts.items() if isinstance(table, pd.DataFrame)
    }
    for part, table in tables.items():
        missing = [str(column) for column in frame.columns if column not in table.columns]
        if missing:
            raise GoodfitError(
                f"the {part} table lacks column '{missing[0]}' of {name}: it needs the same columns and the target '{target}'"
            )
        if not table[target].notna().any():
            raise GoodfitError(f"the {part} table has no row with a value in the target '{target}'")
    whole = pd.concat([frame, *(table[frame.columns] for table in tables.values())], ignore_index=True)
    owner = np.concatenate([np.full(len(frame), ""), *(np.full(len(table), part) for part, table in tables.items())])
    return whole.reset_index(drop=True), {part: owner == part for part in tables}


def make_splits(
    values: np.ndarray, classes: tuple[Label, ...], fixed: dict[str, np.ndarray], shares: dict[str, Any], seed: int,
    *, groups: np.ndarray | None = None, time: np.ndarray | None = None,
) -> Splits:  # fmt: skip
    """Split rows into the parts of a task.

    Args:
        values: target [n]; class indices where there are `classes`, which then keep their shares.
        fixed: mask of the rows of a part that was given. shares: of the others (see `split_rows`, `held_out_share`).
        groups, time: see `split_rows`.

    Raises:
        GoodfitError: a share out of range, a seed that is no whole number, or no rows left to train on.
    """
    for part, share in shares.items():
        if part not in fixed:
            _check_share(share, part)
    if not isinstance(seed, Integral):
        raise GoodfitError(f"the seed of the split is {seed!r}: it must be a whole number")
    rest = np.flatnonzero(~np.logical_or.reduce([np.zeros(len(values), bool), *fixed.values()]))
    strata = values if classes else None
    found = {}
    for part in ("test", "validation"):
        if part in fixed:
            found[part] = np.flatnonzero(fixed[part])
        else:
            share = held_out_share(shares[part], len(rest))
            at_random = time is None and groups is None
            _check_left(len(rest) - math.ceil(share * len(rest)) if at_random else len(rest))
            rest, found[part] = split_rows(rest, share, seed, part, strata=strata, groups=groups, time=time)
    _check_left(len(rest))
    way = "latest rows held out" if time is not None else "whole groups held out" if groups is not None else "random"
    way += ", stratified by class" if classes and time is None and groups is None else ""
    why = "the latest rows are held out" if time is not None else ""
    why = "the validation part was given" if "validation" in fixed else why
    return Splits(rest, found["validation"], found["test"], _how(fixed, f"{way}, seed {seed}"), groups, why)


def group_numbers(column: pd.Series, fixed: dict[str, np.ndarray]) -> np.ndarray:
    """Return the number of every row's group [n].

    Args:
        fixed: mask of the rows of a part that was given.

    Raises:
        GoodfitError: a group is both in a given part and beside it.
    """
    names = np.array([str(value) for value in column])  # one file may hold as text what another holds as numbers
    for part, inside in fixed.items():
        both = np.intersect1d(names[inside], names[~inside])
        if len(both):
            raise GoodfitError(
                f"group '{both[0]}' of column '{column.name}' is both in the given {part} part and in other rows "
                f"({count(len(both), 'such group')}): give each group's rows to one part, or leave --group out"
            )
    return pd.factorize(column)[0]


def time_axis(column: pd.Series, name: str) -> np.ndarray:
    """Return times as sortable numbers; numbers stay numbers, else dates are read."""
    numeric = pd.api.types.is_numeric_dtype(column)
    values = column.to_numpy(np.float64, na_value=np.nan) if numeric else as_seconds(column)
    bad = np.isnan(values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0]) + 1
        raise GoodfitError(
            f"time column '{name}' is missing or no date in data row {row} ({int(bad.sum())} such rows): mend them or leave --time out"
        )
    return values


def _check_share(share: Any, part: str) -> None:
    try:
        inside = isinstance(share, str | Real) and (share == AUTO or 0 <= float(share) < 1)
    except ValueError:
        inside = False
    if not inside:
        shown = share if isinstance(share, Real) else f"'{share}'" if isinstance(share, str) else type(share).__name__
        raise GoodfitError(f"the {part} share is {shown}: it must lie between 0 and 1, or be '{AUTO}'")


def _how(fixed: dict[str, np.ndarray], way: str) -> str:
    """Say which parts were given and in which way the others were split."""
    if not fixed:
        return way
    split = [part for part in ("test", "validation") if part not in fixed]
    return f"{next(iter(fixed))} part given; {split[0]} part: {way}" if split else "parts as given"


def _check_left(rows: int) -> None:
    if rows < 2:
        left = "1 row is" if rows == 1 else f"{rows} rows are"
        raise GoodfitError(f"{left} left to train on: give more data or hold less of it out")
