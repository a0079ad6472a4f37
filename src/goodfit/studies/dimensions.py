"""The curse of dimensionality: the same few samples in ever more dimensions.

N samples in a D-dimensional cube of side s have density N / s^D. They soon lie so far apart that a plane separates any
labelling of them (Cover 1965: certain at N <= D + 1), and a model that separates them has learnt nothing.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.paired import band
from goodfit.randomness import numpy_generator
from goodfit.studies.comparison import IN_MEMORY, Means
from goodfit.task import Task

SAMPLES, HELD_OUT, INFORMATIVE, SHIFT = 60, 2000, 4, 0.7
"""Training rows, rows to judge by, features that tell the classes apart, and by how many standard deviations."""
DIMENSIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CUBE_SAMPLES, CUBE_SIDE = 10, 5


def dimensions_study(
    seeds: int = 8, seed: int = 0, dimensions: Sequence[int] = DIMENSIONS, means: Means = IN_MEMORY
) -> dict[str, Any]:
    """Train a linear classifier on the first D features of the same rows, for every D and seed; return the record.

    The first `INFORMATIVE` features differ between the classes, the others are noise.
    """
    began = time.monotonic()
    accuracy = np.empty((2, len(dimensions), seeds))
    turns = replace(means, folder=None).in_turn([1] * len(dimensions) * seeds)
    for s in range(seeds):
        x, y = gaussian_classes(seed + s, max(dimensions))
        for d, count in enumerate(dimensions):
            means.on_stage("dimensions", f"seed {seed + s}, {count} features") if d == 0 else None
            accuracy[:, d, s] = _accuracies(x[:, :count], y, seed + s, next(turns))
    train_mean, test_mean = accuracy.mean(2)
    best = int(test_mean.argmax())
    separable = next((dimensions[d] for d in range(len(dimensions)) if train_mean[d] >= 0.999), None)
    densities = [[d, CUBE_SAMPLES / CUBE_SIDE**d] for d in (1, 2, 3)]
    answer = [
        f"With {SAMPLES} samples, test accuracy is highest at {dimensions[best]} features ({test_mean[best]:.3f}) and falls to"
        f" {test_mean[-1]:.3f} at {dimensions[-1]}, while training accuracy rises to {train_mean[-1]:.3f}.",
        f"From {separable} features on a plane separates all training samples."
        if separable
        else "In none of these dimensions are all training samples separated.",
        f"{INFORMATIVE} features tell the classes apart; every further one only gives noise to fit.",
    ]
    return {
        "answer": answer,
        "seeds": [seed, seed + seeds - 1],
        "seconds": time.monotonic() - began,
        "trainings": len(dimensions) * seeds,
        "lines": [
            {
                "name": "dimensions", "title": "Accuracy against the number of features", "x": list(dimensions),
                "x_label": "features", "y_label": "accuracy", "log_x": True,
                "series": {"training": band(accuracy[0].T), "test": band(accuracy[1].T)},
            }
        ],
        "tables": [
            {
                "title": f"Density of {CUBE_SAMPLES} samples in a cube of side {CUBE_SIDE}",
                "header": ["dimensions", "samples for each unit of volume"], "rows": densities,
            }
        ],
        "notes": [
            f"{SAMPLES} training and {HELD_OUT} test samples, drawn anew for every seed; the smaller sets of features are"
            " the first of the larger ones, on the same samples.",
        ],
    }  # fmt: skip


def gaussian_classes(seed: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return samples [SAMPLES + HELD_OUT, features] of two normal classes, and their labels."""
    random = numpy_generator(seed, "gaussian classes")
    y = np.arange(SAMPLES + HELD_OUT) % 2
    x = random.normal(size=(len(y), features))
    x[:, :INFORMATIVE] += SHIFT * np.where(y == 1, 1, -1)[:, None]
    return x, y


def _accuracies(x: np.ndarray, y: np.ndarray, seed: int, means: Means) -> tuple[float, float]:
    share = HELD_OUT / len(y)
    task = Task.from_arrays(x, y, kind="binary", metric="accuracy", test=share, validation=0, seed=seed)
    config = Config(depth=0, optimiser="adam", lr=0.05, batch_size=SAMPLES, epochs=400, numeric="standard", seed=seed)
    model = means.train([config], task, "dimensions", keep_weights=True).model()
    train_accuracy, test_accuracy = (task.score(model.predict(task.raw(part)), part) for part in ("train", "test"))
    return train_accuracy, test_accuracy
