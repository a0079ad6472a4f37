"""Baselines: they take what real tables hold, columns without known values and targets of any size."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from threadpoolctl import threadpool_limits

import goodfit as gf
from goodfit.baselines import FEWEST_KNOWN, fit_baselines
from goodfit.data.preparation import OrdinalPreparation


def table(n: int = 200, **columns: object) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=n), "b": random.normal(size=n), "c": random.choice(["x", "y"], n)})
    return frame.assign(y=2 * frame["a"] + frame["b"] + random.normal(size=n), **columns)


def predictions(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    with np.errstate(over="ignore"):  # the code of the target, which only networks use
        task = gf.Task.from_frame(frame, "y")
    return {fitted.name: fitted.test for fitted in fit_baselines(task, 0)}


@pytest.mark.parametrize("value", [1.5, "2020-01-01", "yes", "u"])
def test_boosting_leaves_out_columns_that_training_does_not_know(value: object) -> None:
    held_out = gf.Task.from_frame(table(), "y").rows("test")[:2]
    sparse = np.full(200, None, dtype=object)
    sparse[held_out] = value
    column = pd.Series(sparse, dtype=float if isinstance(value, float) else object)
    np.testing.assert_array_equal(
        predictions(table(sparse=column))["gradient boosting"], predictions(table())["gradient boosting"]
    )


def test_boosting_loses_nothing_by_leaving_out_columns_of_few_known_values() -> None:
    few = np.full(200, np.nan)
    random = np.random.default_rng(1)
    train = gf.Task.from_frame(table(), "y").rows("train")
    few[train[: FEWEST_KNOWN - 1]] = random.normal(size=FEWEST_KNOWN - 1)
    frame = table(few=few, much=np.where(random.random(200) < 0.5, np.nan, random.normal(size=200)))
    task = gf.Task.from_frame(frame, "y")
    prepared = OrdinalPreparation.fit(frame.iloc[train], task.columns or [])
    model = HistGradientBoostingRegressor(random_state=0, categorical_features=prepared.categorical)
    with threadpool_limits(1, "openmp"):
        model.fit(prepared.transform(frame.iloc[train]), task.truth("train"))
        expected = model.predict(prepared.transform(frame.iloc[task.rows("test")]))
    np.testing.assert_allclose(predictions(frame)["gradient boosting"], expected, rtol=1e-6)


def test_the_target_s_scale_changes_no_more_than_rounding() -> None:
    frame = table()
    task = gf.Task.from_frame(frame, "y")
    x = {part: task.samples(gf.Config(numeric="standard"), part) for part in ("train", "test")}
    model = RidgeCV(np.logspace(-3, 3, 13)).fit(x["train"], task.truth("train"))
    found = predictions(frame)
    np.testing.assert_allclose(found["linear"], model.predict(x["test"]), atol=1e-5)
    np.testing.assert_allclose(found["constant"], task.truth("train").mean(), rtol=1e-14)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-300, 1e-40, 1e40, 1e300])
def test_targets_of_any_size(factor: float) -> None:
    frame = table()
    expected = predictions(frame)
    for name, found in predictions(frame.assign(y=frame["y"] * factor)).items():
        np.testing.assert_allclose(found / factor, expected[name], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.filterwarnings("error")
def test_targets_over_many_orders_of_magnitude() -> None:
    frame = table()
    found = predictions(frame.assign(y=np.exp(60 * np.random.default_rng(0).normal(size=200))))
    assert all(np.isfinite(values).all() for values in found.values())


def test_a_far_off_target_keeps_its_digits() -> None:
    frame = table()
    expected = predictions(frame)
    for name, found in predictions(frame.assign(y=frame["y"] + 1e9)).items():
        np.testing.assert_allclose(found - 1e9, expected[name], atol=1e-4, err_msg=name)
