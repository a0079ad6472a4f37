"""Variants ranked over seeds: against SciPy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from goodfit.paired import band, carry_on, rank, t_interval


def test_difference_equals_a_paired_t_test() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=9), random.normal(0.4, 1, size=9)
    values = {"a": dict(enumerate(a)), "b": dict(enumerate(b))}
    best, other = rank(values, smaller_is_better=True)
    pair = (b, a) if other.name == "b" else (a, b)
    expected = stats.ttest_rel(*pair).confidence_interval(0.95)
    assert other.difference_interval == pytest.approx((expected.low, expected.high))
    assert best.verdict == "best" and other.verdict in ("worse", "undecided")


def test_intervals_of_several_differences_hold_together() -> None:
    """With 20 equal variants none is called worse, in nearly all of 200 repetitions (5 % at most)."""
    random = np.random.default_rng(1)
    wrong = 0
    for _ in range(200):
        values = {k: dict(enumerate(random.normal(size=8))) for k in range(20)}
        wrong += any(s.verdict == "worse" for s in rank(values, smaller_is_better=True))
    assert wrong <= 40, "the best of many is chosen by its luck, so a little more than 5 % is expected, not 50 %"


def test_what_diverged_is_counted_and_left_out() -> None:
    values = {"good": {0: 1.0, 1: 1.2}, "broken": {0: None, 1: None}, "half": {0: 0.5, 1: None}}
    standings = rank(values, smaller_is_better=True)
    assert [s.name for s in standings] == ["half", "good", "broken"]
    assert [s.diverged for s in standings] == [1, 0, 2]
    assert standings[1].verdict == "undecided", "one shared seed decides nothing"
    assert np.isnan(standings[2].mean)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_interval_equals_scipy(values: list[float]) -> None:
    mean, low, high = t_interval(values)
    if np.std(values) > 1e-6:
        assert (low, high) == pytest.approx(
            stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values)), rel=1e-6, abs=1e-9
        )
    assert low <= mean <= high


def test_band_uses_what_is_finite() -> None:
    found = band(np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan]]))
    assert found["mean"] == [2.0, 2.0, None] and found["low"][1] is None and found["low"][0] < 1


def test_a_curve_that_has_ended_keeps_its_last_value() -> None:
    curves = np.array([[3.0, 2.0, np.nan, np.nan], [5.0, 4.0, 3.0, 2.0], [9.0, np.nan, np.nan, np.nan]])
    carry_on(curves, [2, 4, 2])
    np.testing.assert_array_equal(curves, [[3, 2, 2, 2], [5, 4, 3, 2], [9, np.nan, np.nan, np.nan]])
    assert band(curves[:2])["mean"] == [4.0, 3.0, 2.5, 2.0], "no jump where the first ends"


@pytest.mark.parametrize(("seeds", "verdict"), [(2, "undecided"), (5, "undecided"), (6, "worse"), (9, "worse")])
def test_equal_differences_decide_only_where_the_sign_test_does(seeds: int, verdict: str) -> None:
    """Half of four rows more, seed after seed: two such seeds are no proof (binomial test: 2^(1 - n) <= 0.05)."""
    values = {"a": dict.fromkeys(range(seeds), 0.5), "b": dict.fromkeys(range(seeds), 1.0)}
    standing = rank(values, smaller_is_better=True)[1]
    assert standing.verdict == verdict
    assert (stats.binomtest(seeds, seeds, 0.5).pvalue <= 0.05) == (verdict == "worse")
