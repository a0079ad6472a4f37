"""Augmented samples as a part of their own, so that every kernel trains on them without knowing."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from goodfit.config import Config
from goodfit.data.augmentation import augment
from goodfit.population.problem import Part

MOST_VALUES = 1 << 24
"""Numbers of augmented samples held at once (64 MiB), for all members together; one step is always held."""


def most_steps(configs: Sequence[Config], sample_shape: Sequence[int]) -> int | None:
    """Return how many steps' samples may be held at once; None where nobody augments."""
    if not any(config.augment for config in configs):
        return None
    return max(1, MOST_VALUES // (len(configs) * configs[0].batch_size * math.prod(sample_shape)))


def augmented(
    part: Part, rows: Sequence[np.ndarray], configs: Sequence[Config], first_step: int
) -> tuple[Part, list[np.ndarray]]:
    """Return a part with every member's samples of S steps, changed as the member asks, and where they are in it.

    Args:
        rows: K times int64 [S, B], rows of `part`.
        first_step: number of the first of the S steps.
    """
    steps, batch = rows[0].shape
    size = steps * batch
    every = torch.from_numpy(np.concatenate([r.ravel() for r in rows])).to(part.device)
    x = part.x[every].reshape(len(configs), steps, batch, *part.sample_shape)
    for names in {config.augment for config in configs if config.augment}:
        alike = [k for k, config in enumerate(configs) if config.augment == names]
        x[alike] = augment(x[alike], names, [configs[k].seed for k in alike], first_step)
    if part.y.ndim == 1:
        y = part.y[every]
    else:
        y = part.y.gather(1, every.reshape(len(configs), size)).ravel()
    places = np.arange(len(configs) * size).reshape(len(configs), steps, batch)
    return Part(x.flatten(0, 2), y), list(places)
