"""The parts of a task from what was asked for: shares held out, tables of their own, groups kept whole, the latest rows."""

from typing import Any

import numpy as np
import pandas as pd

from goodfit.data.cells import as_seconds
from goodfit.data.splits import AUTO, Splits, held_out_share, split_rows
from goodfit.data.target import Label
from goodfit.errors import GoodfitError


def stack(
    frame: pd.DataFrame, parts: dict[str, float | str | pd.DataFrame], target: str, name: str
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Append tables that are a part of their own; return the whole and a mask [n] of each such part's rows."""
    tables = {part: table for part, table in parts.items() if isinstance(table, pd.DataFrame)}
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
        GoodfitError: a share out of range, or no rows left to train on.
    """
    for part, share in shares.items():
        if part not in fixed and share != AUTO and not 0 <= float(share) < 1:
            raise GoodfitError(f"the {part} share is {share}: it must lie between 0 and 1")
    rest = np.flatnonzero(~np.logical_or.reduce([np.zeros(len(values), bool), *fixed.values()]))
    strata = values if classes else None
    found = {}
    for part in ("test", "validation"):
        if part in fixed:
            found[part] = np.flatnonzero(fixed[part])
        else:
            rest, found[part] = split_rows(
                rest, held_out_share(shares[part], len(rest)), seed, part, strata=strata, groups=groups, time=time
            )
    if len(rest) < 2:
        raise GoodfitError(f"{len(rest)} rows are left to train on: give more data or hold less of it out")
    way = "latest rows held out" if time is not None else "whole groups held out" if groups is not None else "random"
    way += ", stratified by class" if classes and time is None and groups is None else ""
    given = "".join(f", {part} part given" for part in fixed)
    why = "the latest rows are held out" if time is not None else ""
    why = "the validation part was given" if "validation" in fixed else why
    return Splits(rest, found["validation"], found["test"], f"{way}, seed {seed}{given}", groups, why)


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
