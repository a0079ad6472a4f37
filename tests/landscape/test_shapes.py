"""Critical points, convexity and constrained minima against closed forms and SciPy."""

import numpy as np
import pytest
import torch

from goodfit.errors import GoodfitError
from goodfit.landscape import (
    PROBLEMS,
    check_convexity,
    find_critical_points,
    find_function,
    find_problem,
    make_problem,
    solve,
)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("expected-risk", ["minimum", "minimum", "maximum"]), ("cubic", ["saddle"]), ("saddle", ["saddle"]), ("tanh", []),
     ("himmelblau", ["minimum"] * 4 + ["saddle"] * 4 + ["maximum"])],
)  # fmt: skip
def test_critical_points(name: str, kinds: list[str]) -> None:
    found = find_critical_points(find_function(name))
    assert [point.kind for point in found] == kinds
    for point in found:
        slope = find_function(name).gradient(torch.tensor(point.point, dtype=torch.float64))
        assert float(slope.abs().max()) < 1e-6


@pytest.mark.parametrize(
    ("text", "kind"),
    [("half-square", "convex"), ("cosine", "neither convex nor concave"), ("exponential", "convex"), ("-x^2", "concave"),
     ("abs(x)", "convex"), ("2*x + y", "linear"), ("bowl", "convex"), ("x^2 - 0.001*cos(200*x)", "neither convex nor concave")],
)  # fmt: skip
def test_convexity(text: str, kind: str) -> None:
    landscape = find_function(text)
    found = check_convexity(landscape)
    assert found.kind == kind
    chord = found.against_convex
    if chord:  # it is a proof: the function lies above the chord's middle
        a, b, middle = (
            float(landscape.value(torch.tensor(p, dtype=torch.float64))) for p in (chord.a, chord.b, chord.middle)
        )
        assert middle > (a + b) / 2 and np.allclose(chord.middle, (np.array(chord.a) + np.array(chord.b)) / 2)


def test_curvature_in_words() -> None:
    """Constant eigenvalues are not said to lie at two places; equal places of two extremes do not make them constant."""
    assert "eigenvalues of the Hessian are -2 and 2 everywhere" in check_convexity(find_function("saddle")).words()[0]
    assert "lies between -48 at (-2, -2)" in check_convexity(find_function("x^4 - y^4").on([(-2, 2)] * 2)).words()[0]
    assert "are 1 and 1000 everywhere" in check_convexity(find_function("tilted-ravine:1000")).words()[0]


def test_convexity_needs_values() -> None:
    with pytest.raises(GoodfitError, match="'log\\(x\\)' has no finite value at -5"):
        check_convexity(find_function("log(x)"))


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_way_finds_what_scipy_finds(name: str) -> None:
    lagrangian, penalty, projection, scipy = solve(find_problem(name))
    for mine in (lagrangian, penalty, projection):
        np.testing.assert_allclose(mine.point, scipy.point, atol=1e-5)
    assert lagrangian.multipliers and penalty.multipliers
    np.testing.assert_allclose(penalty.multipliers, lagrangian.multipliers, rtol=1e-3, atol=1e-6)


def test_constrained_closed_form() -> None:
    found = solve(make_problem("x + y", ["x^2 + y^2 = 1"]))[0]
    np.testing.assert_allclose(found.point, [-(0.5**0.5)] * 2, atol=1e-12)
    assert found.multipliers and found.multipliers[0] == pytest.approx(0.5**0.5)
    with pytest.raises(GoodfitError, match="contradict"):
        solve(make_problem("x^2", ["x <= 1", "x >= 2"]))
