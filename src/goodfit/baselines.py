"""Simple models that a network must beat: constant, linear, gradient boosting, all from scikit-learn.

They see the same training part as the networks and stay in the report also when they win.
Adding one is adding one entry to `BASELINES`.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV

from goodfit.config import Config
from goodfit.data.preparation import OrdinalPreparation
from goodfit.task import PartName, Task

IMAGE_COMPONENTS = 50
"""Principal components that gradient boosting sees of an image: pixels one by one would take it minutes."""
MOST_LINEAR_ROWS = 20_000
"""Rows a logistic regression on images is fitted on at most (drawn from the training part)."""


@dataclass(frozen=True)
class Fitted:
    """A baseline's predictions, [n] or probabilities [n, C], for the validation and the test part."""

    name: str
    about: str
    validation: np.ndarray
    test: np.ndarray
    seconds: float


Inputs = Callable[[PartName], np.ndarray]


def fit_baselines(task: Task, seed: int, heard: Callable[[str], None] = lambda name: None) -> list[Fitted]:
    """Fit every baseline on the training part and predict the other two."""
    fitted = []
    for name, fit in BASELINES.items():
        heard(name)
        started = time.monotonic()
        about, inputs, model, rows = fit(task, seed)
        x = inputs("train")[rows]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline that stops early is still one
            model.fit(x, task.truth("train")[rows])
        validation, test = (_predict(task, model, inputs(part)) for part in ("validation", "test"))
        fitted.append(Fitted(name, about, validation, test, time.monotonic() - started))
    return fitted


Baseline = tuple[str, Inputs, Any, slice | np.ndarray]
_ALL = slice(None)


def _constant(task: Task, seed: int) -> Baseline:
    def inputs(part: PartName) -> np.ndarray:
        return np.zeros((len(task.rows(part)), 1))

    if task.kind == "regression":
        return "the mean of the training target", inputs, DummyRegressor(), _ALL
    return (
        "the most frequent class, with the training shares as probabilities",
        inputs,
        DummyClassifier(strategy="prior"),
        _ALL,
    )


def _linear(task: Task, seed: int) -> Baseline:
    def inputs(part: PartName) -> np.ndarray:
        return task.matrix(Config(numeric="standard"), part).reshape(len(task.rows(part)), -1)

    if task.kind == "regression":
        return "ridge regression on the standardised columns", inputs, RidgeCV(np.logspace(-3, 3, 13)), _ALL
    model = LogisticRegression(max_iter=200 if task.is_table else 50)
    rows: slice | np.ndarray = _ALL
    total = len(task.rows("train"))
    about = "logistic regression on the standardised inputs"
    if not task.is_table and total > MOST_LINEAR_ROWS:
        rows = np.random.default_rng(seed).permutation(total)[:MOST_LINEAR_ROWS]
        about += f", fitted on {MOST_LINEAR_ROWS} of {total} images"
    return about, inputs, model, rows


def _boosting(task: Task, seed: int) -> Baseline:
    regression = task.kind == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    if task.is_table:
        prepared = OrdinalPreparation.fit(_table(task, "train"), task.columns or [])
        model = kind(random_state=seed, categorical_features=prepared.categorical)
        return (
            "scikit-learn's histogram gradient boosting, default settings",
            lambda part: prepared.transform(_table(task, part)),
            model,
            _ALL,
        )
    flat: Inputs = lambda part: task.matrix(Config(), part).reshape(len(task.rows(part)), -1)  # noqa: E731
    train = flat("train")
    reduction = PCA(min(IMAGE_COMPONENTS, *train.shape), random_state=seed, svd_solver="randomized").fit(train)
    about = (
        f"scikit-learn's histogram gradient boosting on {reduction.n_components_} principal components of the pixels"
    )
    return about, lambda part: reduction.transform(flat(part)), kind(random_state=seed, max_iter=60), _ALL


BASELINES: dict[str, Callable[[Task, int], Baseline]] = {
    "constant": _constant,
    "linear": _linear,
    "gradient boosting": _boosting,
}


def _table(task: Task, part: PartName) -> pd.DataFrame:
    raw = task.raw(part)
    assert isinstance(raw, pd.DataFrame)
    return raw


def _predict(task: Task, model: Any, x: np.ndarray) -> np.ndarray:
    if task.kind == "regression":
        return np.asarray(model.predict(x), dtype=np.float64)
    return np.asarray(model.predict_proba(x), dtype=np.float64)
