"""Simple models that a network must beat: constant, linear, gradient boosting, all from scikit-learn.

They see the same training part as the networks and stay in the report also when they win.
Adding one is adding one entry to `BASELINES`.
"""

import math
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
from threadpoolctl import threadpool_limits

from goodfit.config import Config
from goodfit.data.preparation import OrdinalPreparation
from goodfit.data.splits import FEWEST_ROWS
from goodfit.memory import pieces
from goodfit.task import PartName, Task

IMAGE_COMPONENTS = 50
"""Principal components that gradient boosting sees of an image: pixels one by one would take it minutes."""
MOST_LINEAR_ROWS = 20_000
"""Rows a logistic regression on images is fitted on at most (drawn from the training part)."""
SAMPLE_BYTES = 512 << 20
"""Images, in float32, that a baseline is fitted on at most where they are streamed (drawn likewise)."""


FEW_CELLS = 1_000_000
"""Rows x columns below which one thread fits a baseline: several would mostly wait for each other, and where other
programs work too they wait so long that a fit of 0.2 seconds takes 20."""
FEWEST_KNOWN = 20
"""Known values that a column of boosting needs: a leaf of the defaults holds as many rows, so that fewer never split."""
FIRST_ROUNDS = 5
"""Rounds of boosting that are taken in any case where time is short; they tell how many more there is time for."""


@dataclass(frozen=True)
class Fitted:
    """A baseline's predictions, [n] or probabilities [n, C], for the validation and the test part.

    `cut` says what a time limit left out of it; None where it is complete.
    """

    name: str
    about: str
    validation: np.ndarray
    test: np.ndarray
    seconds: float
    cut: str | None = None


Which = slice | np.ndarray
Inputs = Callable[[PartName, Which], np.ndarray]
"""Returns rows of a part as a baseline sees them: [len(rows), features]."""


