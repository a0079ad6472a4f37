"""Every check that scikit-learn has for estimators, none expected to fail."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import goodfit as gf


@parametrize_with_checks([gf.NetworkClassifier(random_state=0), gf.NetworkRegressor(random_state=0)])
def test_estimator_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": 0}, "members is 0: it must be a whole number of 1 or more"), ({"members": 1.5}, "members is 1.5"),
        ({"validation_fraction": 1}, "validation_fraction is 1: it must be 0 or more and below 1"),
        ({"validation_fraction": -0.1}, "validation_fraction is -0.1"), ({"validation_fraction": "a"}, "validation_fraction is 'a'"),
        ({"validation_fraction": 0.99}, "validation_fraction is 0.99 of 60 rows: it leaves 0 to train on"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    for estimator in (gf.NetworkClassifier(**settings), gf.NetworkRegressor(**settings)):
        with pytest.raises(gf.GoodfitError, match=message):
            estimator.fit(x, np.arange(60) % 2)
