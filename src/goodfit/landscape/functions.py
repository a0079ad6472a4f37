"""Functions of one or two variables that one can see: by name, by a family's parameter, or as a user's formula.

Adding one is adding one entry to `FUNCTIONS` (a formula) or `FAMILIES` (a formula with a number in it).
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.landscape.expression import parse
from goodfit.landscape.network_loss import HIDDEN, SAMPLES, loss_along_two_directions

Box = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Landscape:
    """A function to be descended, with its derivatives by autograd in double precision.

    Shape:
        value: [..., d] -> [...]. gradient: [..., d] -> [..., d]. hessian: [..., d] -> [..., d, d].
    """

    name: str
    formula: str
    about: str
    dimension: int
    names: tuple[str, ...]
    value: Callable[[Tensor], Tensor]
    box: Box
    """What pictures show and where critical points are looked for."""
    start: tuple[float, ...]

    def gradient(self, x: Tensor) -> Tensor:
        """Return the first derivatives."""
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.value(x).sum(), x, materialize_grads=True)[0]

    def hessian(self, x: Tensor) -> Tensor:
        """Return the second derivatives."""
        x = x.detach().requires_grad_()
        gradient = torch.autograd.grad(self.value(x).sum(), x, create_graph=True, materialize_grads=True)[0]
        if not gradient.requires_grad:  # of a linear function
            return torch.zeros(*x.shape, self.dimension, dtype=x.dtype)
        rows = [
            torch.autograd.grad(gradient[..., i].sum(), x, retain_graph=True, materialize_grads=True)[0]
            for i in range(self.dimension)
        ]
        return torch.stack(rows, -2)

    def on(self, box: Sequence[tuple[float, float]]) -> "Landscape":
        """Return the same function on another interval or box."""
        return replace(self, box=tuple(box))


def grid(box: Box, points: int) -> Tensor:
    """Return an even grid of the box, edges included: [points^d, d]."""
    axes = [torch.from_numpy(np.linspace(low, high, points)) for low, high in box]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(box))


def corners(box: Box) -> tuple[Tensor, Tensor]:
    """Return the lower and the upper corner, [d] each."""
    low, high = torch.tensor(box, dtype=torch.float64).T
    return low, high


def _formula(text: str, about: str, box: Box, start: tuple[float, ...], name: str = "") -> Landscape:
    read = parse(text)
    return Landscape(name or text, text, about, read.dimension, read.names, read.value, box, start)


def _named(*entries: tuple[str, str, str, Box, tuple[float, ...]]) -> dict[str, Landscape]:
    return {name: _formula(text, about, box, start, name) for name, text, about, box, start in entries}


FUNCTIONS: dict[str, Landscape] = _named(
    ("parabola", "x^2", "the simplest valley", ((-11.0, 11.0),), (10.0,)),
    ("half-square", "0.5*x^2", "convex", ((-2.0, 2.0),), (1.5,)),
    ("cosine", "cos(pi*x)", "neither convex nor concave", ((-2.0, 2.0),), (0.3,)),
    ("exponential", "exp(0.5*x)", "convex, without a minimum", ((-2.0, 2.0),), (1.5,)),
    ("expected-risk", "x*cos(pi*x)", "a local and a global minimum on [-1, 2]", ((-1.0, 2.0),), (0.6,)),
    ("empirical-risk", "x*cos(pi*x) + 0.2*cos(5*pi*x)", "the same, seen through few samples", ((-1.0, 2.0),), (0.6,)),
    ("cubic", "x^3", "an inflection with zero gradient at 0", ((-2.0, 2.0),), (1.5,)),
    ("tanh", "tanh(x)", "the gradient vanishes to the right", ((-2.0, 5.0),), (4.0,)),
    ("cosh", "cosh(0.5*x)", "convex, steep far out, and no third derivative at the minimum", ((-11.0, 11.0),), (10.0,)),
    ("wave", "x*cos(0.15*pi*x)", "several minima, negative curvature between", ((-12.0, 12.0),), (10.0,)),
    ("bowl", "x1^2 + 2*x2^2", "a slightly oval bowl", ((-5.5, 1.5), (-3.0, 1.5)), (-5.0, -2.0)),
    ("saddle", "x^2 - y^2", "down one way, up the other", ((-2.0, 2.0), (-2.0, 2.0)), (-1.5, 1e-3)),
    ("rosenbrock", "(1-x)^2 + 100*(y-x^2)^2", "a bent, narrow valley; minimum at (1, 1)",
     ((-2.0, 2.0), (-1.0, 3.0)), (-1.2, 1.0)),
    ("himmelblau", "(x^2+y-11)^2 + (x+y^2-7)^2", "four minima of equal depth", ((-5.0, 5.0), (-5.0, 5.0)), (0.0, 0.0)),
    ("beale", "(1.5-x+x*y)^2 + (2.25-x+x*y^2)^2 + (2.625-x+x*y^3)^2", "flat valleys; minimum at (3, 0.5)",
     ((-4.5, 4.5), (-4.5, 4.5)), (1.0, 1.0)),
)  # fmt: skip


@dataclass(frozen=True)
class Family:
    """Functions with a number in them: `name:number`, or `name` for the default."""

    about: str
    default: float
    rule: Callable[[float], bool]
    wants: str
    make: Callable[[float], Landscape]


def _plain(number: float) -> str:
    return repr(number).removesuffix(".0")


def _ravine(condition: float) -> Landscape:
    about = f"a ravine along an axis, condition number {condition:g}"
    return _formula(f"0.5*(x^2 + {_plain(condition)}*y^2)", about, ((-11.0, 11.0), (-3.0, 3.0)), (10.0, 1.0))


def _tilted_ravine(condition: float) -> Landscape:
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    text = f"0.5*((sqrt(0.75)*x + 0.5*y)^2 + {_plain(condition)}*(sqrt(0.75)*y - 0.5*x)^2)"
    about = f"a ravine at 30 degrees to the axes, condition number {condition:g}"
    return _formula(text, about, ((-11.0, 11.0), (-7.0, 7.0)), (10.0 * c - s, 10.0 * s + c))


def _network(seed: float) -> Landscape:
    value = loss_along_two_directions(int(seed))
    about = f"mean squared error of a 1-{HIDDEN}-1 tanh network on {SAMPLES} samples, along two random directions"
    formula = "L(w + a d1 + b d2)"
    return Landscape("network", formula, about, 2, ("a", "b"), value, ((-1.5, 1.5), (-1.5, 1.5)), (1.2, -1.2))


FAMILIES: dict[str, Family] = {
    "ravine": Family("ravine of a condition number", 100.0, lambda c: 1 <= c <= 1e12, "a condition number from 1 to 1e12",
                     _ravine),
    "tilted-ravine": Family("the same at 30 degrees to the axes", 100.0, lambda c: 1 <= c <= 1e12,
                            "a condition number from 1 to 1e12", _tilted_ravine),
    "network": Family("loss of a tiny network along two random directions", 0.0,
                      lambda s: 0 <= s < 2**31 and s == int(s), "a seed 0, 1, 2, ...", _network),
}  # fmt: skip


def find_function(text: str) -> Landscape:
    """Return the function of that name (`wave`, `ravine:1000`), or the formula read as an expression.

    Raises:
        GoodfitError: a family's number out of range, an unknown name, or an expression that cannot be read.
    """
    if text in FUNCTIONS:
        return FUNCTIONS[text]
    name, colon, number = text.partition(":")
    if name in FAMILIES:
        return _member(name, FAMILIES[name], number if colon else None)
    if re.fullmatch(r"[a-z][a-z-]{2,}", text) and did_you_mean(text, [*FUNCTIONS, *FAMILIES]):
        _unknown(text)
    try:
        read = parse(text)
    except GoodfitError:
        if re.fullmatch(r"[A-Za-z]{2,}[A-Za-z-]*", text):
            _unknown(text)
        raise
    box = ((-5.0, 5.0),) * read.dimension
    start = (4.0, 3.0)[: read.dimension]
    return Landscape(text.strip(), read.text, "your expression", read.dimension, read.names, read.value, box, start)


def _member(name: str, family: Family, number: str | None) -> Landscape:
    try:
        value = family.default if number is None else float(number)
    except ValueError:
        value = math.nan
    if not family.rule(value):
        raise GoodfitError(f"'{name}:{number}': '{name}' takes {family.wants}, for example {name}:{family.default:g}")
    return replace(family.make(value), name=f"{name}:{value:g}")


def _unknown(text: str) -> None:
    known = [*FUNCTIONS, *FAMILIES]
    raise GoodfitError(
        f"there is no function '{text}'{did_you_mean(text, known)}: choose one of {', '.join(known)}, "
        "or write a formula such as 'x^2 + sin(3*x)'"
    )
