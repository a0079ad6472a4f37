"""Descents against the tutorial's numbers, plain loops, SciPy and torch.optim."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import line_search, minimize

from goodfit.config import Config
from goodfit.landscape import METHODS, Terrain, descend, find_function, judge
from goodfit.landscape.line_search import wolfe_step
from goodfit.optim import OPTIMISERS


def _last(function: str, method: str, eta: float, start: float, steps: int) -> float:
    return float(descend(find_function(function), method, [(start,)], [eta], steps=steps)[0].points[-1, 0])


@pytest.mark.parametrize(("eta", "end"), [(0.2, 0.0604661760), (0.05, 3.486784401), (1.1, 61.917364224)])
def test_parabola(eta: float, end: float) -> None:
    assert _last("parabola", "gd", eta, 10.0, 10) == pytest.approx(end, abs=1e-9)


def test_large_steps_end_in_a_local_minimum() -> None:
    wave = find_function("wave")
    traces = descend(wave, "gd", [(10.0,)], [2.0], steps=150)
    verdict = judge(traces, Terrain.survey(wave))[0]
    assert verdict.kind == "local minimum" and traces[0].points[-1, 0] == pytest.approx(-1.8257, abs=1e-3)
    assert "the lowest, -6.978, lies at (7.269)" in verdict.words


def test_two_variables_against_a_plain_loop() -> None:
    x1, x2, way = -5.0, -2.0, [(-5.0, -2.0)]
    for _ in range(20):
        x1, x2 = x1 - 0.1 * 2 * x1, x2 - 0.1 * 4 * x2
        way.append((x1, x2))
    trace = descend(find_function("bowl"), "gd", [(-5.0, -2.0)], [0.1], steps=20)[0]
    np.testing.assert_allclose(trace.points, way, rtol=0, atol=1e-13)


def test_newton() -> None:
    cosh, wave = find_function("cosh"), find_function("wave")
    converged = judge(descend(cosh, "newton", [(10.0,)]), Terrain.survey(cosh))[0]
    # the third derivative is zero at the minimum, so the error is cubed: x - 2 tanh(x / 2) = x^3 / 12 + ...
    assert converged.kind == "converged" and converged.speed and converged.speed.order == pytest.approx(3, abs=0.05)
    terrain = Terrain.survey(wave)
    full, damped, safe = (judge(descend(wave, m, [(10.0,)], [eta], steps=60), terrain)[0]
                          for m, eta in (("newton", 1.0), ("newton", 0.5), ("newton-safeguarded", 1.0)))  # fmt: skip
    assert full.kind == "maximum" and damped.kind == safe.kind == "converged"
    assert safe.speed and safe.speed.order == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("method", ["newton", "gd"])
@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [("x^4 - x^2", "maximum", "started on a maximum at (0), value 0: the gradient is zero, so no step was made"),
     ("x^2", "converged", "started in the minimum at (0), value 0: the gradient is zero, so no step was made"),
     ("x^3", "saddle", "started on a saddle at (0), value 0: the gradient is zero, so no step was made"),
     ("abs(x) - x^2", "converged", "started in the minimum at (0), value 0: the slopes on both sides of the kink have mean")],
)  # fmt: skip
def test_no_step_is_not_told_as_one(function: str, kind: str, words: str, method: str) -> None:
    landscape = find_function(function)
    verdict = judge(descend(landscape, method, [(0.0,)]), Terrain.survey(landscape))[0]
    assert verdict.kind == kind and words in verdict.words


def test_only_newton_climbs_by_curvature() -> None:
    """From 1, one step of 0.5 lands on the maximum at 0 of x^4 - x^2 by chance."""
    landscape = find_function("x^4 - x^2")
    jumps, climbs = descend(landscape, "gd", [(1.0,)], [0.5])[0], descend(landscape, "newton", [(0.2,)])[0]
    jumped, climbed = judge([jumps, climbs], Terrain.survey(landscape))
    assert jumps.steps == 1 and jumped.words == "at a maximum at (0), value 0, after 1 step: the gradient is zero"
    assert climbed.kind == "maximum" and "the step followed the curvature uphill" in climbed.words


@pytest.mark.parametrize("function", ["exp(x) - x", "cosh(0.5*x) + 0.2*x"])
def test_newtons_order_is_two_where_the_third_derivative_is_not_zero(function: str) -> None:
    """On cosh(0.5 x) alone it is 3 (above); tilted a little, the minimum has a third derivative and the order is 2."""
    landscape = find_function(function)
    speed = judge(descend(landscape, "newton", [(2.0,)]), Terrain.survey(landscape))[0].speed
    assert speed and speed.order == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("function", ["bowl", "rosenbrock", "himmelblau", "beale"])
@pytest.mark.parametrize(
    ("method", "theirs"),
    [("newton-safeguarded", "trust-exact"), ("newton-safeguarded", "Newton-CG"), ("cg", "CG"), ("lbfgs", "L-BFGS-B")],
)
def test_against_scipy(function: str, method: str, theirs: str) -> None:
    landscape = find_function(function)
    trace = descend(landscape, method, steps=400)[0]

    def at(f: object) -> object:
        return lambda x: f(torch.from_numpy(np.asarray(x))).numpy()  # type: ignore[operator]

    extra = {"hess": at(landscape.hessian)} if theirs in ("trust-exact", "Newton-CG") else {}
    precise = {"xtol": 1e-12} if theirs == "Newton-CG" else {"gtol": 1e-10}
    found = minimize(lambda x: float(at(landscape.value)(x)), trace.points[-1] + 1e-2, jac=at(landscape.gradient),
                     method=theirs, options=precise, **extra)  # fmt: skip
    np.testing.assert_allclose(trace.points[-1], found.x, atol=1e-5)


@pytest.mark.parametrize("function", ["bowl", "rosenbrock", "himmelblau", "beale", "tilted-ravine:100"])
@pytest.mark.parametrize("curvature", [0.1, 0.9])
def test_line_search_keeps_what_scipys_keeps(function: str, curvature: float) -> None:
    """Both steps fulfil the strong Wolfe conditions, worked out here once more."""
    landscape = find_function(function)

    def f(x: np.ndarray) -> float:
        return float(landscape.value(torch.from_numpy(x)))

    def slope(x: np.ndarray) -> np.ndarray:
        return landscape.gradient(torch.from_numpy(x)).numpy()

    random = np.random.default_rng(1)
    for _ in range(10):
        x = random.uniform(*np.array(landscape.box).T)
        p = -slope(x) / np.linalg.norm(slope(x))  # else SciPy gives up on the steepest
        first = torch.ones(1, 1, dtype=torch.float64)
        ours = float(wolfe_step(landscape, torch.from_numpy(x[None]), torch.from_numpy(p[None]), first, curvature))
        theirs = line_search(f, slope, x, p, c1=1e-4, c2=curvature, maxiter=60)[0]
        assert theirs is not None
        for t in (ours, theirs):
            assert t > 0 and f(x + t * p) <= f(x) + 1e-4 * t * slope(x) @ p
            assert abs(slope(x + t * p) @ p) <= curvature * abs(slope(x) @ p)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_against_torch(name: str) -> None:
    landscape, config = find_function("himmelblau"), Config(lr=0.01, schedule="constant")
    trace = descend(landscape, name, [(0.5, -0.5)], [0.01], steps=50, config=config)[0]
    x = torch.tensor([0.5, -0.5], dtype=torch.float64, requires_grad=True)
    optimiser = OPTIMISERS[name].torch([x], config.replace(optimiser=name))
    for t in range(50):
        np.testing.assert_allclose(trace.points[t], x.detach().numpy(), atol=1e-9)
        optimiser.zero_grad()
        landscape.value(x).backward()
        optimiser.step()


@pytest.mark.parametrize("method", METHODS)
def test_runs_beside_others_change_nothing(method: str) -> None:
    for name in ("network", "wave", "beale"):
        landscape = find_function(name)
        starts = np.random.default_rng(0).uniform(*np.array(landscape.box).T, size=(5, landscape.dimension)).tolist()
        for start, beside in zip(starts, descend(landscape, method, starts, steps=15), strict=True):
            alone = descend(landscape, method, [start], steps=15)[0]
            assert alone.end == beside.end and np.array_equal(alone.points, beside.points)


def test_noise_and_schedules() -> None:
    """The tutorial's rates, exp(-0.1 t) and (1 + 0.1 t)^-0.5, come from the engine's schedules."""
    bowl, steps = find_function("bowl"), 50
    shrinking = Config(schedule="exponential", lr_factor=math.exp(-0.1 * steps), lr_drops=1)
    rules = {None: lambda t: 1.0, shrinking: lambda t: math.exp(-0.1 * t),
             Config(schedule="inverse-sqrt"): lambda t: (1 + 0.1 * t) ** -0.5}  # fmt: skip
    for config, rule in rules.items():
        x = np.array([-5.0, -2.0])
        for t in range(steps):
            x = x - 0.1 * rule(t) * np.array([2.0, 4.0]) * x
        quiet = descend(bowl, "gd", steps=steps, config=config, tolerance=0)[0]
        np.testing.assert_allclose(quiet.points[-1], x, atol=1e-12)
    runs = descend(bowl, "gd", seeds=range(200), steps=400, noise=1.0)
    ends = np.stack([run.points[-1] for run in runs])
    # stationary variance of x <- (1 - eta a) x - eta noise: eta / (a (2 - eta a))
    np.testing.assert_allclose(ends.var(0), [0.1 / (2 * 1.8), 0.1 / (4 * 1.6)], rtol=0.35)
    assert {v.kind for v in judge(runs[:5], Terrain.survey(bowl))} == {"hovers"}
