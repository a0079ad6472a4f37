"""`Task`: what is to be learnt: data in its splits, the kind, loss and metric."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from goodfit.config import Config
from goodfit.data.checks import DataWarning, check_balance, check_duplicates, check_leaks, check_size
from goodfit.data.columns import Column, infer_columns
from goodfit.data.decorrelation import Decorrelated
from goodfit.data.images import PixelPreparation, PreparedImages
from goodfit.data.mapped import Rows
from goodfit.data.nearby import choose_pair, coded_targets
from goodfit.data.neighboured import Neighboured, read_numbers
from goodfit.data.parts import as_array, as_table, chosen_rows, group_numbers, make_splits, stack, time_axis
from goodfit.data.preparation import TablePreparation
from goodfit.data.splits import FEWEST_ROWS, Splits, fold_numbers
from goodfit.data.target import Label, TargetCode, read_target
from goodfit.data.treatment import Extractor, Preparation, treatment
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.memory import CPU, pieces, too_large
from goodfit.metrics import Metric, TaskKind, find_metric
from goodfit.randomness import numpy_generator
from goodfit.wording import count

PartName = Literal["train", "validation", "test", "development"]


@dataclass(frozen=True)
class Task:
    """What is to be learnt. Build one with `from_frame`, `from_images`, `from_arrays` or `goodfit.load`.

    Attributes:
        inputs: the raw columns (DataFrame [n, columns]) or images [n, C, H, W], all parts together; images may be
            memory-mapped (`numpy.load(path, mmap_mode="r")`).
        target: float64 [n] in its own unit, or class indices int64 [n].
        columns: what was found about each column; None for images.
        code: how the target is coded, fitted on the training part.
        dropped: rows left out because their target is missing.
        as_is: networks see the inputs as they are; no setting prepares them.
        extractor: makes features of the images, once, which networks then see in their place.
    """

    name: str
    kind: TaskKind
    target_name: str
    inputs: pd.DataFrame | np.ndarray
    target: np.ndarray
    code: TargetCode
    splits: Splits
    metric: Metric
    columns: list[Column] | None
    ids: pd.Series | None = None
    dropped: int = 0
    notes: list[str] = field(default_factory=list)
    as_is: bool = False
    extractor: Extractor | None = None
    _prepared: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, target: str, *, name: str = "table", kind: TaskKind | Literal["auto"] = "auto",
        metric: str | None = None, id: str | None = None, group: str | None = None, time: str | None = None,
        test: float | str | pd.DataFrame = 0.2, validation: float | str | pd.DataFrame = 0.2, seed: int = 0,
        columns: list[Column] | None = None, notes: Sequence[str] = (),
    ) -> "Task":  # fmt: skip
        """Make a task of a table; names of columns are read as text.

        Args:
            kind: `auto` decides from the target and says so in `notes`.
            id: column that names the rows; kept out of the inputs, written beside predictions.
            group: column whose groups never stand in two parts. time: column by which the latest rows are held out.
            test, validation: share of the rows (of those that remain), or a table of its own; "auto" is a fifth, but no more
                than 6,000 rows.
            columns: what is known of the columns; inferred where left out.

        Raises:
            GoodfitError: no such column, a target without use, too few rows; one line each.
        """
        frame = as_table(frame, name)
        if target is None:
            raise GoodfitError(f"target is None: name the column to predict; the columns are {_listed(frame.columns)}")
        target = str(target)
        id, group, time = (None if column is None else str(column) for column in (id, group, time))
        for role, column in (("target", target), ("id", id), ("group", group), ("time", time)):
            if column is not None and column not in frame.columns:
                raise GoodfitError(
                    f"no {role} column '{column}' in {name}{did_you_mean(column, map(str, frame.columns))}: "
                    f"the columns are {_listed(frame.columns)}"
                )
        for role, column in (("id", id), ("group", group)):
            if column == target:
                raise GoodfitError(
                    f"column '{target}' of {name} is both the target and the {role}: name another column, or leave --{role} out"
                )
        notes = list(notes)
        frame, fixed = stack(frame, {"test": test, "validation": validation}, target, name)
        known = frame[target].notna().to_numpy()
        dropped = int((~known).sum())
        if dropped:
            notes.append(f"{dropped} rows have no value in the target '{target}' and are left out")
            frame = frame[known].reset_index(drop=True)
            fixed = {part: fixed[part][known] for part in fixed}
        if len(frame) < FEWEST_ROWS:
            raise GoodfitError(
                f"{name} has {count(len(frame), 'row')} with a target: at least {FEWEST_ROWS} are needed to train, validate and test"
            )
        values, kind, classes = read_target(frame[target], target, kind, notes)
        aside = {target, *(c for c in (id, group) if c is not None)}
        columns = columns or infer_columns(frame, exclude=aside)
        if not any(column.used for column in columns):
            raise GoodfitError(
                f"{name} has no usable column beside the target '{target}': every other column is empty, constant or an identifier"
            )
        splits = make_splits(
            values, classes, fixed, {"test": test, "validation": validation}, seed,
            groups=None if group is None else group_numbers(frame[group], fixed),
            time=None if time is None else time_axis(frame[time], time),
        )  # fmt: skip
        return cls._finish(
            name, kind, target, frame[[column.name for column in columns]], values, classes, splits, metric,
            columns=columns, ids=None if id is None else frame[id], dropped=dropped, notes=notes,
        )  # fmt: skip

    @classmethod
    def from_images(
        cls, images: np.ndarray, labels: np.ndarray | Sequence[Label], *, name: str = "images", target: str = "label",
        kind: TaskKind | Literal["auto"] = "auto", metric: str | None = None, test: float | str = 0.2,
        test_rows: np.ndarray | None = None, validation: float | str = 0.2, seed: int = 0, notes: Sequence[str] = (),
    ) -> "Task":  # fmt: skip
        """Make a task of images [n, C, H, W] (uint8 or float) and their labels [n]; images without a label are left out.

        `test_rows` names a fixed test part, by row numbers or a mask [n]; without it a share `test` is held out.
        """
        images, truth = as_array(images, "images"), as_array(labels, "labels")
        if images.ndim != 4 or truth.ndim != 1 or len(images) != len(truth):
            raise GoodfitError(
                f"images have shape {images.shape} and labels {truth.shape}: images must be [n, C, H, W], one label each"
            )
        if images.dtype.kind not in "biuf":
            raise GoodfitError(f"images are of type {images.dtype}: pixels must be bytes or floats")
        notes, column = list(notes), pd.Series(truth)
        fixed = {} if test_rows is None else {"test": chosen_rows(test_rows, len(images), "test_rows")}
        known = column.notna().to_numpy()
        dropped = int((~known).sum())
        if dropped:
            notes.append(f"{dropped} images have no label and are left out")
            images, column = images[known], column[known].reset_index(drop=True)
            fixed = {part: rows[known] for part, rows in fixed.items()}
            if "test" in fixed and not fixed["test"].any():
                raise GoodfitError("no image that test_rows names has a label: name others, or leave it out")
        if len(images) < FEWEST_ROWS:
            raise GoodfitError(
                f"{name} has {count(len(images), 'image')} with a label: at least {FEWEST_ROWS} are needed to train, validate and test"
            )
        values, kind, classes = read_target(column, target, kind, notes)
        splits = make_splits(values, classes, fixed, {"test": test, "validation": validation}, seed)
        return cls._finish(
            name, kind, target, images, values, classes, splits, metric, columns=None, dropped=dropped, notes=notes
        )

    @classmethod
    def from_arrays(
        cls, x: np.ndarray, y: np.ndarray, *, name: str = "arrays", kind: TaskKind | Literal["auto"] = "auto",
        metric: str | None = None, test: float = 0.2, validation: float = 0.2, seed: int = 0,
        feature_names: Sequence[str] | None = None,
    ) -> "Task":  # fmt: skip
        """Make a task of numbers x [n, features] (every feature is used as a number) or images x [n, C, H, W].

        Rows without a y are left out; `feature_names` are read as text.
        """
        x, y = as_array(x, "x"), as_array(y, "y")
        if x.ndim == 4:
            return cls.from_images(
                x, y, name=name, kind=kind, metric=metric, test=test, validation=validation, seed=seed
            )
        if x.ndim != 2 or y.ndim != 1 or len(x) != len(y):
            raise GoodfitError(f"x has shape {x.shape} and y {y.shape}: x must be [n, features] or [n, C, H, W], y [n]")
        names = [f"x{i}" for i in range(x.shape[1])] if feature_names is None else [str(n) for n in feature_names]
        if len(names) != x.shape[1]:
            raise GoodfitError(f"feature_names holds {len(names)} names for {x.shape[1]} features: give one for each")
        target = "target" if "target" not in names else "goodfit target"
        frame = as_table(pd.DataFrame(_numbers(x), columns=names), name)
        columns = [Column(name=n, kind="number", used=True, reason="", missing=0, distinct=0) for n in names]
        return cls.from_frame(
            frame.assign(**{target: y}), target, name=name, kind=kind, metric=metric, test=test, validation=validation,
            seed=seed, columns=columns,
        )  # fmt: skip

    @classmethod
    def from_prepared(
        cls, train: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray], *, outputs: int,
        name: str = "data", metric: str | None = None, notes: Sequence[str] = (),
    ) -> "Task":  # fmt: skip
        """Make a task of inputs [n, ...] that networks see as they are, with a target [n] in the unit of their outputs.

        Args:
            train, validation: x and y of each part. Whole numbers are class indices, others the target of a regression.
            outputs: of the network: the number of classes; 1 for regression.

        Raises:
            GoodfitError: shapes, lengths or types that do not fit, or values that are not finite; one line each.
        """
        first, second = _given_part(train, "training"), _given_part(validation, "validation")
        if first[0].shape[1:] != second[0].shape[1:]:
            raise GoodfitError(
                f"samples of the training and the validation part have shapes {first[0].shape[1:]} and {second[0].shape[1:]}: "
                "they must be the same"
            )
        border, whole = len(first[1]), first[1].dtype.kind != "f"
        if whole != (second[1].dtype.kind != "f"):
            raise GoodfitError(
                f"y is {first[1].dtype} in the training and {second[1].dtype} in the validation part: "
                "both must be whole numbers (classes), or both floats (a regression)"
            )
        x, y = (np.concatenate([a, b]) for a, b in zip(first, second, strict=True))
        if not isinstance(outputs, Integral) or outputs < 1:
            raise GoodfitError(f"outputs is {outputs!r}: it must be a whole number of 1 or more")
        if whole != (outputs > 1):
            raise GoodfitError(
                f"y is {first[1].dtype} and outputs is {outputs}: whole numbers are classes, with an output for each, and floats a "
                "regression, with 1 output"
            )
        if whole and not 0 <= y.min() <= y.max() < outputs:
            raise GoodfitError(
                f"classes run from {y.min()} to {y.max()}: with {outputs} outputs they must be 0 to {outputs - 1}"
            )
        classes = tuple(range(outputs)) if whole else ()
        kind: TaskKind = "regression" if not classes else "binary" if outputs == 2 else "multiclass"
        splits = Splits(
            np.arange(border),
            np.arange(border, len(y)),
            np.arange(0),
            "parts as given",
            fixed="the validation part was given",
        )
        return cls(
            name, kind, "target", x, y, TargetCode(kind=kind, classes=classes), splits, find_metric(metric, kind), None,
            notes=list(notes), as_is=True,
        )  # fmt: skip

    @classmethod
    def _finish(
        cls, name: str, kind: TaskKind, target_name: str, inputs: pd.DataFrame | np.ndarray, values: np.ndarray,
        classes: tuple[Label, ...], splits: Splits, metric: str | None, *, columns: list[Column] | None,
        ids: pd.Series | None = None, dropped: int = 0, notes: list[str],
    ) -> "Task":  # fmt: skip
        missing = [str(c) for i, c in enumerate(classes) if i not in set(values[splits.train].tolist())]
        if missing:
            raise GoodfitError(
                f"no training row of class '{missing[0]}' is left after the split ({len(missing)} such classes): "
                "it needs more rows, or another split"
            )
        code = TargetCode.fit(kind, classes, values[splits.train])
        return cls(
            name, kind, target_name, inputs, values, code, splits, find_metric(metric, kind), columns,
            None if ids is None else ids.reset_index(drop=True), dropped, notes,
        )  # fmt: skip

    @property
    def is_table(self) -> bool:
        """Whether the inputs are columns rather than images."""
        return isinstance(self.inputs, pd.DataFrame)

    def rows(self, part: PartName) -> np.ndarray:
        """Return the row numbers of a part."""
        return self.splits.rows(part)

    def raw(self, part: PartName) -> pd.DataFrame | np.ndarray | Rows:
        """Return the raw inputs of a part; those of memory-mapped images are read when asked for."""
        rows = self.rows(part)
        if isinstance(self.inputs, pd.DataFrame):
            return self.inputs.iloc[rows]
        return Rows(self.inputs, rows) if isinstance(self.inputs, np.memmap) else self.inputs[rows]

    def truth(self, part: PartName) -> np.ndarray:
        """Return the target of a part: numbers in their unit, or class indices."""
        return self.target[self.rows(part)]

    def judged_by(self, config: Config) -> tuple[PartName, np.ndarray]:
        """Return the part on which a training is measured, and which of its rows judge it: bool [n].

        All rows of the validation part; in a cross-validation (`Config.fold`) those of the development part that are
        in the training's fold.
        """
        if config.fold is None:
            return "validation", np.ones(len(self.rows("validation")), bool)
        repeat, fold, folds = config.fold
        return "development", self.folds(repeat, folds) == fold

    def folds(self, repeat: int, folds: int) -> np.ndarray:
        """Return the fold of every row of the development part: int64 [n]; classes keep their shares, groups stay whole.

        Raises:
            GoodfitError: the rows must not change places (a given validation part, the future held out), or are too few.
        """
        rows = self.rows("development")
        if self.splits.fixed:
            raise GoodfitError(
                f"setting 'fold' is for rows that may change places, and {self.splits.fixed}: leave it out"
            )
        if len(rows) < 2 * folds:
            raise GoodfitError(f"setting 'fold' asks for {folds} folds of {len(rows)} rows: each needs at least 2")
        strata = None if self.kind == "regression" else self.target
        return self._cached(
            ("folds", repeat, folds),
            lambda: fold_numbers(rows, folds, repeat, strata=strata, groups=self.splits.groups),
        )

    def preparation(self, config: Config) -> Preparation:
        """Return the preparation that a config asks for, fitted on the training part (once)."""
        return self._cached(("preparation", *treatment(config, self.is_table)), lambda: self._fit_preparation(config))

    def matrix(self, config: Config, part: PartName) -> np.ndarray:
        """Return a part as a config's networks see it: float32 [n, n_in] or [n, C, H, W]."""

        if self.as_is:
            return np.ascontiguousarray(self._in_memory(part), dtype=np.float32)

        def prepare() -> np.ndarray:
            preparation = self.preparation(config)
            if self.extractor is not None:
                return preparation.scaled(self._features(part))  # type: ignore[union-attr]
            if isinstance(preparation, PixelPreparation):
                return self._images(part, preparation).all()
            if part == "train" and isinstance(preparation, Neighboured):
                return preparation.transform_training(self._table("train")).matrix
            return preparation.transform(self._in_memory(part)).matrix  # type: ignore[arg-type, union-attr]

        return self._cached((part, *treatment(config, self.is_table)), prepare)

    def samples(self, config: Config, part: PartName, device: torch.device = CPU) -> np.ndarray | PreparedImages:
        """Return a part's samples by row: `matrix` where all fit in memory, else prepared when they are asked for."""
        if self.as_is:
            return self.matrix(config, part)
        preparation = self.preparation(config)
        if isinstance(preparation, PixelPreparation) and self.why_streamed(device):
            return self._images(part, preparation)
        return self.matrix(config, part)

    def why_streamed(self, device: torch.device = CPU) -> str | None:
        """Say why the prepared data are not held in memory, or return None. Tables always are, images if they fit."""
        if isinstance(self.inputs, pd.DataFrame):
            return None
        needed = 4 * self.inputs.size  # float32
        return self._cached(  # once, for training itself changes what is free
            ("streamed", str(device)), lambda: too_large(needed, CPU) or too_large(needed, device)
        )

    def score(self, prediction: np.ndarray, part: PartName) -> float:
        """Return the metric of predictions [n] (regression) or probabilities [n, C] on a part."""
        return self.metric.of(self.truth(part), prediction)

    def warnings(self) -> list[DataWarning]:
        """Look for what should make one doubt a score on these data."""
        train, held_out = self.rows("train"), np.concatenate([self.rows("validation"), self.rows("test")])
        found = check_size(len(train))
        if self.kind != "regression":
            found += check_balance(self.target[train], self.code.classes, self.metric.name)
        if isinstance(self.inputs, pd.DataFrame):
            used = self.inputs[[column.name for column in self.columns or [] if column.used]]
            found += check_duplicates(used, train, held_out)
            found += check_leaks(used.iloc[train], self.target[train], self.kind != "regression")
        return found

    def fingerprint(self) -> str:
        """Return a SHA-256 over inputs, how they are read, target and splits; equal data in equal splits agree."""

        def compute() -> str:
            digest = hashlib.sha256()
            if isinstance(self.inputs, pd.DataFrame):
                digest.update("\x1f".join(map(str, self.inputs.columns)).encode())
                digest.update(pd.util.hash_pandas_object(self.inputs, index=False).to_numpy().tobytes())
            else:
                images = Rows(self.inputs, np.arange(len(self.inputs)))
                for piece in pieces(len(images), images.shape[1:]):
                    digest.update(images[piece].data)
            if self.extractor is not None:
                digest.update(self.extractor.digest.encode())
            for part in (self.target, self.splits.train, self.splits.validation, self.splits.test):
                digest.update(np.ascontiguousarray(part).tobytes())
            columns = [(column.name, column.kind, column.used) for column in self.columns or []]
            digest.update(json.dumps([self.kind, self.as_is, columns]).encode())
            if self.splits.groups is not None:
                digest.update(np.ascontiguousarray(self.splits.groups).tobytes())
            return digest.hexdigest()

        return self._cached(("fingerprint",), compute)

    def near_columns(self, setting: str) -> tuple[str, ...] | None:
        """Return the columns in which `Config.neighbours` looks; None where it is `none`, or `auto` finds no map.

        Raises:
            GoodfitError: not a table, or a name that is no column of numbers.
        """
        if setting == "none":
            return None
        if not isinstance(self.inputs, pd.DataFrame):
            raise GoodfitError(f"setting 'neighbours' is '{setting}', which is for tables: leave it out for images")
        numbers = [column.name for column in self.columns or [] if column.used and column.kind == "number"]
        if setting == "auto":
            return self._cached(("near columns",), lambda: self._choose_near_columns(numbers))
        names = tuple(name.strip() for name in setting.split("+"))
        for name in names:
            if name not in numbers:
                raise GoodfitError(
                    f"setting 'neighbours' is '{setting}': '{name}' is no column of numbers{did_you_mean(name, numbers)}, "
                    "give auto, none or such columns joined by +"
                )
        return names

    def _choose_near_columns(self, numbers: list[str]) -> tuple[str, ...] | None:
        frame = self._table("train")
        complete = [name for name in numbers if frame[name].notna().any()]
        if len(complete) < 2:
            return None
        values = read_numbers(frame, complete)
        values = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
        pair = choose_pair(values, self._near_targets(), numpy_generator(0, "near columns"))
        return None if pair is None else (complete[pair[0]], complete[pair[1]])

    def _near_targets(self) -> np.ndarray:
        return coded_targets(self.code.encode(self.truth("train")), len(self.code.classes))

    def _fit_preparation(self, config: Config) -> Preparation:
        if self.extractor is not None:
            return self.extractor.fitted(self._features("train"))
        near = self.near_columns(config.neighbours)
        if config.neighbours != "none":
            before = self.preparation(config.replace(neighbours="none"))
            if near is None:
                return before
            assert isinstance(before, TablePreparation | Decorrelated)
            return Neighboured.fit(
                before, self._table("train"), near, self._near_targets(),
                numeric=config.numeric, bins=config.bins,
            )  # fmt: skip
        if config.decorrelate != "none":
            why = self.why_streamed()
            if why:
                raise GoodfitError(f"setting 'decorrelate' needs all samples in memory, and {why}: leave it out")
            before = self.preparation(config.replace(decorrelate="none"))
            assert isinstance(before, TablePreparation | PixelPreparation)
            return Decorrelated.fit(before, self._in_memory("train"), config.decorrelate)
        if isinstance(self.inputs, pd.DataFrame):
            train = self.inputs.iloc[self.rows("train")]
            return TablePreparation.fit(train, self.columns or [], numeric=config.numeric, bins=config.bins)
        return PixelPreparation.fit(Rows(self.inputs, self.rows("train")), config.pixels)

    def _features(self, part: PartName) -> np.ndarray:
        """Return the extractor's features of a part (once)."""
        assert self.extractor is not None and isinstance(self.inputs, np.ndarray)
        images, extractor = Rows(self.inputs, self.rows(part)), self.extractor
        return self._cached(("features", part), lambda: extractor.features(images))

    def _table(self, part: PartName) -> pd.DataFrame:
        raw = self.raw(part)
        assert isinstance(raw, pd.DataFrame)
        return raw

    def _in_memory(self, part: PartName) -> pd.DataFrame | np.ndarray:
        raw = self.raw(part)
        return raw[:] if isinstance(raw, Rows) else raw

    def _images(self, part: PartName, preparation: PixelPreparation) -> PreparedImages:
        assert isinstance(self.inputs, np.ndarray)
        return PreparedImages(Rows(self.inputs, self.rows(part)), preparation)

    def _cached(self, key: tuple[Any, ...], compute: Any) -> Any:
        if key not in self._prepared:
            self._prepared[key] = compute()
        return self._prepared[key]


