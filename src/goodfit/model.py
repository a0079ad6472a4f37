"""`Model`: one or more trained networks that predict together from raw columns or images."""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from goodfit.calibration import choose_temperature, tempered
from goodfit.config import Config
from goodfit.conformal import SET_SCORES, half_width, prediction_sets, set_thresholds
from goodfit.data.images import PixelPreparation
from goodfit.data.mapped import Rows
from goodfit.data.preparation import TablePreparation
from goodfit.data.target import TargetCode
from goodfit.data.treatment import Preparation, innermost, treatment
from goodfit.data.views import AS_IT_IS, seen, views_of
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.memory import MOST_ROWS, pieces
from goodfit.nn.models import make_module

IMAGES_AT_ONCE = 64
"""What convolutions compute for more images falls out of the processor's cache, and takes up to twice as long."""
_BUILDING = threading.RLock()
"""Held while a model's networks are made: threads that predict with it at the same time share them."""


@dataclass(frozen=True)
class Member:
    """One trained network: its config and weights, named as in its module's `state_dict`.

    Attributes:
        share: what its prediction counts in the average, relative to the other members'.
    """

    config: Config
    weights: dict[str, Tensor]
    share: float = 1.0


@dataclass(frozen=True)
class Model:
    """Networks whose predictions are averaged: values for regression, probabilities for classes.

    Attributes:
        preparations: how raw inputs become what the networks see, by `goodfit.data.treatment.treatment`.
        half_width: half the width of the prediction interval of each row, in the target's unit (regression), at
            the level `coverage`: the conformal quantile of the absolute errors on rows that the networks have not seen.
        temperature: of the averaged probabilities (`goodfit.calibration.tempered`); 1 leaves them as they are.
        set_thresholds: highest score in a prediction set at the level `coverage`, by `goodfit.conformal.SET_SCORES`.
        class_factors: what probabilities are multiplied by before the likeliest class is named; None decides by the
            probabilities themselves. The probabilities stay as they are.
        views: average each network's answers over the views that its own augmentation taught it not to mind
            (`goodfit.data.views`). Images only; predicting takes as many times as long as there are views.
    """

    members: Sequence[Member]
    preparations: dict[tuple[object, ...], Preparation]
    code: TargetCode
    target_name: str
    half_width: float | None = None
    coverage: float = 0.9
    id_name: str | None = None
    temperature: float = 1.0
    set_thresholds: Mapping[str, float] = field(default_factory=dict)
    class_factors: tuple[float, ...] | None = None
    views: bool = False
    _modules: list[nn.Module] = field(default_factory=list, repr=False, compare=False)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width of the images it was trained on; None of a table."""
        pixels = (innermost(preparation) for preparation in self.preparations.values())
        return next((p.size for p in pixels if isinstance(p, PixelPreparation)), None)

    @property
    def is_table(self) -> bool:
        """Whether the model reads columns rather than images."""
        return self.image_shape is None

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
        inputs = self._without_labels(inputs)
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
            x = prepared[treatment(member.config, self.is_table)]
            views = views_of(member.config.augment) if self.views else [AS_IT_IS]
            decoded = [self.code.decode(forward(module, x if view == AS_IT_IS else seen(x, view))) for view in views]
            total = total + member.share * sum(decoded) / len(views)
        average = np.asarray(total) / sum(member.share for member in self.members)
        return average if self.code.kind == "regression" else tempered(average, self.temperature)

    def _without_labels(self, inputs: pd.DataFrame | np.ndarray | Rows) -> pd.DataFrame | np.ndarray | Rows:
        """Leave out id and target, which every file may hold, so that no note says that they are not used."""
        if not isinstance(inputs, pd.DataFrame):
            return inputs
        readers = [innermost(preparation) for preparation in self.preparations.values()]
        needed = {name for reader in readers if isinstance(reader, TablePreparation) for name in reader.source_columns}
        labels = {self.id_name, self.target_name} - needed
        return inputs.drop(columns=[name for name in inputs.columns if str(name) in labels])

    def judged_by(self, truth: np.ndarray, predicted: np.ndarray, *, calibrate: bool) -> "Model":
        """Return the model with intervals (regression) or sets (classes) set by rows that no member has trained on.

        Args:
            truth: their target [n]. predicted: what the members predict for them on average, before any temperature.
            calibrate: let these rows also choose the temperature.
        """
        if self.code.kind == "regression":
            return replace(self, half_width=half_width(np.abs(truth - predicted), self.coverage))
        temperature = choose_temperature(truth, predicted) if calibrate else 1.0
        thresholds = set_thresholds(truth, tempered(predicted, temperature), self.coverage)
        return replace(self, temperature=temperature, set_thresholds=thresholds)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the index of the class that each row of probabilities [n, C] is taken for."""
        return decide(probabilities, self.class_factors)

    def sets(self, probabilities: np.ndarray, kind: str = "aps") -> np.ndarray:
        """Return the prediction set of each row of probabilities [n, C]: bool [n, C].

        Args:
            kind: `aps` or `lac` (`goodfit.conformal.SET_SCORES`).

        Raises:
            GoodfitError: there is no such kind, or the model has none (a regression; rows to set them by were missing).
        """
        if kind not in SET_SCORES:
            raise GoodfitError(
                f"prediction sets '{kind}' are unknown{did_you_mean(kind, SET_SCORES)}: choose one of {', '.join(SET_SCORES)}"
            )
        if kind not in self.set_thresholds:
            raise GoodfitError(
                "this model has no prediction sets: they are for classes, and 'goodfit train' makes them"
            )
        return prediction_sets(probabilities, kind, self.set_thresholds[kind])

    def table(
        self, inputs: pd.DataFrame | np.ndarray | Rows, notes: list[str] | None = None, sets: str | None = None
    ) -> pd.DataFrame:
        """Return predictions as columns: `prediction`, then `low`/`high` or a `p_<class>` for each class.

        The id, if any, is the first column; where it is called like one of these, ` (id)` is put behind its name.

        Args:
            sets: kind of prediction sets; adds `set`, its classes from the likeliest, parted by `|`, and `set_size`.
        """
        if sets is not None and self.code.kind == "regression":
            raise GoodfitError("prediction sets are for classes: a regression has the interval 'low' to 'high'")
        return self.columns(inputs, self.predict(inputs, notes), sets)

    def columns(
        self, inputs: pd.DataFrame | np.ndarray | Rows, predicted: np.ndarray, sets: str | None = None
    ) -> pd.DataFrame:
        """Return `table` of what `predict` gave for these inputs."""
        columns: dict[str, np.ndarray] = {}
        if self.code.kind == "regression":
            columns["prediction"] = predicted
            if self.half_width is not None:
                columns |= {"low": predicted - self.half_width, "high": predicted + self.half_width}
        else:
            columns["prediction"] = np.array(self.code.classes)[self.decide(predicted)]
            if sets is not None:
                inside = self.sets(predicted, sets)
                columns |= {"set": _listed(inside, predicted, self.code.classes), "set_size": inside.sum(1)}
            columns |= {f"p_{name}": predicted[:, i] for i, name in enumerate(self.code.classes)}
        table = pd.DataFrame(columns)
        if isinstance(inputs, pd.DataFrame) and self.id_name in inputs.columns:
            table.insert(0, free_name(str(self.id_name), "id", columns), inputs[self.id_name].to_numpy())
        return table

    def _built(self, prepared: dict[tuple[object, ...], np.ndarray]) -> list[nn.Module]:
        with _BUILDING:
            if not self._modules:
                shapes = [prepared[treatment(member.config, self.is_table)].shape[1:] for member in self.members]
                self._modules[:] = [
                    load_weights(make_module(member.config, shape, self.code.outputs), member)
                    for member, shape in zip(self.members, shapes, strict=True)
                ]
        return self._modules