def fit_baselines(
    task: Task, seed: int, heard: Callable[[str], None] = lambda name: None, seconds: float | None = None
) -> list[Fitted]:
    """Fit every baseline on the training part and predict the other two.

    Args:
        seconds: after which boosting, which takes longest, ends with the trees that it has.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    fitted = []
    for name, fit in BASELINES.items():
        heard(name)
        started = time.monotonic()
        about, inputs, model, rows = fit(task, seed)
        x, y = inputs("train", rows), task.truth("train")[rows]
        centre, scale = _centre_and_scale(y) if task.kind == "regression" else (0.0, 1.0)
        with warnings.catch_warnings(), threadpool_limits(1 if x.size < FEW_CELLS else None, "openmp"):
            warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline that stops early is still one
            cut = fit_until(model, x, y / scale - centre / scale, deadline)
            validation, test = (_predict(task, model, inputs, part) * scale + centre for part in ("validation", "test"))
        fitted.append(Fitted(name, about, validation, test, time.monotonic() - started, cut))
    return fitted


def fit_until(model: Any, x: np.ndarray, y: np.ndarray, deadline: float | None) -> str | None:
    """Fit a model; boosting in pieces where there is a deadline. Return what was left out of it."""
    if deadline is None or not isinstance(model, HistGradientBoostingRegressor | HistGradientBoostingClassifier):
        model.fit(x, y)
        return None
    whole, done = model.max_iter, 0
    model.set_params(warm_start=True)
    began = time.monotonic()
    while done == 0 or (done < whole and model.n_iter_ == done and time.monotonic() < deadline):
        now = time.monotonic()
        fitting = FIRST_ROUNDS if done == 0 else int((deadline - now) * done / max(now - began, 1e-9))
        done = min(whole, done + max(1, min(fitting, 2 * done or whole)))
        model.set_params(max_iter=done).fit(x, y)
    return f"ended after {done} of {whole} rounds" if done < whole and model.n_iter_ == done else None


Baseline = tuple[str, Inputs, Any, Which]
_ALL = slice(None)


def _constant(task: Task, seed: int) -> Baseline:
    def inputs(part: PartName, rows: Which) -> np.ndarray:
        return np.zeros((len(task.rows(part)[rows]), 1))

    if task.kind == "regression":
        return "the mean of the training target", inputs, DummyRegressor(), _ALL
    return (
        "the most frequent class, with the training shares as probabilities",
        inputs,
        DummyClassifier(strategy="prior"),
        _ALL,
    )


def _linear(task: Task, seed: int) -> Baseline:
    def inputs(part: PartName, rows: Which) -> np.ndarray:
        return _flat(task.samples(Config(numeric="standard"), part)[rows])

    if task.kind == "regression":
        rows, fitted_on = _sample(task, seed, None)
        about = f"ridge regression on the standardised {'columns' if task.is_table else 'pixels'}{fitted_on}"
        return about, inputs, RidgeCV(np.logspace(-3, 3, 13)), rows
    model = LogisticRegression(max_iter=200 if task.is_table else 50)
    rows, fitted_on = _sample(task, seed, MOST_LINEAR_ROWS)
    return f"logistic regression on the standardised inputs{fitted_on}", inputs, model, rows


def _boosting(task: Task, seed: int) -> Baseline:
    regression = task.kind == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    if task.is_table:
        prepared = OrdinalPreparation.fit(_table(task, "train"), task.columns or [])
        # scikit-learn cannot bin a column in which nothing is known, nor one whose few known values it sets aside
        known = (~np.isnan(prepared.transform(_table(task, "train")))).sum(0) >= FEWEST_KNOWN
        model = kind(random_state=seed, categorical_features=prepared.categorical)
        return (
            "scikit-learn's histogram gradient boosting, default settings",
            lambda part, rows: np.where(known, prepared.transform(_table(task, part).iloc[rows]), 0.0),
            model,
            _ALL,
        )
    sample, fitted_on = _sample(task, seed, None)
    train = _flat(task.samples(Config(), "train")[sample])
    reduction = PCA(min(IMAGE_COMPONENTS, *train.shape), random_state=seed, svd_solver="randomized").fit(train)
    about = (
        f"scikit-learn's histogram gradient boosting on {reduction.n_components_} principal components of the "
        f"{'pixels' if task.extractor is None else 'features'}"
    )

    def components(part: PartName, rows: Which) -> np.ndarray:
        return np.asarray(reduction.transform(_flat(task.samples(Config(), part)[rows])))

    return about + fitted_on, components, kind(random_state=seed, max_iter=60), sample


BASELINES: dict[str, Callable[[Task, int], Baseline]] = {
    "constant": _constant,
    "linear": _linear,
    "gradient boosting": _boosting,
}


def _centre_and_scale(y: np.ndarray) -> tuple[float, float]:
    """Return a target's mean and the power of two below its standard deviation.

    Centred and scaled by them a target of any size fits in the single precision of scikit-learn; a power of two rounds nothing.
    """
    largest = float(np.abs(y).max()) or 1.0
    unit = y / largest  # whose sum and squares do not overflow
    spread = largest * (float(unit.std()) or 1.0)
    return largest * float(unit.mean()), float(np.ldexp(1.0, np.frexp(spread)[1] - 1))


def _table(task: Task, part: PartName) -> pd.DataFrame:
    raw = task.raw(part)
    assert isinstance(raw, pd.DataFrame)
    return raw


def _flat(samples: np.ndarray) -> np.ndarray:
    return samples.reshape(len(samples), -1)


def _sample(task: Task, seed: int, most: int | None) -> tuple[Which, str]:
    """Return the training rows that a baseline is fitted on, sorted, with every class, and say so where some are left out.

    Args:
        most: images at most; where images are streamed, they are also kept to `SAMPLE_BYTES`.
    """
    total = len(task.rows("train"))
    if isinstance(task.inputs, pd.DataFrame):
        return _ALL, ""
    limits = [total] if most is None else [total, most]
    if task.why_streamed():
        limits.append(max(FEWEST_ROWS, SAMPLE_BYTES // (4 * math.prod(task.inputs.shape[1:]))))
    if min(limits) == total:
        return _ALL, ""
    order = np.random.default_rng(seed).permutation(total)
    rows = np.sort(order[: min(limits)])
    if task.kind != "regression":
        rows = np.union1d(rows, order[np.unique(task.truth("train")[order], return_index=True)[1]])
    return rows, f", fitted on {len(rows)} of {total} images, drawn at random"


def _predict(task: Task, model: Any, inputs: Inputs, part: PartName) -> np.ndarray:
    predict = model.predict if task.kind == "regression" else model.predict_proba
    together = [_ALL] if isinstance(task.inputs, pd.DataFrame) else pieces(len(task.rows(part)), task.inputs.shape[1:])
    return np.concatenate([np.asarray(predict(inputs(part, rows)), dtype=np.float64) for rows in together])
