"""Why preparation matters, measured: gradient descent on a linear model of features far from 0 or of unequal scale.

Classes count as numbers: the Hessian does not depend on the target. The mean squared error of a linear model with bias, J(w) = |A w - y|^2 / 2n with A = [x, 1], has the Hessian A'A / n; a
logistic model's at w = 0 is a quarter of it. Gradient descent with the best constant rate, 2 / (largest + smallest
eigenvalue), shrinks the distance to the optimum in each step by at most (kappa - 1) / (kappa + 1), where kappa is the
Hessian's condition number (Nesterov 2004, theorem 2.1.15).
"""

import math
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-3
"""Share of the first distance to the optimum at which gradient descent has arrived."""
MOST_STEPS = 200_000
FLAT = 1e-12
"""Directions with less than this share of the largest curvature count as flat: the loss does not change along them."""


@dataclass(frozen=True)
class Conditioning:
    """A linear model's problem.

    Attributes:
        condition: largest by smallest eigenvalue of the Hessian, flat directions left out.
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
    hessian, gradient_at_0 = design.T @ design / len(x), design.T @ y.astype(np.float64) / len(x)
    values, vectors = np.linalg.eigh(hessian)
    curved = values > FLAT * values[-1]
    values, vectors = values[curved], vectors[:, curved]
    optimum = vectors @ ((vectors.T @ gradient_at_0) / values)
    condition, rate = float(values[-1] / values[0]), float(2 / (values[-1] + values[0]))
    steps = _descend(hessian, gradient_at_0, optimum, rate)
    shrink = (condition - 1) / (condition + 1)
    # shrinking by less than one part in 2**53 per step is no shrinking in float64
    by_theory = math.inf if shrink == 1 else math.ceil(math.log(TOLERANCE) / math.log(max(shrink, 1e-300)))
    return Conditioning(condition, rate, steps, by_theory)


def _descend(hessian: np.ndarray, gradient_at_0: np.ndarray, optimum: np.ndarray, rate: float) -> int | None:
    w, goal = np.zeros(len(optimum)), TOLERANCE * float(np.linalg.norm(optimum))
    for step in range(MOST_STEPS + 1):
        if float(np.linalg.norm(w - optimum)) <= goal:
            return step
        w -= rate * (hessian @ w - gradient_at_0)
    return None
