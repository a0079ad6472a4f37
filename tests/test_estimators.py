"""Every check that scikit-learn has for estimators, none expected to fail."""

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

import goodfit as gf


@parametrize_with_checks([gf.NetworkClassifier(random_state=0), gf.NetworkRegressor(random_state=0)])
def test_estimator_check(estimator: Any, check: Any) -> None:
    check(estimator)
