"""`Model`: one or more trained networks that predict together from raw columns or images."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.data.images import PixelPreparation
from goodfit.data.mapped import Rows
from goodfit.data.target import TargetCode
from goodfit.errors import GoodfitError
from goodfit.memory import MOST_ROWS, pieces
from goodfit.nn.models import make_module
from goodfit.task import Preparation, innermost, treatment


@dataclass(frozen=True)
class Member:
    """One trained network: its config and weights, named as in its module's `state_dict`."""

    config: Config
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class Model:
    """Networks whose predictions are averaged: values for regression, probabilities for classes.

    Attributes:
        preparations: how raw inputs become what the networks see, by `goodfit.task.treatment`.
        half_width: half the width of the prediction interval of each row, in the target's unit (regression), at
            the level `coverage`: the split-conformal quantile of the validation part's absolute errors.
    """

    members: Sequence[Member]
    preparations: dict[tuple[object, ...], Preparation]
    code: TargetCode
    target_name: str
    half_width: float | None = None
    coverage: float = 0.9
    id_name: str | None = None
    _modules: list[nn.Module] = field(default_factory=list, repr=False, compare=False)

    @property
    def is_table(self) -> bool:
        """Whether the model reads columns rather than images."""
        return not any(isinstance(innermost(p), PixelPreparation) for p in self.preparations.values())

    def predict(self, inputs: pd.DataFrame | np.ndarray | Rows, notes: list[str] | None = None) -> np.ndarray:
        """Return predictions [n] in the target's unit, or class probabilities [n, C].

        Args:
            inputs: columns by name in any order, or images [n, C, H, W], which may be memory-mapped: they are prepared
                and predicted piece by piece.
            notes: receives what was found in the inputs (unseen categories, columns ignored).

        Raises:
            GoodfitError: columns are missing, or images have another shape.
        """
        if not self.is_table and isinstance(inputs, np.ndarray | Rows) and len(inputs.shape) == 4:
            found = [self._predict(inputs[piece], notes) for piece in pieces(len(inputs), inputs.shape[1:])]
            return np.concatenate(found)
        return self._predict(inputs, notes)

    def _predict(self, inputs: pd.DataFrame | np.ndarray | Rows, notes: list[str] | None) -> np.ndarray:
        prepared: dict[tuple[object, ...], np.ndarray] = {}
        for name, preparation in self.preparations.items():
            result = preparation.transform(inputs)  # type: ignore[arg-type]
            if isinstance(result, np.ndarray):
                prepared[name] = result
            else:
                prepared[name] = result.matrix
                if notes is not None:
                    notes.extend(note for note in result.notes if note not in notes)
        total: np.ndarray | float = 0.0
        for member, module in zip(self.members, self._built(prepared), strict=True):
            total = total + self.code.decode(forward(module, prepared[treatment(member.config, self.is_table)]))
        return np.asarray(total) / len(self.members)

    def table(self, inputs: pd.DataFrame | np.ndarray | Rows, notes: list[str] | None = None) -> pd.DataFrame:
        """Return predictions as columns: `prediction`, then `low`/`high` or a `p_<class>` for each class."""
        predicted = self.predict(inputs, notes)
        columns: dict[str, np.ndarray] = {}
        if isinstance(inputs, pd.DataFrame) and self.id_name in inputs.columns:
            columns[str(self.id_name)] = inputs[self.id_name].to_numpy()
        if self.code.kind == "regression":
            columns["prediction"] = predicted
            if self.half_width is not None:
                columns |= {"low": predicted - self.half_width, "high": predicted + self.half_width}
        else:
            columns["prediction"] = self.code.labels(predicted)
            columns |= {f"p_{name}": predicted[:, i] for i, name in enumerate(self.code.classes)}
        return pd.DataFrame(columns)

    def _built(self, prepared: dict[tuple[object, ...], np.ndarray]) -> list[nn.Module]:
        if not self._modules:
            for member in self.members:
                shape = prepared[treatment(member.config, self.is_table)].shape[1:]
                self._modules.append(load_weights(make_module(member.config, shape, self.code.outputs), member))
        return self._modules


def load_weights(module: nn.Module, member: Member) -> nn.Module:
    """Put a member's weights into a freshly built module.

    Perceptrons predict in double precision: a row's prediction then does not depend, to the last digits of single
    precision, on the rows that are predicted beside it. Convolutions in double precision take ten times as long.
    """
    try:
        module.load_state_dict(member.weights)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise GoodfitError(f"the weights do not fit the model: {first}") from None
    return (module.double() if member.config.model == "mlp" else module).eval()


@torch.no_grad()
def forward(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """Return a module's output [n, n_out] for prepared inputs, in evaluation mode."""
    dtype = next(module.parameters()).dtype
    outputs = [module(chunk.to(dtype)) for chunk in torch.from_numpy(x).split(MOST_ROWS)]
    return torch.cat(outputs).reshape(len(x), -1).numpy()
