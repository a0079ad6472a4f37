"""Why inputs that are all positive slow a neuron down: the gradients of its weights all share one sign.

For y' = w . x and one sample, dL/dw = dL/dy' x: with x > 0 every component has the sign of dL/dy'. A step can raise
all weights or lower all, so a way that raises one and lowers another must zigzag.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goodfit.randomness import batch_order, numpy_generator

SAMPLES, START, GOAL = 64, (-1.0, 1.0), (1.0, -1.0)


@dataclass(frozen=True)
class Way:
    """The way of two weights under gradient descent, one sample a step.

    Attributes:
        inputs: [n, 2]. weights: [steps + 1, 2].
        same_sign: share of the steps that move both weights in the same direction.
        detour: length of the way, in distances from start to end.
    """

    inputs: np.ndarray
    weights: np.ndarray
    same_sign: float
    detour: float


def zigzag(*, lr: float = 0.9, steps: int = 60, seed: int = 0) -> Mapping[str, Way]:
    """Return the ways of one linear neuron with all-positive inputs and with zero-centred ones of the same size.

    The targets are those of the weights `GOAL`; inputs are uniform in (0, 1) and (-1, 1), both with mean square 1/3.
    """
    positive = numpy_generator(seed, "zigzag").uniform(0, 1, (SAMPLES, 2))
    signs = numpy_generator(seed, "zigzag signs").choice([-1.0, 1.0], (SAMPLES, 2))
    return {name: _descend(x, lr, steps, seed) for name, x in (("positive", positive), ("centred", positive * signs))}


def _descend(x: np.ndarray, lr: float, steps: int, seed: int) -> Way:
    weights = np.empty((steps + 1, 2))
    weights[0] = START
    for step in range(steps):
        epoch, place = divmod(step, SAMPLES)
        sample = x[batch_order(seed, epoch, SAMPLES)[place]]
        error = sample @ (weights[step] - np.array(GOAL))
        weights[step + 1] = weights[step] - lr * error * sample
    moves = np.diff(weights, axis=0)
    length = np.linalg.norm(moves, axis=1).sum()
    detour = float(length / np.linalg.norm(weights[-1] - weights[0]))
    return Way(x, weights, float((np.prod(moves, axis=1) > 0).mean()), detour)