def decide(probabilities: np.ndarray, factors: Sequence[float] | None) -> np.ndarray:
    """Return the likeliest class [n] of probabilities [n, C], each class' multiplied by its factor where there are any."""
    return np.asarray((probabilities if factors is None else probabilities * np.asarray(factors)).argmax(1))


def free_name(name: str, role: str, taken: Collection[str]) -> str:
    """Return the name of a column beside those of predictions: with its role behind it where the name is taken."""
    while name in taken:
        name += f" ({role})"
    return name


def _listed(inside: np.ndarray, p: np.ndarray, classes: Sequence[object]) -> np.ndarray:
    order = np.argsort(-p, axis=1, kind="stable")
    return np.array(
        ["|".join(str(classes[c]) for c in ranked if row[c]) for row, ranked in zip(inside, order, strict=True)],
        dtype=object,
    )


def load_weights(module: nn.Module, member: Member) -> nn.Module:
    """Put a member's weights into a freshly built module.

    Perceptrons predict in double precision: a row's prediction then does not depend, to the last digits of single
    precision, on the rows that are predicted beside it. Convolutions in double precision take ten times as long; those of
    named models have their channels last, with which they take half as long.
    """
    try:
        module.load_state_dict(member.weights)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise GoodfitError(f"the weights do not fit the model: {first}") from None
    if member.config.model == "mlp":
        return module.double().eval()
    if isinstance(member.config.model, str):  # a module of one's own may look at its values as if they lay as they came
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module.eval()


@torch.no_grad()
def forward(module: nn.Module, x: np.ndarray) -> np.ndarray:
    """Return a module's output [n, n_out] for prepared inputs, in evaluation mode."""
    dtype = next(module.parameters()).dtype
    at_once = MOST_ROWS if x.ndim == 2 else IMAGES_AT_ONCE
    # a copy, for a module of one's own may change its input in place, and the next network gets the same
    outputs = [module(chunk.to(dtype, copy=True)) for chunk in torch.from_numpy(x).split(at_once)]
    return torch.cat(outputs).reshape(len(x), -1).numpy()
