"""Filters of one decomposition against NumPy, scikit-learn and gradient descent itself."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from goodfit.studies.double_descent.least_squares import Spectrum

RANDOM = np.random.default_rng(0)


def problem(n: int, features: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return RANDOM.normal(size=(n, features)), RANDOM.normal(size=(n, 3)), RANDOM.normal(size=(7, features))


@pytest.mark.parametrize(("n", "features"), [(30, 8), (30, 29), (30, 30), (30, 31), (30, 60), (30, 200)])
def test_minimum_norm_is_that_of_lapack(n: int, features: int) -> None:
    phi, y, held_out = problem(n, features)
    weights = np.linalg.lstsq(phi, y)[0]  # gelsd: the solution of smallest norm
    spectrum = Spectrum.of(phi, y, held_out)
    train, test = spectrum.outputs(spectrum.filter())
    np.testing.assert_allclose(test, held_out @ weights, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(train, phi @ weights, rtol=1e-6, atol=1e-8)


def test_features_that_repeat_others_or_never_fire_are_no_error() -> None:
    phi, y, held_out = problem(20, 10)
    same, held = (
        np.hstack([phi, phi[:, :4], np.zeros((20, 2))]),
        np.hstack([held_out, held_out[:, :4], np.ones((7, 2))]),
    )
    spectrum = Spectrum.of(same, y, held)
    np.testing.assert_allclose(spectrum.outputs(spectrum.filter())[1], held @ np.linalg.lstsq(same, y)[0], atol=1e-9)


@pytest.mark.parametrize("features", [12, 25, 90])
def test_ridge_is_that_of_scikit_learn(features: int) -> None:
    phi, y, held_out = problem(25, features)
    spectrum = Spectrum.of(phi, y, held_out)
    expected = Ridge(alpha=0.01 * (phi**2).sum(), fit_intercept=False).fit(phi, y).predict(held_out)
    np.testing.assert_allclose(spectrum.outputs(spectrum.filter(ridge=0.01))[1], expected, rtol=1e-8)


@pytest.mark.parametrize("features", [12, 90])
def test_a_stopped_training_is_gradient_descent_with_small_steps(features: int) -> None:
    phi, y, held_out = problem(25, features)
    spectrum = Spectrum.of(phi, y, held_out)
    weights, parts = np.zeros((features, 3)), 400
    for _ in range(20 * parts):
        weights -= phi.T @ (phi @ weights - y) / (parts * np.linalg.norm(phi, 2) ** 2)
    np.testing.assert_allclose(
        spectrum.outputs(spectrum.filter(steps=20))[1], held_out @ weights, rtol=0.01, atol=0.002
    )
    late = spectrum.outputs(spectrum.filter(steps=1e12))[1]
    np.testing.assert_allclose(late, spectrum.outputs(spectrum.filter())[1], rtol=1e-6, atol=1e-9)
    with pytest.raises(ValueError, match="a ridge and a stopping time together"):
        spectrum.filter(steps=5, ridge=0.1)
