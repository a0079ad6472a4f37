"""Coverage of intervals and sets against the exact law: Beta distributed over draws of the calibrating rows."""

import numpy as np
import pytest
from scipy import stats

from goodfit.conformal import SET_SCORES, adaptive, half_width, prediction_sets, set_thresholds


@pytest.mark.parametrize(("rows", "coverage"), [(19, 0.9), (99, 0.9), (99, 0.8)])
def test_coverage_of_intervals_has_the_exact_law(rows: int, coverage: float) -> None:
    """Given the calibrating rows, coverage is Beta(k, n + 1 - k) with k = ceil((n + 1) coverage) (Vovk 2012)."""
    random = np.random.default_rng(0)
    held = []
    for _ in range(400):
        width = half_width(np.abs(random.normal(size=rows)), coverage)
        assert width is not None
        held.append(2 * stats.norm.cdf(width) - 1)
    k = int(np.ceil((rows + 1) * coverage))
    assert stats.kstest(held, stats.beta(k, rows + 1 - k).cdf).pvalue > 0.01


def test_too_few_rows_give_no_interval_and_all_classes() -> None:
    assert half_width(np.arange(8.0), 0.9) is None and half_width(np.arange(9.0), 0.9) == 8
    p = np.full((8, 4), 0.25)
    thresholds = set_thresholds(np.zeros(8, int), p, 0.9)
    assert all(prediction_sets(p, kind, thresholds[kind]).all() for kind in SET_SCORES)


def test_adaptive_scores_by_hand() -> None:
    p = np.array([[0.2, 0.5, 0.3]])
    np.testing.assert_allclose(adaptive(p), [[0.8, 0.0, 0.5]], atol=1e-15)
    assert prediction_sets(p, "aps", 0.5).tolist() == [[False, True, True]]
    assert prediction_sets(p, "aps", 0.0).tolist() == [[False, True, False]]
    assert prediction_sets(p, "lac", 0.1).tolist() == [[False, True, False]], "the likeliest class always is"
    assert prediction_sets(p, "lac", 0.7).tolist() == [[False, True, True]]


@pytest.mark.parametrize("kind", SET_SCORES)
@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0])
def test_sets_cover_also_where_the_probabilities_are_wrong(kind: str, sharpness: float) -> None:
    random = np.random.default_rng(1)
    held, size = [], []
    for _ in range(60):
        logits = random.normal(size=(600, 5))
        true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        truth = (true.cumsum(1) > random.random((600, 1))).argmax(1)
        claimed = true**sharpness / (true**sharpness).sum(1, keepdims=True)
        threshold = set_thresholds(truth[:199], claimed[:199], 0.9)[kind]
        inside = prediction_sets(claimed[199:], kind, threshold)
        held.append(inside[np.arange(401), truth[199:]].mean())
        size.append(inside.sum(1).mean())
    # mean of Beta(180, 20), and above it where the likeliest class is let in beyond its score
    assert 0.9 - 4 * np.std(held) / 60**0.5 <= np.mean(held) <= 0.93
    assert 1 <= np.mean(size) < 5
