"""Why preparation matters, measured: gradient descent on a linear model of features far from 0 or of unequal scale.

Classes count as numbers: the Hessian does not depend on the target. The mean squared error of a linear model with
bias, J(w) = |A w - y|^2 / 2n with A = [x, 1], has the Hessian A'A / n; a logistic model's at w = 0 is a quarter of it.
Gradient descent with the best constant rate, 2 / (largest + smallest eigenvalue), shrinks the distance to the optimum in
each step by at most (kappa - 1) / (kappa + 1), where kappa is the Hessian's condition number (Nesterov 2004, theorem
2.1.15).

All is computed from the singular values of A: their squares are the eigenvalues, and A'A, which rounds at 1e-16 of the
largest, no longer knows the smallest ones of features far from 0.
"""

import math
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-3
"""Share of the first distance to the optimum at which gradient descent has arrived."""
MOST_STEPS = 200_000


@dataclass(frozen=True)
class Conditioning:
    """A linear model's problem.

    Attributes:
        condition: largest by smallest eigenvalue of the Hessian, directions left out along which features depend on each
            other up to rounding: the loss does not change along them.
        rate: the best constant learning rate.
        steps: of gradient descent from w = 0 until the distance to the optimum is `TOLERANCE` of the first, by
            running it; None where `MOST_STEPS` did not suffice.
        steps_by_theory: that suffice by the bound; infinite for an infinite condition number.
    """

    condition: float
    rate: float
    steps: int | None
    steps_by_theory: float


def conditioning(x: np.ndarray, y: np.ndarray) -> Conditioning:
    """Run gradient descent on the linear model of targets y [n] and features x [n, d]."""
    design = np.column_stack([x.astype(np.float64), np.ones(len(x))])
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    # rounding of columns that depend on each other stays below half of this, however many rows there are
    told = singular > 2 * design.shape[1] * np.finfo(float).eps * singular[0]
    left, singular = left[:, told], singular[told]
    curvatures, optimum = singular**2 / len(x), left.T @ y.astype(np.float64) / singular
    condition, rate = float(curvatures[0] / curvatures[-1]), float(2 / (curvatures[0] + curvatures[-1]))
    shrink = (condition - 1) / (condition + 1)
    # shrinking by less than one part in 2**53 per step is no shrinking in float64
    by_theory = math.inf if shrink == 1 else math.ceil(math.log(TOLERANCE) / math.log(max(shrink, 1e-300)))
    return Conditioning(condition, rate, _descend(curvatures, optimum, rate), by_theory)


def _descend(curvatures: np.ndarray, optimum: np.ndarray, rate: float) -> int | None:
    """Descend from 0 along the Hessian's axes, in which each coordinate of the optimum is approached on its own."""
    w, goal = np.zeros(len(optimum)), TOLERANCE * float(np.linalg.norm(optimum))
    for step in range(MOST_STEPS + 1):
        if float(np.linalg.norm(w - optimum)) <= goal:
            return step
        w -= rate * curvatures * (w - optimum)
    return None
