"""Activations as a person differentiates them: value and derivative of one number, each beside its formula.

They are written apart from `goodfit.nn.ACTIVATIONS`, whose derivatives come from autograd: the tests compare the two.
At a kink the derivative from the left stands (0 for relu).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from goodfit.nn.activations import SELU_ALPHA, SELU_LAMBDA

LEAK, PRELU_SLOPE = 0.01, 0.25


@dataclass(frozen=True)
class Branch:
    """A formula and its derivative, in {z}, the sum that enters, and {h}, the value that comes out."""

    formula: str
    value: Callable[[float], float]
    slope_formula: str
    slope: Callable[[float], float]


@dataclass(frozen=True)
class Rule:
    """An activation; `below`, where it has another formula for z <= 0. `about` says what a learner should know."""

    above: Branch
    below: Branch | None = None
    about: str = ""

    def at(self, z: float) -> Branch:
        """Return the branch that holds at z."""
        return self.above if self.below is None or z > 0 else self.below

    def condition(self, z: float) -> str:
        """Return in which branch z lies, `{z} > 0`; empty where there is but one."""
        return "" if self.below is None else "{z} > 0" if z > 0 else "{z} ≤ 0"


def _sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)); for z < 0 as exp(z) / (1 + exp(z)), which cannot overflow."""
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _normal(z: float) -> float:
    """The normal distribution function."""
    return 0.5 * math.erfc(-z * math.sqrt(0.5))


def _bell(z: float) -> float:
    """The normal density."""
    return math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _mish_slope(z: float) -> float:
    t = math.tanh(_softplus(z))
    return t + z * (1 - t * t) * _sigmoid(z)


def _line(slope: float) -> Branch:
    """A straight piece through the origin."""
    if slope in (0, 1):
        return Branch("{z}" if slope else "0", lambda z: slope * z, str(slope), lambda _: slope)
    return Branch(f"{slope:.7g} · {{z}}", lambda z: slope * z, f"{slope:.7g}", lambda _: slope)


def _exponential(scale: float) -> Branch:
    """scale (exp(z) - 1), the lower half of elu and selu, whose derivative is its value plus scale."""
    front = "" if scale == 1 else f"{scale:.7g} · "
    inner = "exp({z}) − 1" if scale == 1 else "(exp({z}) − 1)"
    return Branch(front + inner, lambda z: scale * math.expm1(z), f"{{h}} + {scale:.7g}", lambda z: scale * math.exp(z))


ACTIVATION_RULES: dict[str, Rule] = {
    "identity": Rule(_line(1)),
    "relu": Rule(_line(1), _line(0), "a sum below 0 lets no gradient through"),
    "leaky-relu": Rule(_line(1), _line(LEAK)),
    "prelu": Rule(_line(1), _line(PRELU_SLOPE), "its slope, 0.25 at the start, is held fixed here"),
    "elu": Rule(_line(1), _exponential(1.0)),
    "selu": Rule(_line(SELU_LAMBDA), _exponential(SELU_LAMBDA * SELU_ALPHA)),
    "softplus": Rule(Branch("ln(1 + exp({z}))", _softplus, "1 / (1 + exp(−{z}))", _sigmoid)),
    "sigmoid": Rule(
        Branch("1 / (1 + exp(−{z}))", _sigmoid, "{h} · (1 − {h})", lambda z: _sigmoid(z) * _sigmoid(-z)),
        about="far from 0 its derivative h (1 − h) is nearly 0: the unit is saturated",
    ),
    "tanh": Rule(
        Branch("tanh({z})", math.tanh, "1 − {h}²", lambda z: 1 - math.tanh(z) ** 2),
        about="far from 0 its derivative 1 − h² is nearly 0: the unit is saturated",
    ),
    "gelu": Rule(
        Branch("{z} · Φ({z})", lambda z: z * _normal(z), "Φ({z}) + {z} · φ({z})", lambda z: _normal(z) + z * _bell(z)),
        about="Φ is the normal distribution function, φ its density",
    ),
    "silu": Rule(
        Branch(
            "{z} · σ({z})", lambda z: z * _sigmoid(z),
            "σ({z}) · (1 + {z} · (1 − σ({z})))", lambda z: _sigmoid(z) * (1 + z * _sigmoid(-z)),
        ),
        about="σ(z) = 1 / (1 + exp(−z))",
    ),
    "mish": Rule(
        Branch(
            "{z} · tanh(ln(1 + exp({z})))", lambda z: z * math.tanh(_softplus(z)),
            "tanh(ln(1 + exp({z}))) + {z} · (1 − tanh(ln(1 + exp({z})))²) · σ({z})", _mish_slope,
        ),
        about="σ(z) = 1 / (1 + exp(−z))",
    ),
}  # fmt: skip
"""One rule for each of `goodfit.nn.ACTIVATIONS`."""
