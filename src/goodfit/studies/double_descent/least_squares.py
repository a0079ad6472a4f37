"""Least squares in closed form: what every ridge and every stopping time gives, from one decomposition.

With features Phi = U diag(s) V' [n, N] and targets Y [n, C], each solution is W = V diag(f(s)) U' Y for a filter f:

- minimum norm: f = 1 / s, zero for singular values that are rounding error, as LAPACK's `gelsd` has it;
- ridge: f = s / (s^2 + r), the minimiser of |Phi W - Y|^2 + r |W|^2;
- gradient descent from zero on |Phi W - Y|^2 / 2 in the limit of small steps (gradient flow), stopped at time t:
  f = (1 - exp(-t s^2)) / s (Ali et al. 2019, "A continuous-time view of early stopping for least squares", lemma 1).
"""

from dataclasses import dataclass

import numpy as np

WIDE = 2.0
"""From so many features for each sample on the smaller Gram matrix is decomposed. Its condition number is the square of
the features', which is small only away from n = N."""


@dataclass(frozen=True)
class Spectrum:
    """Features and targets in the basis of the features' singular vectors.

    Shape:
        s: [r], descending or ascending, without those that are rounding error. u: [n, r]. targets: U' Y, [r, C].
        held_out: features of other samples times V, [m, r].
    """

    s: np.ndarray
    u: np.ndarray
    targets: np.ndarray
    held_out: np.ndarray

    @classmethod
    def of(cls, phi: np.ndarray, y: np.ndarray, held_out: np.ndarray) -> "Spectrum":
        """Decompose features phi [n, N] of targets y [n, C]; held_out: features [m, N] to predict from."""
        n, features = phi.shape
        if features >= WIDE * n:
            values, u = np.linalg.eigh(phi @ phi.T)
            keep = values > np.finfo(float).eps * features * values[-1]
            s, u = np.sqrt(values[keep]), u[:, keep]
            rotated = (held_out @ phi.T) @ (u / s)
        else:
            u, s, vt = np.linalg.svd(phi, full_matrices=False)
            keep = s > np.finfo(float).eps * max(n, features) * s[0]
            s, u = s[keep], u[:, keep]
            rotated = held_out @ vt[keep].T
        return cls(s, u, u.T @ y, rotated)

    def filter(self, steps: float = np.inf, ridge: float = 0.0) -> np.ndarray:
        """Return f(s).

        Args:
            steps: gradient-flow time in steps of gradient descent at the rate 1 / max(s)^2; infinite: the end.
            ridge: r as a share of |Phi|^2, the sum of all squared singular values.

        Raises:
            ValueError: both a ridge and a stopping time.
        """
        if np.isfinite(steps):
            if ridge:
                raise ValueError("a ridge and a stopping time together have no entry here")
            return -np.expm1(-steps * (self.s / self.s.max()) ** 2) / self.s
        return self.s / (self.s**2 + ridge * (self.s**2).sum())

    def outputs(self, filter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs of the training samples [n, C] and the held-out ones [m, C]."""
        weights = filter[:, None] * self.targets
        return self.u @ (self.s[:, None] * weights), self.held_out @ weights
