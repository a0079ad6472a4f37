"""`Runs`: what is compared, and what it refuses."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import goodfit as gf
from goodfit.runs import Runs

CONFIG = gf.Config(epochs=3, width=8, batch_size=16)


@pytest.fixture(scope="module")
def task() -> gf.Task:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 4))
    return gf.Task.from_arrays(x, (x[:, 0] + random.normal(size=200) > 0).astype(int))


@pytest.fixture(scope="module")
def grid(task: gf.Task) -> Runs:
    return gf.train(gf.vary(CONFIG, lr=[1e-3, 1e-2], width=[8, 16, 32], seed=range(3)), task)


@pytest.fixture(scope="module")
def pair(task: gf.Task) -> Runs:
    return gf.train(gf.vary(CONFIG, seed=range(2)), task)


def test_what_else_varies_is_averaged_within_a_seed(grid: Runs) -> None:
    frame = grid.frame()
    seeds = frame.groupby(["lr", "seed"])["validation_loss"].mean().unstack()
    table = grid.compare("lr", value="validation_loss").set_index("lr")
    assert table["n"].tolist() == [3, 3]
    for lr in (1e-3, 1e-2):
        assert table["mean"][lr] == pytest.approx(frame.loc[frame["lr"] == lr, "validation_loss"].mean())
        low, high = stats.t.interval(0.95, 2, seeds.loc[lr].mean(), stats.sem(seeds.loc[lr]))
        assert (table["low"][lr], table["high"][lr]) == pytest.approx((low, high))
    worse = table["mean"].idxmax()
    expected = stats.ttest_rel(seeds.loc[worse], seeds.drop(worse).iloc[0]).confidence_interval()
    found = table.loc[worse, ["difference_low", "difference_high"]].tolist()
    assert found == pytest.approx([expected.low, expected.high])


def test_folds_are_averaged_within_a_seed(task: gf.Task) -> None:
    runs = gf.train(gf.vary(CONFIG, lr=[1e-3, 1e-2], fold=[(0, k, 3) for k in range(3)], seed=range(2)), task)
    means = runs.frame().groupby("lr")["validation_metric"].mean()
    table = runs.compare().set_index("lr")
    assert table["n"].tolist() == [2, 2] and table["mean"].to_dict() == pytest.approx(means.to_dict())


def test_a_seed_of_which_one_training_diverged_is_left_out(grid: Runs) -> None:
    broken = grid.frame().query("lr == 0.001 and width == 32 and seed == 1")["id"].item()
    runs = Runs(grid.task, [dataclasses.replace(t, reason="diverged") if t.id == broken else t for t in grid])
    rows = runs.compare("lr", value="validation_loss").set_index("lr")
    frame = grid.frame().query("lr == 0.001 and seed != 1")
    assert rows["n"].to_dict() == {1e-3: 2, 1e-2: 3} and rows["diverged"].to_dict() == {1e-3: 1, 1e-2: 0}
    assert rows["mean"][1e-3] == pytest.approx(frame["validation_loss"].mean())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda runs: runs.compare(value="foo"), "value 'foo' cannot be compared: choose one of validation_metric, validation_loss"),
        (lambda runs: runs.compare(value="validation_los"), r"did you mean 'validation_loss'\?"),
        (lambda runs: runs.compare(level=2), "level is 2: it must lie between 0 and 1, such as 0.95"),
        (lambda runs: runs.compare(level="a"), "level is 'a'"),
        (lambda runs: runs.best(-1), "count is -1: it must be a whole number of 1 or more"),
        (lambda runs: runs.best(0.5), "count is 0.5"),
        (lambda runs: runs.model([0, 0]), r"shares are \[0.0, 0.0\]: each must be finite, none below 0, and one above 0"),
        (lambda runs: runs.model([-1, 1]), r"shares are \[-1.0, 1.0\]"),
        (lambda runs: runs.model([np.nan, 1]), r"shares are \[nan, 1.0\]"),
        (lambda runs: runs.model([1]), r"shares have shape \(1,\): give one number for each of 2 trainings"),
        (lambda runs: runs.model(["a", 1]), "shares hold what is no number"),
        (lambda runs: runs.unseen([1, 2, 3]), r"shares have shape \(3,\)"),
        (lambda runs: runs.predict(np.zeros((3, 4))), "the rows are a ndarray: give a pandas DataFrame with the columns x0, x1, x2, x3"),
        (lambda runs: runs.predict(None), "the rows are a NoneType"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_line(pair: Runs, call: Any, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        call(pair)
    assert "\n" not in str(caught.value)


def test_shares_weigh_the_average(pair: Runs) -> None:
    rows = pair.task.raw("validation")
    first, second = (Runs(pair.task, [t]).predict(rows) for t in pair)
    np.testing.assert_allclose(pair.model([3, 1]).predict(rows), (3 * first + second) / 4, rtol=1e-9)
    np.testing.assert_allclose(pair.model([0, 1]).predict(rows), second, rtol=1e-9)


def test_no_trainings_have_no_curves(pair: Runs) -> None:
    none = pair.filter(lambda t: False).curves()
    assert none.empty and none.columns.tolist() == pair.curves().columns.tolist()
    assert isinstance(none, pd.DataFrame)
