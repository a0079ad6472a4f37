"""A preparation beside which the neighbours' targets are given as numbers (`Config.neighbours`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from goodfit.data.cells import as_numbers
from goodfit.data.decorrelation import Decorrelated
from goodfit.data.nearby import Nearby
from goodfit.data.number_codes import NumberMethod, encode_number, fit_number
from goodfit.data.preparation import Prepared, TablePreparation
from goodfit.errors import GoodfitError

_DAMAGED = "the stored neighbours were not written by goodfit: restore the model folder from a copy"


@dataclass(frozen=True)
class Neighboured:
    """What `before` gives, then what the nearest training rows in `columns` say, encoded as numbers are.

    The model folder of such a preparation holds these columns and the target of the training rows.

    Attributes:
        fills: median of each column, in place of a missing value. codes: parameters of each feature's encoding.
    """

    before: TablePreparation | Decorrelated
    columns: tuple[str, ...]
    fills: tuple[float, ...]
    nearby: Nearby
    numeric: NumberMethod
    codes: tuple[np.ndarray, ...]

    @classmethod
    def fit(
        cls, before: TablePreparation | Decorrelated, frame: pd.DataFrame, columns: Sequence[str], targets: np.ndarray,
        *, numeric: NumberMethod, bins: int,
    ) -> "Neighboured":  # fmt: skip
        """Fit on the training part: its rows, the columns to look in, and the coded targets [n, t]."""
        values = read_numbers(frame, columns)
        fills = tuple(float(np.nanmedian(column)) for column in values.T)
        nearby = Nearby.fit(np.where(np.isnan(values), fills, values), targets)
        codes = tuple(fit_number(column, numeric, bins) for column in nearby.own_features().T)
        return cls(before, tuple(columns), fills, nearby, numeric, codes)

    def transform(self, frame: pd.DataFrame) -> Prepared:
        """Return features float32 [n, d] of rows that were not trained on."""
        prepared = self.before.transform(frame)
        values = read_numbers(frame, self.columns)
        return self._beside(prepared, self.nearby.features(np.where(np.isnan(values), self.fills, values)))

    def transform_training(self, frame: pd.DataFrame) -> Prepared:
        """Return features of the very rows it was fitted on, in their order, none of them told its own target."""
        return self._beside(self.before.transform(frame), self.nearby.own_features())

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays, as JSON values."""
        return {
            "kind": "neighboured", "before": self.before.to_json(), "columns": self.columns, "fills": self.fills,
            "numeric": self.numeric,
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays, float64, those of `before` under a name of their own."""
        nearby = {name: getattr(self.nearby, name) for name in ("centre", "scale", "points", "targets")}
        codes = {f"code/{number}": code for number, code in enumerate(self.codes)}
        return nearby | codes | {f"inner/{name}": values for name, values in self.before.arrays().items()}

    @classmethod
    def restore(cls, stored: dict[str, Any], arrays: dict[str, np.ndarray]) -> "Neighboured":
        """Make a preparation of what `to_json` and `arrays` gave."""
        inner = {name.removeprefix("inner/"): a for name, a in arrays.items() if name.startswith("inner/")}
        try:
            nearby = Nearby(*(arrays[name] for name in ("centre", "scale", "points", "targets")))
            columns, fills = tuple(map(str, stored["columns"])), tuple(map(float, stored["fills"]))
            codes = tuple(arrays[f"code/{n}"] for n in range(sum(name.startswith("code/") for name in arrays)))
            described, numeric = stored["before"], stored["numeric"]
        except (KeyError, TypeError, ValueError):
            raise GoodfitError(_DAMAGED) from None
        told = (len(nearby.counts) + 1) * nearby.targets.shape[-1] + len(nearby.counts)
        if nearby.points.shape != (len(nearby.targets), len(columns)) or len(codes) != told:
            raise GoodfitError(_DAMAGED)
        before = (
            Decorrelated.restore(described, inner)
            if "before" in described
            else TablePreparation.restore(described, inner)
        )
        return cls(before, columns, fills, nearby, numeric, codes)

    def _beside(self, prepared: Prepared, said: np.ndarray) -> Prepared:
        codes = [encode_number(column, self.numeric, code) for column, code in zip(said.T, self.codes, strict=True)]
        return Prepared(np.concatenate([prepared.matrix, *codes], axis=1).astype(np.float32), prepared.notes)


def read_numbers(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return columns as float64 [n, c], NaN where a value is missing or no number."""
    return np.stack([as_numbers(frame[name]) for name in columns], axis=1)
