"""Thresholds and peaks of curves that were made to have them, or not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.studies.double_descent.shape import find_peak, greatest_rise, interpolates, threshold
from goodfit.studies.double_descent.words import of_errors, of_time

SCATTER = np.exp(np.random.default_rng(0).normal(scale=0.05, size=(5, 1)))


def seeds_of(*losses: float) -> np.ndarray:
    return SCATTER * np.array(losses)


def test_a_curve_that_descends_twice() -> None:
    shape = find_peak(seeds_of(3, 1, 2, 5, 2, 0.5, 0.6))
    assert shape is not None and (shape.first, shape.peak, shape.last) == (1, 3, 5)
    assert (
        shape.rise[0] == pytest.approx(5)
        and shape.fall[0] == pytest.approx(10)
        and shape.deeper[0] == pytest.approx(0.5)
    )
    assert shape.certain, "a factor that all seeds share is no scatter: the comparison is paired"


@pytest.mark.parametrize("losses", [(5, 4, 3, 2), (1, 2, 3, 4), (3, 1, 2, 3), (3, 2, 2.1, 2)])
def test_curves_without_a_peak(losses: tuple[float, ...]) -> None:
    assert find_peak(seeds_of(*losses)) is None


def test_errors_are_told_at_the_first_minimum_the_top_and_the_end() -> None:
    errors, fitted = np.array([[0.5, 0.2, 0.9, 0.1], [0.5, 0.4, 0.7, 0.3]]), np.array([[0.1, 0.1, 0, 0]] * 2)
    assert of_errors(errors, fitted, [10, 20, 40, 80], "features", "share of rows") == (
        "The test error (share of rows) is 0.3 at 20, 0.8 at 40, 0.2 at 80 features; the training error is first zero at 40."
    )
    falling = of_errors(errors[:, [0, 1, 3]], fitted[:, :1], [10, 20, 40], "units", "root mean square")
    assert falling == "The test error (root mean square) is 0.5 at 10, 0.2 at 40 units."


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((3, 2, 1, 0.5), "model: the test loss falls to the end (0.5); it interpolates from 4 epochs on."),
        ((3, 2, 1, 1.0001), "model: the test loss falls until 4 epochs and stays there (1); it interpolates from 4 epochs on."),
        ((3, 1, 2, 0.5), "model: the test loss descends twice: to 1 after 2 epochs, up to 2 after 4, a factor of 2 (2 to 2), down to 0.5 "
         "after 8; it interpolates from 4 epochs on."),
        ((3, 1, 2, 2.5), "model: the test loss is lowest after 2 epochs (1) and rises to 2.5 without falling again, by a factor of 2.5 (2.5 "
         "to 2.5): stopping there would have been best; it interpolates from 4 epochs on."),
    ],
)  # fmt: skip
def test_a_curve_against_time_in_words(losses: tuple[float, ...], said: str) -> None:
    tested = np.array([losses] * 3)
    assert of_time("model", find_peak(tested), tested, [1, 2, 4, 8], "epochs", 4) == [said]


def test_a_second_descent_within_the_scatter_says_so() -> None:
    losses = np.array([[2, 1, 3, 1], [2, 1, 0.9, 1], [2, 1, 2, 1.0]])
    [said] = of_time("model", find_peak(losses), losses, [1, 2, 4, 8], "epochs", None)
    assert said.endswith("it does not interpolate. With these seeds that is not beyond their scatter.")


def test_a_peak_within_the_scatter_is_not_certain() -> None:
    losses = np.array([[2, 1, 3, 1], [2, 1, 0.9, 1], [2, 1, 2, 1.0]])
    shape = find_peak(losses)
    assert shape is not None and shape.peak == 2 and not shape.certain


def test_a_training_that_diverged_is_left_out() -> None:
    losses = seeds_of(3, 1, 5, 1)
    losses[0, 2] = np.nan
    shape = find_peak(losses)
    assert shape is not None and shape.peak == 2 and shape.rise[0] == pytest.approx(5)


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=12))
def test_a_peak_never_rises_more_than_the_curve(losses: list[float]) -> None:
    shape, rise = find_peak(seeds_of(*losses)), greatest_rise(seeds_of(*losses))
    assert rise >= 1 - 1e-9
    if shape is not None:
        assert shape.first < shape.peak < shape.last and 1.09 < shape.rise[0] <= rise * (1 + 1e-9)


def test_threshold_is_where_interpolation_begins_for_good() -> None:
    assert threshold([1, 2, 4, 8], np.array([False, True, False, False])) is None
    assert threshold([1, 2, 4, 8], np.array([True, False, True, True])) == 4
    assert threshold([10, 20, 40], np.array([True, True, False]), larger=False) == 20
    found = interpolates(np.array([[0.5, 0.009, np.nan], [0.5, 0.0, 0.0]]), constant=1.0)
    assert found.tolist() == [False, True, False]
