"""A function's lowest point under constraints, found in three ways: Lagrangian, penalty, projection; and by SciPy."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.landscape.critical_points import newton_step
from goodfit.landscape.descent import descend
from goodfit.landscape.expression import Relation, parse_relation
from goodfit.landscape.functions import Box, Landscape, corners, find_function, grid
from goodfit.randomness import torch_generator

STARTS = {1: 21, 2: 5}
"""Starts of the searches on each axis of the box."""
NEWTON_STEPS, NEAR_STEPS = 40, 12
"""Of Newton's method on the Lagrangian: from a grid of starts, and from a point near by."""
FEASIBLE = 1e-8
"""By how much a constraint may be broken through rounding."""
WEIGHTS = tuple(10.0**k for k in range(9))
"""The penalty's weights, one after the other."""
NUDGE = 1e-4
"""What is added before each new weight, in widths of the box: symmetric problems have saddles where Newton would stay."""
PROJECTIONS = 100
"""Steps of projected gradient descent at most."""
SHORTEST = 1e-7
"""A step length below which projected gradient descent has arrived."""


@dataclass(frozen=True)
class Problem:
    """Minimise a landscape's value subject to constraints."""

    name: str
    landscape: Landscape
    constraints: tuple[Relation, ...]

    def violation(self, x: Tensor) -> Tensor:
        """Return by how much the worst constraint is broken: [..., d] -> [...]."""
        broken = [
            c.difference.value(x).abs() if c.equal else c.difference.value(x).clamp_min(0) for c in self.constraints
        ]
        return torch.stack(broken).amax(0)

    def lowest(self, points: Sequence[Tensor]) -> int:
        """Return the number of the lowest point; one outside the box counts only where none is inside."""
        low, high = corners(self.landscape.box)
        outside = [bool(((x < low - 1e-6) | (x > high + 1e-6)).any()) for x in points]
        return min(range(len(points)), key=lambda k: (outside[k], float(self.landscape.value(points[k]))))


@dataclass(frozen=True)
class Solution:
    """Where a method ended.

    Attributes:
        multipliers: one for each constraint, 0 where it does not bind; the Lagrangian's own, the penalty's estimate.
        path: the points on the way, [n, d].
    """

    method: str
    point: tuple[float, ...]
    value: float
    violation: float
    multipliers: tuple[float, ...] | None = None
    path: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), compare=False)


def make_problem(function: str, constraints: Sequence[str], box: Box | None = None) -> Problem:
    """Return the problem of a function (a name or a formula) and constraints such as `x + y = 1`.

    Raises:
        GoodfitError: something cannot be read, or a constraint has a variable that the function has not.
    """
    landscape = find_function(function)
    landscape = landscape.on(box) if box else landscape
    relations = tuple(map(parse_relation, constraints))
    for relation in relations:
        if relation.difference.dimension > landscape.dimension:
            raise GoodfitError(
                f"the constraint '{relation.text}' is on {', '.join(relation.difference.names)}, the function "
                f"'{landscape.name}' only has {', '.join(landscape.names)}: write both in the same variables"
            )
    if not relations:
        raise GoodfitError("a constrained problem needs a constraint, for example 'x + y = 1' or 'x^2 + y^2 <= 4'")
    return Problem(landscape.name, landscape, relations)


PROBLEMS: dict[str, tuple[str, tuple[str, ...], Box]] = {
    "line": ("x^2 + 2*y^2", ("x + y = 1",), ((-1.0, 2.0), (-1.0, 2.0))),
    "circle": ("x + y", ("x^2 + y^2 = 1",), ((-1.6, 1.6), (-1.6, 1.6))),
    "disc": ("(1-x)^2 + 100*(y-x^2)^2", ("x^2 + y^2 <= 1",), ((-1.5, 1.5), (-1.5, 1.5))),
    "corner": ("(x-2)^2 + (y-1)^2", ("x + y <= 2", "x^2 <= y"), ((-1.5, 2.5), (-1.0, 2.5))),
    "interval": ("x*cos(pi*x)", ("x <= 0.8", "x >= -1"), ((-1.0, 2.0),)),
}
"""Examples: function, constraints, what is shown."""


def find_problem(name: str) -> Problem:
    """Return the example of that name."""
    if name not in PROBLEMS:
        raise GoodfitError(
            f"there is no example '{name}'{did_you_mean(name, PROBLEMS)}: choose of {', '.join(PROBLEMS)}, or give "
            "constraints to a function of your own"
        )
    function, constraints, box = PROBLEMS[name]
    problem = make_problem(function, constraints, box)
    return Problem(name, problem.landscape, problem.constraints)


def solve(problem: Problem) -> list[Solution]:
    """Return what each method finds, in the order of `METHODS`.

    Raises:
        GoodfitError: no point was found that keeps all constraints.
    """
    return [method(problem) for method in METHODS.values()]


