"""Judgements of the recipe: against closed forms, scikit-learn and constructed cases."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

import goodfit as gf
from goodfit.baselines import fit_until
from goodfit.data.target import TargetCode
from goodfit.ensemble import choose_ensemble
from goodfit.metrics import METRICS
from goodfit.recipe.importance import column_importance
from goodfit.recipe.judgement import FEWEST_RESAMPLES, RESAMPLES, against, bootstrap, class_picture
from goodfit.search.learning_rate import judge_rates
from goodfit.wording import figure


def test_bootstrap_of_a_mean_equals_its_normal_interval() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=2000)
    prediction = truth + random.normal(size=2000)
    scored = bootstrap(METRICS["mae"], truth, {"a": prediction}, seed=0)["a"]
    errors = np.abs(truth - prediction)
    expected = stats.norm.interval(0.95, errors.mean(), errors.std() / np.sqrt(2000))
    assert scored.value == pytest.approx(errors.mean()) and scored.interval == pytest.approx(expected, rel=0.01)


def test_a_perfect_accuracy_is_not_certain() -> None:
    truth = np.arange(40) % 2
    perfect = np.eye(2)[truth]
    low, high = bootstrap(METRICS["accuracy"], truth, {"a": perfect}, seed=0)["a"].interval
    assert (low, high) == pytest.approx((0.9124, 1.0), abs=1e-3)


@pytest.mark.parametrize(("shift", "better"), [(0.5, "network"), (-0.5, "baseline"), (0.0, "undecided")])
def test_paired_difference_decides(shift: float, better: str) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=400)
    noise = random.normal(size=(2, 400))
    predictions = {"network": truth + (1 - shift) * noise[0], "baseline": truth + (1 + shift) * noise[1]}
    scored = bootstrap(METRICS["rmse"], truth, predictions, seed=1)
    assert against(METRICS["rmse"], scored["network"], scored["baseline"])["better"] == better


def test_calibration_error_of_known_probabilities() -> None:
    p = np.tile([[0.8, 0.2]], (1000, 1))
    model = gf.Model([], {}, TargetCode(kind="binary", classes=(0, 1)), "t")
    picture = class_picture(np.r_[np.zeros(600, int), np.ones(400, int)], p, model)
    assert picture["calibration"]["ece"] == pytest.approx(0.2) and picture["confusion"] == [[600, 0], [400, 0]]


def test_rates_are_judged_by_rules() -> None:
    rates = np.geomspace(1e-4, 1, 5)
    losses = np.array([[1.0, 1.0], [0.4, 0.42], [0.3, 0.3], [0.35, 0.4], [np.nan, 0.2]])
    found = judge_rates(rates, losses, initial=1.1, steps=100)
    assert found.chosen == pytest.approx(0.01) and found.interval == pytest.approx((1e-3, 0.1))
    assert "From 1 on it grows or diverges" in found.text
    assert "At no rate" in judge_rates(rates, losses + 5, initial=1.1, steps=100).text
    with pytest.raises(gf.GoodfitError, match="every learning rate"):
        judge_rates(rates, np.full((5, 2), np.nan), 1.0, 100)


def test_ensemble_beats_its_members_and_orders_them(house_task: gf.Task) -> None:
    runs = gf.train(gf.vary(gf.Config(width=32, epochs=8, lr=5e-3, batch_size=32), seed=range(8)), house_task)
    choice = choose_ensemble(runs, 6)
    losses = [t.validation_loss for t in choice.members]
    assert losses == sorted(losses) and len(choice.losses) == 6
    assert choice.losses[len(choice.members) - 1] <= 1.005 * min(choice.losses) < choice.losses[0]
    prediction = choice.members.predict(house_task.raw("validation"))
    assert house_task.score(prediction, "validation") == pytest.approx(
        choice.metrics[len(choice.members) - 1], rel=1e-5
    )


def test_importance_finds_the_column_that_matters() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(600, 3)), columns=["much", "little", "none"])
    frame["t"] = 3 * frame["much"] + 0.7 * frame["little"]
    task = gf.Task.from_frame(frame, "t")
    model = gf.train(gf.Config(width=32, epochs=20, lr=5e-3, numeric="standard"), task).model()
    found = {row["column"]: row["increase"] for row in column_importance(task, model, seed=0)}
    assert (
        list(found) == ["much", "little", "none"]
        and found["much"] > 4 * found["little"] > 0
        and abs(found["none"]) < 0.1
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.47061, "0.4706"),
        (49873.2, "49,870"),
        (1234567.0, "1,235,000"),
        (1.0, "1"),
        (-0.000123456, "-0.0001235"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text


@pytest.mark.slow
def test_california_reaches_what_is_asked(real_data: object) -> None:
    """One ensemble of the recipe's kind on the P5 split; the bound leaves room over what was measured."""
    from sklearn.model_selection import train_test_split

    from goodfit.data.builtin import load_builtin

    train, test = train_test_split(load_builtin("california-housing").frame, test_size=0.2, random_state=5)
    task = gf.Task.from_frame(train.reset_index(drop=True), "MedHouseVal", test=test.reset_index(drop=True))
    config = gf.Config(
        numeric="piecewise",
        bins=64,
        dropout=0.1,
        weight_decay=0.03,
        lr=2e-3,
        batch_size=256,
        schedule="cosine",
        epochs=20,
    )
    runs = gf.train(gf.vary(config, seed=range(3)), task)
    assert task.score(runs.predict(task.raw("test")), "test") < 0.49
    first = task.matrix(gf.Config(numeric="standard"), "train")[0]
    assert len(first) == 8


