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


def test_it_arrives_at_least_squares_and_says_where_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    x = RANDOM.normal(size=(100, 2)) + 5
    y = RANDOM.normal(size=100)
    seen = []
    monkeypatch.setattr(np.linalg, "norm", lambda v, norm=np.linalg.norm: (seen.append(v.copy()), norm(v))[1])
    found = conditioning(x, y)
    model = LinearRegression().fit(x, y)
    np.testing.assert_allclose(seen[0], [*model.coef_, model.intercept_], rtol=1e-9)
    assert found.steps == len(seen) - 2
    monkeypatch.setattr(module, "MOST_STEPS", 5)
    assert conditioning(x, y).steps is None


def test_flat_directions_do_not_count() -> None:
    x = RANDOM.normal(size=(200, 2))
    twice = conditioning(np.column_stack([x, x[:, 0]]), x[:, 0])
    assert twice.condition < 10 and twice.steps is not None
