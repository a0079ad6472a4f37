"""Descend a function: many starts, rates and noise seeds side by side, every point of every run kept."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.landscape.functions import Landscape
from goodfit.landscape.methods import find_method
from goodfit.optim.optimisers import Hyper, hyper_table
from goodfit.optim.schedules import rate_table
from goodfit.randomness import numpy_generator
from goodfit.wording import count

FARTHEST = 1e12
"""A run that gets this far out has left all bounds."""
MOST_POINTS = 20_000_000
"""Runs times steps that are kept at once: about a gigabyte with values and gradients."""

End = Literal[
    "steps used up", "gradient vanished", "no further decrease", "fell out of bounds", "rose out of bounds",
    "no finite value", "no direction",
]  # fmt: skip
"""Why a run ended; `no direction`: the method's formula gave no number, as Newton's without curvature."""


@dataclass(frozen=True)
class Trace:
    """One run: where it went, how high it was, how steep.

    Shape:
        points: [T + 1, d]. values, slopes: [T + 1], where T is the number of steps taken.
    """

    method: str
    start: tuple[float, ...]
    eta: float
    schedule: str
    seed: int
    noise: float
    points: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    """Norm of the gradient, without the noise."""
    end: End

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self.points) - 1


def descend(
    landscape: Landscape,
    method: str = "gd",
    starts: Sequence[Sequence[float]] | None = None,
    etas: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    steps: int = 100,
    noise: float = 0.0,
    config: Config | None = None,
    tolerance: float = 1e-10,
) -> list[Trace]:
    """Return one trace for each start, eta and noise seed, in the order of nested loops, the seed fastest.

    Args:
        starts: points of the landscape's dimension; None takes the landscape's own.
        etas: learning rates (for a line search the first length tried); None takes the method's own.
        noise: standard deviation of normal noise on every component of the gradient (without noise one seed will do).
        config: hyper-parameters of the optimiser and the schedule (its `lr` and `seed` are not used).
        tolerance: a run without noise ends where the gradient's norm is at most this.

    Raises:
        GoodfitError: an unknown method, a start of another dimension, or a number out of range.
    """
    begun = [landscape.start] if starts is None else [tuple(map(float, start)) for start in starts]
    etas = [find_method(method).eta] if etas is None else list(etas)
    _check(landscape, begun, etas, seeds, steps, noise)
    runs = list(itertools.product(begun, etas, seeds))
    config = config or Config()
    hyper = _hyper_parameters(config, [eta for _, eta, _ in runs], steps)
    draws = _noise(list(seeds), steps, landscape.dimension, noise).repeat(len(begun) * len(etas), 1, 1)
    points, ends = _walk(
        landscape, method, torch.tensor([s for s, _, _ in runs], dtype=torch.float64), hyper, draws, tolerance
    )
    values, slopes = landscape.value(points), landscape.gradient(points).norm(dim=-1)
    return [
        Trace(
            method,
            start,
            eta,
            config.schedule,
            seed,
            noise,
            points[r, : length + 1].numpy(),
            values[r, : length + 1].numpy(),
            slopes[r, : length + 1].numpy(),
            end,
        )
        for r, ((start, eta, seed), (length, end)) in enumerate(zip(runs, ends, strict=True))
    ]


def _walk(
    landscape: Landscape, method: str, x: Tensor, hyper: list[Hyper], draws: Tensor, tolerance: float
) -> tuple[Tensor, list[tuple[int, End]]]:
    """Return the points of all runs, [R, T + 1, d], and for each run how many steps it took and why it ended."""
    chosen = find_method(method)
    memory, points = chosen.begin(x), [x]
    noisy = bool(draws.numel())
    ends: list[tuple[int, End]] = [(len(hyper), "steps used up")] * len(x)
    alive = torch.ones(len(x), dtype=torch.bool)
    for t, h in enumerate(hyper):
        g = landscape.gradient(x)
        arrived = alive & (g.norm(dim=-1) <= tolerance) & (not noisy)
        new, memory = chosen.step(landscape, x, g + draws[:, t] if noisy else g, memory, h)
        height, far = landscape.value(new), (new.abs() >= FARTHEST).any(-1)
        reasons: list[tuple[Tensor, End]] = [
            (arrived, "gradient vanished"),
            (new.isnan().any(-1), "no direction"),
            (far & (height < landscape.value(x)), "fell out of bounds"),
            (far, "rose out of bounds"),
            (~height.isfinite(), "no finite value"),
            ((new == x).all(-1) & (not noisy), "no further decrease"),
        ]
        for which, end in reasons:
            for r in (alive & which).nonzero().flatten().tolist():
                ends[r] = (t, end)
            alive = alive & ~which
        if not bool(alive.any()):
            break
        x = torch.where(alive[:, None], new, x)
        points.append(x)
    return torch.stack(points, 1), ends


def _hyper_parameters(config: Config, etas: Sequence[float], steps: int) -> list[Hyper]:
    """Return the hyper-parameters of each step, every field [R, 1]."""
    tables = {}
    for eta in dict.fromkeys(etas):
        settings = config.replace(lr=eta)
        tables[eta] = hyper_table(settings, rate_table(settings, steps))
    table = torch.from_numpy(np.stack([tables[eta] for eta in etas], 1))  # [T, R, fields]
    return [Hyper(*row.T[..., None]) for row in table]


def _noise(seeds: Sequence[int], steps: int, dimension: int, deviation: float) -> Tensor:
    """Return the noise of each seed, [seeds, T, d]: the same for every start and eta, so that these compare."""
    if not deviation:
        return torch.empty(0, 1, 1)
    draws = [numpy_generator(seed, "gradient noise").normal(0, deviation, (steps, dimension)) for seed in seeds]
    return torch.from_numpy(np.stack(draws))


def _check(
    landscape: Landscape,
    starts: Sequence[Sequence[float]],
    etas: Sequence[float],
    seeds: Sequence[int],
    steps: int,
    noise: float,
) -> None:
    d, runs = landscape.dimension, len(starts) * len(etas) * len(seeds)
    for start in starts:
        if len(start) != d:
            raise GoodfitError(
                f"a start on '{landscape.name}' has {count(d, 'number')} ({', '.join(landscape.names)}), "
                f"not {len(start)} ({', '.join(f'{v:g}' for v in start)})"
            )
        if not bool(landscape.value(torch.tensor(start, dtype=torch.float64)).isfinite()):
            raise GoodfitError(
                f"'{landscape.name}' has no finite value at {', '.join(f'{v:g}' for v in start)}: choose another start"
            )
    if not steps >= 1 or not runs:
        raise GoodfitError(f"steps is {steps}, starts x etas x seeds is {runs}: each must be at least 1")
    if not all(0 < eta < np.inf for eta in etas) or not 0 <= noise < np.inf:
        raise GoodfitError(
            f"eta is {', '.join(f'{e:g}' for e in etas)}, noise is {noise:g}: eta must be above 0, noise at least 0"
        )
    if runs * steps * d > MOST_POINTS:
        raise GoodfitError(f"{runs} runs x {steps} steps are more than can be kept: take fewer seeds, starts or steps")
