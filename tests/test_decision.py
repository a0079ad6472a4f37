"""Naming classes where they are uneven, against the threshold that is known to be best."""

import numpy as np
import pytest
from scipy import stats

from goodfit.decision import choose_factors, reweighted
from goodfit.metrics import METRICS


def uneven(rows: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Two normal classes a distance of 2 apart, and the true probability of each."""
    random = np.random.default_rng(0)
    truth = (random.random(rows) < share).astype(int)
    x = random.normal(size=rows) + 2 * truth
    odds = share / (1 - share) * np.exp(2 * x - 2)
    return truth, np.stack([1 / (1 + odds), odds / (1 + odds)], 1)


def test_balanced_accuracy_comes_to_its_optimum() -> None:
    """With true probabilities the best threshold is the share, and the mean recall is Phi(1)."""
    truth, p = uneven(40_000, 0.05)
    metric = METRICS["balanced-accuracy"]
    factors = choose_factors(metric, truth, p)
    assert factors is not None and factors[1] / factors[0] == pytest.approx(19, rel=0.5)
    assert metric.of(truth, reweighted(p, factors)) == pytest.approx(stats.norm.cdf(1), abs=0.01)
    assert metric.of(truth, p) < 0.75
    assert metric.of(truth, reweighted(p, choose_factors(METRICS["f1-macro"], truth, p))) < stats.norm.cdf(1) + 0.01


def test_even_classes_and_other_metrics_are_left_alone() -> None:
    truth, p = uneven(4000, 0.05)
    assert (
        choose_factors(METRICS["accuracy"], truth, p) is None and choose_factors(METRICS["roc-auc"], truth, p) is None
    )
    truth, p = uneven(40_000, 0.5)
    metric = METRICS["balanced-accuracy"]
    assert metric.of(truth, reweighted(p, choose_factors(metric, truth, p))) == pytest.approx(
        metric.of(truth, p), abs=2e-3
    )
    np.testing.assert_allclose(reweighted(p, (0.2, 1.0)).sum(1), 1)
