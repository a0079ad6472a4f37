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
from goodfit.landscape.critical_points import classify


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
    ("text", "kind", "derivatives"),
    [("abs(x)-x^2", "minimum", 0), ("0.01*abs(x)-x^2", "minimum", 0), ("1-abs(x)", "maximum", 0),
     ("abs(x)+abs(y)", "minimum", 0), ("abs(x)-abs(y)", "saddle", 0), ("abs(x+y)+x^2", "minimum", 0),
     ("x*abs(x)", "saddle", 1), ("x*abs(x)+0.5*x^2", "saddle", 1), ("abs(x)^1.5", "minimum", 1), ("abs(x*y)", "minimum", 1),
     ("abs(x)^3", "minimum", 2), ("x^4", "minimum", 2), ("sin(x)^2+cos(x)^2", "flat", 2), ("cos(200*x)", "maximum", 2)],
)  # fmt: skip
def test_values_decide_where_derivatives_do_not_exist(text: str, kind: str, derivatives: int) -> None:
    """Autograd's Hessian of |x| - x^2 at 0 is -2, yet 0 is a minimum; what is smooth is not called a kink."""
    landscape = find_function(text)
    found = classify(landscape, torch.zeros(landscape.dimension, dtype=torch.float64))
    assert (found.kind, found.derivatives) == (kind, derivatives)
    assert len(found.eigenvalues) == (landscape.dimension if derivatives == 2 else 0)


def test_a_wide_box_makes_no_kink() -> None:
    found = classify(find_function("cos(x)").on([(-1e6, 1e6)]), torch.zeros(1, dtype=torch.float64))
    assert found.kind == "maximum" and found.derivatives == 2


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
    assert (
        "eigenvalues of the Hessian are -2 and 2 at each of 3721 points looked at"
        in check_convexity(find_function("saddle")).words()[0]
    )
    assert "lies between -48 at (-2, -2)" in check_convexity(find_function("x^4 - y^4").on([(-2, 2)] * 2)).words()[0]
    assert "are 1 and 1000 at each of" in check_convexity(find_function("tilted-ravine:1000")).words()[0]


@pytest.mark.parametrize(
    ("text", "at", "before", "after"),
    [("abs(x)", 0, -1, 1), ("1-abs(x)", 0, 1, -1), ("abs(x-0.3001)", 0.3001, -1, 1), ("abs(x-4.999)+x^4", 4.999, 498.7, 500.7),
     ("x^2-0.002*abs(x-0.3)", 0.3, 0.602, 0.598), ("sqrt(x^2)", 0, -1, 1)],
)  # fmt: skip
def test_the_largest_kink_is_found(text: str, at: float, before: float, after: float) -> None:
    kink = check_convexity(find_function(text)).kink
    assert kink and kink.at[0] == pytest.approx(at, abs=1e-8)
    assert (kink.before, kink.after) == pytest.approx((before, after), rel=1e-4)


@pytest.mark.parametrize(
    "text", ["x*abs(x)", "sqrt(abs(x))", "sqrt(abs(x-0.3001))", "1/(x-0.3001)", "tanh(1000000*(x-1.2345))", "x*0", "wave",
             "sin(x)^2+cos(x)^2", "rosenbrock", "ravine:1e12", "network", "abs(x-5)"],
)  # fmt: skip
def test_no_kink_where_the_slope_does_not_jump_inside_the_box(text: str) -> None:
    assert check_convexity(find_function(text)).kink is None


def test_a_dent_at_a_kink_is_found() -> None:
    """x^2 has a tip at 0.3 that no chord of the grid sees."""
    assert check_convexity(find_function("x^2-0.002*abs(x-0.3)")).against_convex


def test_words_claim_a_second_derivative_only_where_there_is_one() -> None:
    words = check_convexity(find_function("abs(x)")).words()
    assert words[0] == "convex: the second derivative is 0 at each of 2000 points looked at"
    assert words[1].startswith("not differentiable at 0: the slope jumps there from -1 to 1")
    assert "everywhere" not in " ".join(words)
    assert (
        "not differentiable at (0, 0): the slope along x" in check_convexity(find_function("abs(x)+abs(y)")).words()[1]
    )


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
