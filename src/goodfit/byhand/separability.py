"""Can a hyperplane separate two classes? A linear programme decides, and whichever answer it gives is checked.

Everywhere here a sample is z = y (x, 1): its label -1 or +1 times its features with the constant 1, whose weight is the
bias. A hyperplane separates where z.w > 0 for every sample. By Gordan's theorem of the alternative (1873) either there is
such a w, or there are multipliers lambda >= 0 with sum 1 and sum lambda_i z_i = 0, never both.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog, nnls

ROUNDING = float(np.finfo(np.float64).eps)
ZERO = 1e-14
"""The largest entry of sum lambda_i z_i, samples scaled to length 1, that counts as rounding (1e-15 is usual)."""


@dataclass(frozen=True)
class Separability:
    """The answer, with what proves it.

    Attributes:
        weights: [features + 1], bias last, of a hyperplane that separates; None where there is none.
        multipliers: [samples], of the certificate that none separates; None where one does.
        residual: the certificate's largest |sum lambda_i z_i|, 0 but for rounding; for a hyperplane the smallest z.w.

    Where both are None the gap between the classes, if there is one, is below what the solver resolves: about 1e-8 of the
    samples' length.
    """

    weights: np.ndarray | None
    multipliers: np.ndarray | None
    residual: float

    @property
    def kind(self) -> str:
        """`separable`, `not separable` or `undecided`."""
        if self.weights is not None:
            return "separable"
        return "undecided" if self.multipliers is None else "not separable"


@dataclass(frozen=True)
class Margin:
    """The hyperplane of largest margin: weights [features + 1] of length 1, and the margin between two sure bounds.

    `gamma` = min z.w is what these weights have; no hyperplane has more than `at_most`, the length of a convex combination
    of the samples z. They differ by rounding alone.
    """

    weights: np.ndarray
    gamma: float
    at_most: float
    support: np.ndarray


def signed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return z = y (x, 1): [samples, features + 1]."""
    return y[:, None] * np.column_stack([x, np.ones(len(x))])


def separate(x: np.ndarray, y: np.ndarray) -> Separability:
    """Find a hyperplane between two classes, or the proof that there is none.

    The linear programme: maximise t subject to z_i.w >= t and |w_j| <= 1, each z_i scaled to length 1. Where its best t is
    0, the multipliers of the constraints are Gordan's.

    Shape:
        x: [samples, features]. y: [samples], -1 and +1.
    """
    z = signed(x, y)
    lengths = np.linalg.norm(z, axis=1)
    units = z / lengths[:, None]
    n, d = units.shape
    found = linprog(
        np.append(np.zeros(d), -1.0), A_ub=np.column_stack([-units, np.ones(n)]), b_ub=np.zeros(n),
        bounds=[(-1, 1)] * d + [(None, 1)], method="highs",
    )  # fmt: skip
    if holds_hyperplane(z, found.x[:d]):
        return Separability(found.x[:d], None, float((z @ found.x[:d]).min()))
    multipliers = _polished(units, -found.ineqlin.marginals)
    if np.abs(multipliers @ units).max() <= ZERO:
        multipliers = multipliers / lengths
        multipliers /= multipliers.sum()
        return Separability(None, multipliers, float(np.abs(multipliers @ z).max()))
    return Separability(None, None, float((z @ found.x[:d]).min()))


def holds_hyperplane(z: np.ndarray, weights: np.ndarray) -> bool:
    """Whether z.w > 0 for every sample beyond what rounding could have made of 0."""
    error = 2 * z.shape[1] * ROUNDING * (np.abs(z) @ np.abs(weights))
    return bool((z @ weights > error).all())


def _polished(units: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
    """Solve for the multipliers that are not zero again, by least squares: the programme's own are good to 1e-7 only."""
    support = np.flatnonzero(multipliers > 0)
    exact = np.zeros(len(units))
    exact[support] = _combination(units[support])
    return exact


def _combination(z: np.ndarray) -> np.ndarray:
    """Return weights >= 0 with sum 1 of the convex combination of the rows that is nearest to the origin.

    Least distance programming: C. Lawson, R. Hanson, Solving Least Squares Problems (1974), chapter 23.
    """
    system = np.vstack([z.T, np.ones(len(z))])
    found = nnls(system, np.append(np.zeros(z.shape[1]), 1.0))[0]
    return np.asarray(found / found.sum())


def largest_margin(x: np.ndarray, y: np.ndarray) -> Margin:
    """Return the hyperplane of largest margin through the origin of the features with their constant (hard margin).

    The quadratic programme min |w|^2 subject to z.w >= 1 is solved in its dual: the point of the samples' convex hull that
    is nearest to the origin is gamma w. The data must be separable (`separate`).
    """
    z = signed(x, y)
    size = np.linalg.norm(z, axis=1).max()
    shares = _combination(z / size)
    nearest = shares @ z
    weights = nearest / np.linalg.norm(nearest)
    return Margin(weights, float((z @ weights).min()), float(np.linalg.norm(nearest)), np.flatnonzero(shares > 0))