def lagrangian(problem: Problem) -> Solution:
    """Solve grad L = 0 of L(x, l) = f(x) + sum l_i g_i(x) by Newton's method, for every choice of constraints that bind.

    A solution keeps all constraints and has l_i >= 0 for those that are inequalities (Karush-Kuhn-Tucker conditions,
    Nocedal & Wright 2006, theorem 12.1); the lowest one is returned.
    """
    starts = grid(problem.landscape.box, STARTS[problem.landscape.dimension])
    found = list(itertools.chain(*stationary_points(problem.landscape.value, problem, starts, NEWTON_STEPS)))
    if not found:
        raise GoodfitError(
            f"no lowest point of '{problem.landscape.name}' was found under {_listed(problem)}: the constraints "
            "contradict each other, or the function has no lower bound there"
        )
    point, multipliers = found[problem.lowest([x for x, _ in found])]
    return _solution("Lagrangian", problem, point, tuple(multipliers.tolist()))


def stationary_points(
    value: Callable[[Tensor], Tensor], problem: Problem, starts: Tensor, steps: int
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Yield points and multipliers of all constraints where the Karush-Kuhn-Tucker conditions hold.

    One list for each choice of constraints that bind, the fewest first.

    Shape:
        value: [..., d] -> [...]. starts: [n, d].
    """
    d = starts.shape[-1]
    always = [i for i, c in enumerate(problem.constraints) if c.equal]
    sometimes = [i for i, c in enumerate(problem.constraints) if not c.equal]
    for count in range(max(d - len(always), 0) + 1):
        for chosen in itertools.combinations(sometimes, count):
            binding = sorted([*always, *chosen])
            z = _newton(_lagrangian_function(value, problem, binding, d), starts, steps)
            multipliers = torch.zeros(len(z), len(problem.constraints), dtype=torch.float64)
            multipliers[:, binding] = z[:, d:]
            kept = problem.violation(z[:, :d]) <= FEASIBLE
            kept &= (multipliers[:, sometimes] >= -FEASIBLE).all(-1)
            yield list(zip(z[kept, :d], multipliers[kept], strict=True))


def _lagrangian_function(
    value: Callable[[Tensor], Tensor], problem: Problem, binding: Sequence[int], d: int
) -> Landscape:
    """Return L as a function of z = (x, l), so that its gradient and Hessian come from autograd like any other's."""

    def lagrange(z: Tensor) -> Tensor:
        x = z[..., :d]
        terms = [z[..., d + k] * problem.constraints[i].difference.value(x) for k, i in enumerate(binding)]
        return sum(terms, value(x))

    size = d + len(binding)
    return Landscape("Lagrangian", "f + l g", "", size, ("",) * size, lagrange, ((0.0, 1.0),) * size, (0.0,) * size)


def _newton(function: Landscape, starts: Tensor, steps: int) -> Tensor:
    """Return those ends of Newton's method from starts (multipliers 0) where the gradient is zero: [n, d + binding]."""
    d = starts.shape[-1]
    z = torch.cat([starts, starts.new_zeros(len(starts), function.dimension - d)], -1)
    longest = (starts.amax(0) - starts.amin(0)).norm().clamp_min(1.0)
    for _ in range(steps):
        step = newton_step(function, z)
        z = z - step * (longest / step[:, :d].norm(dim=-1, keepdim=True).clamp_min(longest))
        if bool((step.norm(dim=-1) <= 1e-11 * (1 + z.norm(dim=-1))).all()):
            break
    slopes = function.gradient(z).norm(dim=-1)
    return z[slopes <= 1e-9 * (1 + z.norm(dim=-1))]


def penalty(problem: Problem) -> Solution:
    """Minimise f + w/2 (sum of squared violations) for ever larger w, each from the last end, by safeguarded Newton.

    The quadratic penalty (Nocedal & Wright 2006, section 17.1): the points come from outside, w times the violation
    tends to the multiplier. The lowest end of a grid of starts is returned.
    """
    landscape = problem.landscape
    points = grid(landscape.box, STARTS[landscape.dimension])
    points = points[landscape.value(points).isfinite()]
    nudge = torch.randn(points.shape, generator=torch_generator(0, "off saddles"), dtype=torch.float64)
    nudge = NUDGE * (nudge * (points.amax(0) - points.amin(0)))
    ways = [points]
    for weight in WEIGHTS:
        traces = descend(
            _penalised(problem, weight),
            "newton-safeguarded",
            starts=(points + nudge).tolist(),
            etas=[1.0],
            steps=60,
            tolerance=1e-9 + 1e-12 * weight,
        )
        points = torch.from_numpy(np.stack([trace.points[-1] for trace in traces]))
        ways.append(points)
    broken = problem.violation(points)  # an end that broke them all the way is no solution, however low it lies
    kept = (broken <= 10 * broken.min() + 1e-6).nonzero().flatten().tolist()
    best = kept[problem.lowest([points[k] for k in kept])]
    estimates = []
    for c in problem.constraints:
        difference = float(c.difference.value(points[best]))
        estimates.append(WEIGHTS[-1] * (difference if c.equal else max(difference, 0.0)))
    path = torch.stack(ways)[1:, best].numpy()
    return _solution("penalty", problem, points[best], tuple(estimates), path)


def _penalised(problem: Problem, weight: float) -> Landscape:
    def value(x: Tensor) -> Tensor:
        broken = [c.difference.value(x) if c.equal else c.difference.value(x).clamp_min(0) for c in problem.constraints]
        return sum((0.5 * weight * b.square() for b in broken), problem.landscape.value(x))

    found = problem.landscape
    return Landscape("penalty", found.formula, "", found.dimension, found.names, value, found.box, found.start)


def projection(problem: Problem) -> Solution:
    """Gradient descent, after each step back to the nearest point that keeps the constraints.

    Each step is tried twice as long as the last and halved until the value falls enough (Armijo's rule along the
    projection arc, Bertsekas 1976). The lowest end of several starts, the corners of the box and its centre, is returned.
    """
    starts = [
        *(torch.tensor(c, dtype=torch.float64) for c in itertools.product(*problem.landscape.box)),
        _centre(problem),
    ]
    ways = [_projected_descent(problem, start) for start in starts]
    best = ways[problem.lowest([way[-1] for way in ways])]
    return _solution("projection", problem, best[-1], None, best.numpy())


def _centre(problem: Problem) -> Tensor:
    low, high = corners(problem.landscape.box)
    return (low + high) / 2


def _projected_descent(problem: Problem, start: Tensor) -> Tensor:
    """Return the points of projected gradient descent, [n, d]."""
    points, eta, value = [project(problem, start, start)], 0.5, problem.landscape.value
    for _ in range(PROJECTIONS):
        here, eta = points[-1], 2 * eta
        slope = problem.landscape.gradient(here)
        new = project(problem, here - eta * slope, here)
        while not float(value(new)) <= float(value(here)) - 0.1 / eta * float((new - here).square().sum()):
            eta /= 2
            if eta < SHORTEST:
                return torch.stack(points)
            new = project(problem, here - eta * slope, here)
        points.append(new)
        if float(value(here) - value(new)) <= 1e-15 * max(1.0, abs(float(value(new)))):
            break
    return torch.stack(points)


def project(problem: Problem, point: Tensor, near: Tensor) -> Tensor:
    """Return the nearest point that keeps the constraints, looked for from the point and from one that is near it.

    Where the constraints leave a convex set, there is only one point that is nearest to all around it.

    Raises:
        GoodfitError: none was found.
    """
    if float(problem.violation(point)) == 0:
        return point
    everywhere = grid(problem.landscape.box, STARTS[len(point)])
    for starts, steps in ((torch.stack([point, near]), NEAR_STEPS), (everywhere, NEWTON_STEPS)):
        choices = stationary_points(lambda x: 0.5 * (x - point).square().sum(-1), problem, starts, steps)
        found = next(filter(None, choices), [])
        if found:
            break
    else:
        raise GoodfitError(
            f"no point was found that keeps {_listed(problem)}: do the constraints contradict each other?"
        )
    return min((x for x, _ in found), key=lambda x: float((x - point).norm()))


def scipy_slsqp(problem: Problem) -> Solution:
    """Sequential quadratic programming of SciPy with our gradients, the best end of a grid of starts."""
    landscape = problem.landscape

    def number(function: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], float]:
        return lambda x: float(function(torch.from_numpy(x)))

    sides = [
        {
            "type": "eq" if c.equal else "ineq",
            "fun": (lambda x, c=c: (1 if c.equal else -1) * number(c.difference.value)(x)),
        }
        for c in problem.constraints
    ]
    ends = []
    for start in grid(landscape.box, 5):
        found = minimize(
            number(landscape.value), start.numpy(), jac=lambda x: landscape.gradient(torch.from_numpy(x)).numpy(),
            method="SLSQP", constraints=sides, options={"ftol": 1e-15, "maxiter": 500},
        )  # fmt: skip
        end = torch.from_numpy(np.asarray(found.x, dtype=np.float64))
        if float(problem.violation(end)) <= 1e-6 and bool(landscape.value(end).isfinite()):
            ends.append(end)
    if not ends:
        raise GoodfitError(f"SciPy found no point that keeps {_listed(problem)}")
    return _solution("SciPy SLSQP", problem, ends[problem.lowest(ends)])


def _solution(
    method: str,
    problem: Problem,
    x: Tensor,
    multipliers: tuple[float, ...] | None = None,
    path: np.ndarray | None = None,
) -> Solution:
    path = x[None].numpy() if path is None else path
    value, violation = float(problem.landscape.value(x)), float(problem.violation(x))
    return Solution(method, tuple(x.tolist()), value, violation, multipliers, path)


def _listed(problem: Problem) -> str:
    return ", ".join(f"'{c.text}'" for c in problem.constraints)


METHODS: dict[str, Callable[[Problem], Solution]] = {
    "lagrangian": lagrangian, "penalty": penalty, "projection": projection, "scipy": scipy_slsqp,
}  # fmt: skip
