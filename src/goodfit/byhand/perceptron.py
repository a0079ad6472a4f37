"""The perceptron: a threshold unit that learns from its mistakes, and how many it can make at most.

F. Rosenblatt, Psychological Review 65 (1958); the bound: A. Novikoff, Symposium on the Mathematical Theory of Automata (1962).
"""

from dataclasses import dataclass

import numpy as np

from goodfit.byhand.separability import Margin, Separability, largest_margin, separate, signed
from goodfit.randomness import batch_order
from goodfit.wording import count, figure

SWEEPS = {"separable": 1000, "not separable": 50, "undecided": 1000}
"""Sweeps at most unless said otherwise: where none will ever be without a mistake, a few show it."""


@dataclass(frozen=True)
class Sweeps:
    """What a training did, sweep after sweep over all samples.

    Shape:
        weights: [sweeps + 1, features + 1], bias last, before the first sweep (zeros) and after each.
        mistakes: [sweeps], samples that changed the weights. wrong: [sweeps], samples on the wrong side after the sweep.
    """

    weights: np.ndarray
    mistakes: np.ndarray
    wrong: np.ndarray

    @property
    def converged(self) -> bool:
        return not self.mistakes[-1]


@dataclass(frozen=True)
class Lesson:
    """A training with what theory says of it: `margin` is None where nothing separates, `radius` the longest (x, 1)."""

    sweeps: Sweeps
    separability: Separability
    margin: Margin | None
    radius: float

    @property
    def bound(self) -> float | None:
        """Novikoff's bound (R / gamma)^2 on the mistakes from weights 0, for any order and any eta."""
        return None if self.margin is None else (self.radius / self.margin.gamma) ** 2

    def words(self) -> list[str]:
        """Return the verdict as sentences."""
        return [*_training_in_words(self), *_theory_in_words(self)]


def learn(x: np.ndarray, y: np.ndarray, *, eta: float = 1.0, epochs: int | None = None, seed: int = 0) -> Lesson:
    """Train a perceptron, and find out whether it can succeed and how many mistakes it can make.

    Shape:
        x: [samples, features]. y: [samples], -1 and +1, both present.

    Args:
        eta: learning rate; from weights 0 it scales the weights and changes no decision.
        epochs: sweeps at most; by default `SWEEPS` of what is known of the data.
        seed: of the order in which a sweep visits the samples.
    """
    separability = separate(x, y)
    sweeps = sweep(x, y, eta=eta, epochs=epochs or SWEEPS[separability.kind], seed=seed)
    margin = largest_margin(x, y) if separability.kind == "separable" else None
    return Lesson(sweeps, separability, margin, float(np.linalg.norm(signed(x, y), axis=1).max()))


def sweep(x: np.ndarray, y: np.ndarray, *, epochs: int, eta: float = 1.0, seed: int = 0) -> Sweeps:
    """Sweep over the samples with w <- w + eta (y - sign(w.x)) x until a sweep makes no mistake; sign(0) is 1.

    The weights are held as multiples of eta, so that its rounding changes no decision either.
    """
    inputs = np.column_stack([x, np.ones(len(x))])
    weights = np.zeros(inputs.shape[1])
    seen, mistakes, wrong = [weights], [], []
    for epoch in range(epochs):
        made = 0
        for i in batch_order(seed, epoch, len(y)):
            said = 1.0 if inputs[i] @ weights >= 0 else -1.0
            if said != y[i]:
                weights = weights + (y[i] - said) * inputs[i]
                made += 1
        seen.append(weights)
        mistakes.append(made)
        wrong.append(int((np.where(np.vecdot(inputs, weights) >= 0, 1.0, -1.0) != y).sum()))
        if not made:
            break
    return Sweeps(eta * np.array(seen), np.array(mistakes), np.array(wrong))


def _training_in_words(lesson: Lesson) -> list[str]:
    sweeps, total = lesson.sweeps, int(lesson.sweeps.mistakes.sum())
    done = count(len(sweeps.mistakes), "sweep")
    if sweeps.converged:
        return [f"converged: {done}, the last without a mistake; {count(total, 'mistake')} in all"]
    best = int(sweeps.wrong.argmin())
    on = f"{count(int(sweeps.wrong[-1]), 'sample')} on the wrong side (fewest: {sweeps.wrong[best]}, after sweep {best + 1})"
    if lesson.separability.kind == "separable":
        return [
            f"not there yet: {done}, {count(total, 'mistake')}, {on}; the data can be separated, so more sweeps end it"
        ]
    return [f"stopped: {done}, {count(total, 'mistake')}, {on}"]


def _theory_in_words(lesson: Lesson) -> list[str]:
    found = lesson.separability
    if lesson.margin is not None and lesson.bound is not None:
        return [
            f"linearly separable: a hyperplane with margin gamma = {figure(lesson.margin.gamma)}; with R ="
            f" {figure(lesson.radius)} Novikoff's bound is (R/gamma)^2 = {figure(lesson.bound)} mistakes"
        ]
    if found.multipliers is None:
        return [
            "undecided: neither a hyperplane nor a proof holds; a gap between the classes would be below about 1e-8"
        ]
    held = int((found.multipliers > 0).sum())
    return [
        f"not linearly separable, so no number of sweeps ends the mistakes: {count(held, 'sample')} with multipliers that"
        f" are positive, have the sum 1 and make sum lambda_i y_i (x_i, 1) = 0 (largest entry {found.residual:.0e})",
        "that is: a weighted mean of samples of one class is a weighted mean of samples of the other; no hyperplane can lie"
        " between",
    ]