def test_first_sample_of_the_house_prices_exercise(real_data: object) -> None:
    from sklearn.model_selection import train_test_split

    from goodfit.data.builtin import load_builtin

    frame = load_builtin("california-housing").frame[["AveRooms", "AveOccup", "MedHouseVal"]]
    train, test = train_test_split(frame, test_size=0.2, random_state=5)
    task = gf.Task.from_frame(
        train.reset_index(drop=True), "MedHouseVal", test=test.reset_index(drop=True), validation=0.0
    )
    assert (len(task.rows("train")), len(task.rows("test"))) == (16512, 4128)
    first = task.matrix(gf.Config(numeric="standard"), "train")[0]
    assert first == pytest.approx([-0.7866, -0.0164], abs=1e-4) and task.truth("train")[0] == 2.846


def test_judging_ends_when_its_time_is_over() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=50)
    predictions = {"a": truth + random.normal(size=50)}
    cut = bootstrap(METRICS["rmse"], truth, predictions, seed=0, seconds=0.0)["a"]
    whole = bootstrap(METRICS["rmse"], truth, predictions, seed=0, seconds=600.0)["a"]
    assert len(cut.draws) == FEWEST_RESAMPLES and len(whole.draws) == RESAMPLES
    np.testing.assert_array_equal(cut.draws, whole.draws[:FEWEST_RESAMPLES])
    task = gf.Task.from_arrays(random.normal(size=(400, 2)), random.normal(size=400), kind="regression")
    model = gf.train(gf.Config(width=4, epochs=1), task).model()
    assert column_importance(task, model, 0, seconds=1e-9) == []
    assert column_importance(task, model, 0, seconds=600.0) == column_importance(task, model, 0)


@pytest.mark.parametrize("kind", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
def test_boosting_ends_with_the_time_and_says_so(kind: type) -> None:
    x = np.random.default_rng(0).normal(size=(100, 2))
    y = x[:, 0] if kind is HistGradientBoostingRegressor else (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    whole, cut, hurried = (kind(max_iter=8, random_state=0) for _ in range(3))
    with threadpool_limits(1, "openmp"):
        assert fit_until(whole, x, y, None) is None
        assert fit_until(cut, x, y, time.monotonic()) == "ended after 5 of 8 rounds" and cut.n_iter_ == 5
        assert fit_until(hurried, x, y, time.monotonic() + 600) is None
    np.testing.assert_allclose(hurried.predict(x), whole.predict(x), rtol=1e-6)
    assert (cut.predict(x) != whole.predict(x)).any() or kind is HistGradientBoostingClassifier
