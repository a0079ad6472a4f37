"""What goodfit stands beside: models that people take for tables, fitted on the same rows.

Each gets the training and the validation rows, as its user would give them; those that stop early keep the validation
part for that. None is tuned, as goodfit's preset is not.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import goodfit as gf
from goodfit.data.cells import as_text
from goodfit.data.columns import Column
from goodfit.data.preparation import OrdinalPreparation, TablePreparation

Prediction = np.ndarray
"""Values [n], or probabilities [n, C], of the test rows."""
Peer = Callable[[gf.Task, int], Prediction]


def linear(task: gf.Task, seed: int) -> Prediction:
    """Ridge with its own cross-validation, or logistic regression."""
    train, test = _one_hot(task)
    model = RidgeCV(np.logspace(-3, 3, 13)) if _regression(task) else LogisticRegression(max_iter=2000)
    return _predict(task, make_pipeline(StandardScaler(), model).fit(train, _target(task)), test)


def mlp(task: gf.Task, seed: int) -> Prediction:
    """scikit-learn's perceptron with its default settings, on standardised columns, the target too."""
    train, test = _one_hot(task)
    if not _regression(task):
        model = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed, max_iter=1000))
        return _predict(task, model.fit(train, _target(task)), test)
    y = _target(task)
    model = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed, max_iter=1000))
    return model.fit(train, (y - y.mean()) / y.std()).predict(test) * y.std() + y.mean()


def boosting(task: gf.Task, seed: int) -> Prediction:
    """scikit-learn's histogram gradient boosting with its default settings."""
    ordinal, train, _, test = _ordinal(task)
    kind = HistGradientBoostingRegressor if _regression(task) else HistGradientBoostingClassifier
    model = kind(random_state=seed, categorical_features=ordinal.categorical)
    return _predict(task, model.fit(train, _target(task)), test)


def xgboost(task: gf.Task, seed: int) -> Prediction:
    """XGBoost, 2,000 rounds of rate 0.05 at most, stopped on the validation part."""
    import xgboost

    _, _, (train, validation), test = _ordinal(task)
    kind = xgboost.XGBRegressor if _regression(task) else xgboost.XGBClassifier
    model = kind(n_estimators=2000, learning_rate=0.05, early_stopping_rounds=50, random_state=seed, verbosity=0)
    model.fit(train, task.truth("train"), eval_set=[(validation, task.truth("validation"))], verbose=False)
    return _predict(task, model, test)


def lightgbm(task: gf.Task, seed: int) -> Prediction:
    """LightGBM, 2,000 rounds of rate 0.05 at most, stopped on the validation part."""
    import lightgbm

    _, _, (train, validation), test = _ordinal(task)
    kind = lightgbm.LGBMRegressor if _regression(task) else lightgbm.LGBMClassifier
    model = kind(n_estimators=2000, learning_rate=0.05, random_state=seed, verbosity=-1)
    model.fit(
        train, task.truth("train"), eval_set=[(validation, task.truth("validation"))],
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )  # fmt: skip
    return _predict(task, model, test)


def realmlp(task: gf.Task, seed: int) -> Prediction:
    """RealMLP with tuned defaults (Holzmueller et al. 2024), from the authors' package."""
    import logging

    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    frames = [_filled(task, task.rows(part)) for part in ("train", "validation", "test")]
    kind = RealMLP_TD_Regressor if _regression(task) else RealMLP_TD_Classifier
    model = kind(device="cpu", random_state=seed, n_threads=2)
    model.fit(frames[0], task.truth("train"), frames[1], task.truth("validation"))
    return _predict(task, model, frames[2])


PEERS: dict[str, Peer] = {
    "linear": linear, "scikit-learn MLP": mlp, "scikit-learn boosting": boosting, "XGBoost": xgboost, "LightGBM": lightgbm,
    "RealMLP": realmlp,
}  # fmt: skip


def _regression(task: gf.Task) -> bool:
    return task.kind == "regression"


def _target(task: gf.Task) -> np.ndarray:
    return np.concatenate([task.truth("train"), task.truth("validation")])


def _predict(task: gf.Task, model: Any, test: Any) -> Prediction:
    return np.asarray(model.predict(test) if _regression(task) else model.predict_proba(test), dtype=np.float64)


def _frame(task: gf.Task) -> pd.DataFrame:
    if isinstance(task.inputs, pd.DataFrame):
        return task.inputs
    return pd.DataFrame(np.asarray(task.inputs, dtype=np.float64).reshape(len(task.inputs), -1)).rename(
        columns="x{}".format
    )


def _columns(task: gf.Task) -> list[Column]:
    frame = _frame(task)
    return task.columns or [Column(name=str(name), kind="number", used=True) for name in frame.columns]


def _one_hot(task: gf.Task) -> tuple[np.ndarray, np.ndarray]:
    frame, fitted = _frame(task), np.concatenate([task.rows("train"), task.rows("validation")])
    prepared = TablePreparation.fit(frame.iloc[fitted], _columns(task), numeric="standard")
    return prepared.transform(frame.iloc[fitted]).matrix, prepared.transform(frame.iloc[task.rows("test")]).matrix


def _ordinal(task: gf.Task) -> tuple[OrdinalPreparation, np.ndarray, list[np.ndarray], np.ndarray]:
    """Return the preparation, training with validation rows, the two apart, and the test rows."""
    frame, fitted = _frame(task), np.concatenate([task.rows("train"), task.rows("validation")])
    prepared = OrdinalPreparation.fit(frame.iloc[fitted], _columns(task))
    apart = [prepared.transform(frame.iloc[task.rows(part)]) for part in ("train", "validation")]
    return prepared, np.concatenate(apart), apart, prepared.transform(frame.iloc[task.rows("test")])


def _filled(task: gf.Task, rows: np.ndarray) -> pd.DataFrame:
    """Return the rows with medians for missing numbers and categories as such, as RealMLP takes them."""
    frame, found = _frame(task), {}
    for column in (column for column in _columns(task) if column.used):
        values = frame[column.name]
        if column.kind == "category":
            found[column.name] = pd.Categorical(as_text(values).fillna("(missing)").to_numpy(dtype=str))[rows]
        else:
            numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
            found[column.name] = numbers.fillna(numbers.iloc[task.rows("train")].median()).to_numpy()[rows]
    return pd.DataFrame(found)
