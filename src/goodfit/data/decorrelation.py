"""A preparation followed by a linear step that decorrelates its features (`Config.decorrelate`)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from goodfit.data.images import PixelPreparation
from goodfit.data.linear_steps import DECORRELATING, Affine, Step, read_step
from goodfit.data.preparation import Prepared, TablePreparation
from goodfit.errors import GoodfitError

_DAMAGED = "the stored decorrelation was not written by goodfit: restore the model folder from a copy"


def read_decorrelation(text: str) -> Step:
    """Read the setting `decorrelate`.

    Raises:
        GoodfitError: an unknown name, or arguments that it does not take.
    """
    return read_step(text, "setting 'decorrelate'", DECORRELATING)


@dataclass(frozen=True)
class Decorrelated:
    """What `before` gives, through an affine map fitted on the training part.

    Images stay images where the map keeps their axes (ZCA), and become rows of components otherwise.

    Attributes:
        step: as in `Config.decorrelate`. images: shape of an image [C, H, W]; None for tables.
    """

    before: TablePreparation | PixelPreparation
    step: str
    affine: Affine
    images: tuple[int, ...] | None

    @classmethod
    def fit(
        cls, before: TablePreparation | PixelPreparation, raw: pd.DataFrame | np.ndarray, step: str
    ) -> "Decorrelated":
        """Fit on the raw rows of the training part."""
        x = _matrix(before, raw)[0]
        affine = read_decorrelation(step)(x.reshape(len(x), -1))
        return cls(before, step, affine, x.shape[1:] if x.ndim == 4 else None)

    def transform(self, raw: pd.DataFrame | np.ndarray) -> Prepared:
        """Return features float32 [n, k], or images [n, C, H, W]."""
        x, notes = _matrix(self.before, raw)
        y = self.affine.apply(x.reshape(len(x), -1)).astype(np.float32)
        keeps_axes = self.images is not None and self.step.startswith("zca")
        return Prepared(y.reshape(len(y), *self.images) if keeps_axes and self.images else y, notes)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the arrays, as JSON values."""
        return {"before": self.before.to_json(), "step": self.step, "images": self.images}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays, float64, those of `before` under a name of their own."""
        inner = self.before.arrays() if isinstance(self.before, TablePreparation) else {}
        own = {"shift": self.affine.shift, "matrix": self.affine.matrix}
        return own | {f"before/{name}": values for name, values in inner.items()}

    @classmethod
    def restore(cls, stored: dict[str, Any], arrays: dict[str, np.ndarray]) -> "Decorrelated":
        """Make a preparation of what `to_json` and `arrays` gave."""
        try:
            images, step = stored["images"], str(stored["step"])
            affine = Affine(arrays["shift"], arrays["matrix"])
            inner = {n.removeprefix("before/"): a for n, a in arrays.items() if n.startswith("before/")}
        except (KeyError, TypeError):
            raise GoodfitError(_DAMAGED) from None
        if affine.shift.ndim != 1 or affine.matrix.ndim != 2 or len(affine.shift) != len(affine.matrix):
            raise GoodfitError(_DAMAGED)
        before = (
            TablePreparation.restore(stored["before"], inner)
            if images is None
            else PixelPreparation.restore(stored["before"])
        )
        return cls(before, step, affine, None if images is None else tuple(images))


def _matrix(
    before: TablePreparation | PixelPreparation, raw: pd.DataFrame | np.ndarray
) -> tuple[np.ndarray, list[str]]:
    prepared = before.transform(raw)  # type: ignore[arg-type]
    return (prepared, []) if isinstance(prepared, np.ndarray) else (prepared.matrix, prepared.notes)
