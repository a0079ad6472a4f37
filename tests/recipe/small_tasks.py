"""Small tasks on which every kind of curve can be had."""

import numpy as np

import goodfit as gf


def friedman(rows: int, noise: float = 1.0, validation: float = 0.25) -> gf.Task:
    """The function of Friedman (1991) on ten uniform inputs, five of which matter."""
    random = np.random.default_rng(rows)
    x = random.uniform(size=(rows, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y += noise * random.normal(size=rows)
    return gf.Task.from_arrays(x, y, kind="regression", test=0.0, validation=validation)


def blobs(rows: int, classes: int = 3) -> gf.Task:
    """Classes around points that lie apart; the first is rare."""
    random = np.random.default_rng(rows)
    y = random.choice(classes, rows, p=[0.04, *([0.96 / (classes - 1)] * (classes - 1))])
    x = 2 * np.eye(classes, 6)[y] + 0.5 * random.normal(size=(rows, 6))
    return gf.Task.from_arrays(x, y, kind="multiclass", test=0.0)
