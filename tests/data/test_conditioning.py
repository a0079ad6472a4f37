"""Gradient descent on linear models: against closed forms, and within the bound of theory."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from goodfit.data import conditioning as module
from goodfit.data.conditioning import conditioning
from goodfit.data.linear_steps import read_step

RANDOM = np.random.default_rng(0)


def test_condition_number_of_known_scales() -> None:
    """Columns +-1 and +-s, all combinations alike, have the Hessian diag(1, s^2, 1)."""
    x = np.array([[a, 10 * b] for a in (-1, 1) for b in (-1, 1)] * 5, float)
    found = conditioning(x, x @ [1.0, 2.0] + 3)
    assert found.condition == pytest.approx(100) and found.rate == pytest.approx(2 / 101)
    shrink = 99 / 101
    assert found.steps_by_theory == np.ceil(np.log(1e-3) / np.log(shrink))
    # along both extreme curvatures the error shrinks by exactly that factor
    w = np.array([1.0, 2.0, 3.0])
    assert found.steps == next(t for t in range(1000) if shrink**t * np.linalg.norm(w) <= 1e-3 * np.linalg.norm(w))


@pytest.mark.parametrize("shift", [0.0, 3.0, 30.0])
def test_far_from_the_origin_is_slow_and_centring_helps(shift: float) -> None:
    x = RANDOM.normal(size=(400, 3)) * [1, 2, 5] + shift
    y = x @ [1.0, -1.0, 0.5] + RANDOM.normal(size=400)
    before = conditioning(x, y)
    for name in ("centre", "scale", "pca-whiten"):
        x = read_step(name, "--steps")(x).apply(x)
    after = conditioning(x, y)
    assert after.condition == pytest.approx(1, abs=0.02) and after.steps <= 3
    assert before.condition > 20 * max(shift, 1)
    if shift == 30:
        assert before.steps is None and before.steps_by_theory > module.MOST_STEPS
    else:
        assert before.steps is not None and 10 * after.steps < before.steps <= before.steps_by_theory


def test_it_arrives_at_least_squares_after_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    x = RANDOM.normal(size=(100, 2)) + 5
    y = RANDOM.normal(size=100)
    found = conditioning(x, y)
    model = LinearRegression().fit(x, y)
    optimum, w = np.array([*model.coef_, model.intercept_]), np.zeros(3)
    design, distances = np.column_stack([x, np.ones(100)]), []
    assert found.steps is not None
    for _ in range(found.steps + 1):
        distances.append(np.linalg.norm(w - optimum) / np.linalg.norm(optimum))
        w -= found.rate * design.T @ (design @ w - y) / 100
    assert distances[-1] <= module.TOLERANCE < distances[-2]
    monkeypatch.setattr(module, "MOST_STEPS", 5)
    assert conditioning(x, y).steps is None


@pytest.mark.parametrize("far", [1e3, 1e5, 1e7])
def test_however_far_from_the_origin_the_condition_number_is_known(far: float) -> None:
    x = np.column_stack([far + RANDOM.normal(size=200), RANDOM.normal(size=200)])
    found = conditioning(x, x[:, 1])
    assert found.condition == pytest.approx(np.linalg.cond(np.column_stack([x, np.ones(200)])) ** 2, rel=0.1)
    assert found.condition > far**4 / 10 and found.steps is None and found.steps_by_theory > module.MOST_STEPS


@pytest.mark.parametrize("rows", [50, 5000])
@pytest.mark.parametrize("far", [0.0, 20.0])
def test_flat_directions_do_not_count(rows: int, far: float) -> None:
    x = RANDOM.normal(size=(rows, 2)) + far
    twice = conditioning(np.column_stack([x, 3.7 * x[:, 0], x.sum(1)]), x[:, 0])
    assert twice.condition < 1e3 * (1 + far**4) and (twice.steps is not None or far)