def _listed(names: Any, most: int = 12) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def _numbers(x: np.ndarray) -> np.ndarray:
    """Return x where every value is a real number, also one that is written as text."""
    if x.dtype.kind in "OSU":
        try:
            return x.astype(np.float64)
        except (TypeError, ValueError):
            raise GoodfitError(
                "x holds what is no real number: give numbers, or a table with its text to Task.from_frame"
            ) from None
    if x.dtype.kind not in "biuf":
        raise GoodfitError(f"x is of type {x.dtype}: give real numbers, or a table with its dates to Task.from_frame")
    return x


def _given_part(pair: Any, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return x [n, ...] and y [n] of a part as they were given, yes and no as the classes 1 and 0."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise GoodfitError(f"the {part} part is a {type(pair).__name__}: it must be a pair (x, y)")
    x, y = (as_array(values, f"{what} of the {part} part") for what, values in zip("xy", pair, strict=True))
    if x.ndim == 0 or y.ndim != 1 or len(x) != len(y):
        raise GoodfitError(f"the {part} part has x {x.shape} and y {y.shape}: they must be [n, ...] and [n]")
    if not len(y):
        raise GoodfitError("training and validation part need at least one sample each")
    for what, values in (("x", x), ("y", y)):
        if values.dtype.kind not in "biuf":
            raise GoodfitError(f"{what} of the {part} part is of type {values.dtype}: it must hold real numbers")
        if not np.isfinite(values).all():
            raise GoodfitError(
                f"{what} of the {part} part holds values that are not finite: mend or remove those samples"
            )
    return x, y.astype(np.int64) if y.dtype == bool else y
