"""exp, tanh, erf and the others as the compiled loops compute them, against double precision."""

from collections.abc import Callable

import numba
import numpy as np
import pytest
from scipy import special

from goodfit.population.compiled import elementary

CASES: list[tuple[str, Callable[[np.ndarray], np.ndarray], float, float, float]] = [
    # name, exact, from, to, relative error
    ("exp", np.exp, -86, 87, 4e-7),
    ("expm1", np.expm1, -0.3465, 0, 4e-7),
    ("expm1", np.expm1, -86, 5, 4e-7),
    ("log1p", np.log1p, 0, 1, 4e-7),
    ("tanh", np.tanh, -12, 12, 6e-7),
    ("sigmoid", special.expit, -80, 80, 6e-7),
    ("erf", special.erf, -6, 6, 2e-6),
]


def over(name: str) -> Callable[[np.ndarray], np.ndarray]:
    formula = getattr(elementary, name)

    @numba.njit
    def loop(x):  # type: ignore[no-untyped-def]
        y = np.empty_like(x)
        for i in range(len(x)):
            y[i] = formula(x[i])
        return y

    return loop


@pytest.mark.parametrize(("name", "exact", "low", "high", "error"), CASES)
def test_relative_error(name: str, exact: Callable[..., np.ndarray], low: float, high: float, error: float) -> None:
    x = np.linspace(low, high, 200_001).astype(np.float32)
    small = np.geomspace(1e-30, 1, 1000).astype(np.float32)
    x = np.concatenate([x, small[(small >= low) & (small <= high)]])
    expected = exact(x.astype(np.float64))
    measured = np.abs(over(name)(x) - expected) / np.maximum(np.abs(expected), 1e-37)
    assert measured.max() < error, x[measured.argmax()]


@pytest.mark.parametrize("name", ["exp", "expm1", "log1p", "tanh", "sigmoid", "erf"])
def test_not_a_number_stays(name: str) -> None:
    assert np.isnan(over(name)(np.array([np.nan, 0.5], np.float32))[0])


@pytest.mark.parametrize(("name", "ends"), [("tanh", (-1, 1)), ("sigmoid", (0, 1)), ("erf", (-1, 1))])
def test_far_out_they_reach_their_ends(name: str, ends: tuple[float, float]) -> None:
    low, high = over(name)(np.array([-1e30, 1e30], np.float32))
    assert (low, high) == pytest.approx(ends, abs=3e-7)
