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
    return max(1, MOST_VALUES // (sum(config.batch_size for config in configs) * math.prod(sample_shape)))


def augmented(
    part: Part, rows: Sequence[np.ndarray], configs: Sequence[Config], first_step: int
) -> tuple[Part, list[np.ndarray]]:
    """Return a part with every member's samples of S steps, changed as the member asks, and where they are in it.

    Args:
        rows: K times int64 [S, B], rows of `part`; B may differ between members.
        first_step: number of the first of the S steps.
    """
    ends = np.cumsum([r.size for r in rows])
    places = [np.arange(end - r.size, end).reshape(r.shape) for r, end in zip(rows, ends, strict=True)]
    every = torch.from_numpy(np.concatenate([r.ravel() for r in rows])).to(part.device)
    x = part.x[every]
    wanted = [(config.augment, r.shape) for config, r in zip(configs, rows, strict=True)]
    for names, shape in sorted({(names, shape) for names, shape in wanted if names}):
        alike = [k for k, one in enumerate(wanted) if one == (names, shape)]
        own = torch.from_numpy(np.concatenate([places[k].ravel() for k in alike])).to(part.device)
        images = x[own].reshape(len(alike), *shape, *part.sample_shape)
        x[own] = augment(images, names, [configs[k].seed for k in alike], first_step).flatten(0, 2)
    if part.y.ndim == 1:
        y = part.y[every]
    else:
        member = torch.from_numpy(np.repeat(np.arange(len(rows)), [r.size for r in rows])).to(part.device)
        y = part.y[member, every]
    return Part(x, y), places
