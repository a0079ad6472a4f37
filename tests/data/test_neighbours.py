"""Neighbours' targets as features: leave-one-out, the choice of columns, the whole way to a model folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsRegressor

import goodfit as gf
from goodfit.data.nearby import COUNTS, Nearby, choose_pair
from goodfit.recipe.candidates import describe_candidates
from goodfit.training import load_model, save_model


def _map_frame(rows: int, seed: int = 0) -> pd.DataFrame:
    """A target that hangs on two columns like a map in fine grain, and on a third along a line."""
    random = np.random.default_rng(seed)
    east, north, other, noise = random.uniform(0, 1, (4, rows))
    height = np.sin(25 * east) * np.sin(25 * north)
    return pd.DataFrame({"east": east, "noise": noise, "north": north, "other": other, "target": height + 0.3 * other})


def test_neighbours_of_new_rows_equal_scikit_learns() -> None:
    random = np.random.default_rng(1)
    values, targets, new = random.normal(size=(300, 2)), random.normal(size=(300, 1)), random.normal(size=(20, 2))
    nearby = Nearby.fit(values, targets)

    def weights(distances: np.ndarray) -> np.ndarray:
        return np.exp(-2 * (distances / distances[:, -1:]) ** 2)

    for place, count in enumerate(COUNTS):
        peer = KNeighborsRegressor(count, weights=weights).fit((values - values.mean(0)) / values.std(0), targets[:, 0])
        expected = peer.predict((new - values.mean(0)) / values.std(0))
        np.testing.assert_allclose(nearby.features(new)[:, 2 * place], expected, rtol=1e-9)


def test_a_training_row_is_never_told_its_own_target() -> None:
    random = np.random.default_rng(2)
    values, targets = random.normal(size=(200, 2)), random.normal(size=(200, 1))
    values[50] = values[51]  # equal rows are neighbours of each other
    before = Nearby.fit(values, targets).own_features()
    for row in (0, 50, 51, 199):
        changed = targets.copy()
        changed[row] = 1e6
        np.testing.assert_array_equal(Nearby.fit(values, changed).own_features()[row], before[row])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 120), st.integers(1, 4))
def test_features_of_any_rows_are_finite_also_where_all_are_equal(seed: int, rows: int, distinct: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, distinct, (rows, 2)).astype(float)
    nearby = Nearby.fit(values, random.normal(size=(rows, 2)))
    told = 2 * len(nearby.counts) + len(nearby.counts) + 2
    assert nearby.own_features().shape == (rows, told)
    assert nearby.features(values + 0.1).shape == (rows, told)
    assert np.isfinite(nearby.own_features()).all()
    assert np.isfinite(nearby.features(values)).all()


def test_the_two_columns_of_a_map_are_found_and_no_others() -> None:
    frame = _map_frame(3000)
    values, targets = frame[["noise", "other", "north", "east"]].to_numpy(), frame[["target"]].to_numpy()
    assert choose_pair(values, targets, np.random.default_rng(0)) == (2, 3)
    straight = (frame.other + frame.noise).to_numpy()[:, None]
    assert choose_pair(values[:, [0, 1]], straight, np.random.default_rng(0)) is None
    assert choose_pair(values, targets[np.random.default_rng(0).permutation(3000)], np.random.default_rng(0)) is None
    assert choose_pair(values[:500], targets[:500], np.random.default_rng(0)) is None  # too few rows to tell
    assert gf.Task.from_frame(frame, "target").near_columns("auto") == ("east", "north")


def test_networks_told_of_neighbours_are_better_on_a_map_and_survive_the_disk(tmp_path: Path) -> None:
    frame = _map_frame(2500)
    frame.loc[[3, 1400], "east"] = np.nan
    task = gf.Task.from_frame(frame, "target")
    base = gf.Config(width=32, epochs=12, lr=5e-3, batch_size=64, numeric="standard")
    runs = gf.train(gf.vary(base, neighbours=["none", "auto", "north+east"], decorrelate=["none", "pca-whiten"]), task)
    plain, told = (
        [t.validation_loss for t in runs if (t.config.neighbours == "none") is without] for without in (True, False)
    )
    assert max(told) < 0.5 * min(plain)

    model = runs.model()
    test = task.raw("test")
    save_model(model, tmp_path / "model")
    stored = load_model(tmp_path / "model")
    np.testing.assert_array_equal(stored.predict(test), model.predict(test))
    text = describe_candidates(runs, runs.best(2))["text"]
    assert "nearest in east and north, or in north and east; of the 2 members of the ensemble, 2 were" in text
    with np.testing.assert_raises(AssertionError):
        np.testing.assert_allclose(model.predict(test.assign(north=0.5)), model.predict(test), rtol=1e-3)


def test_classes_are_told_as_shares() -> None:
    frame = _map_frame(2500)
    frame["target"] = np.where(frame.target > 0.5, "high", np.where(frame.target < -0.2, "low", "middle"))
    task = gf.Task.from_frame(frame, "target")
    runs = gf.train(gf.vary(gf.Config(width=32, epochs=8, lr=5e-3), neighbours=["none", "east+north"]), task)
    assert runs[1].validation_metric > runs[0].validation_metric + 0.1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("east+nroth", r"'nroth' is no column of numbers \(did you mean 'north'\?\)"),
        ("east+", "'' is no column of numbers"),
        ("all", "give auto, none or such columns joined by"),
    ],
)
def test_columns_that_are_not_there_are_named(setting: str, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        gf.train(gf.Config(neighbours=setting), gf.Task.from_frame(_map_frame(200), "target"))


def test_images_have_no_neighbours() -> None:
    with pytest.raises(gf.GoodfitError, match="'auto', which is for tables"):
        gf.train(gf.Config(neighbours="auto"), gf.load("digits"))
