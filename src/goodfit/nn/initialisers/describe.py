"""An initialiser in numbers: its definition, what its law says of a layer of given shape, and weights drawn from it."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from goodfit.losses import cross_entropy
from goodfit.nn.initialisers.choice import initialise, read_initialiser
from goodfit.nn.initialisers.distributions import Fans
from goodfit.nn.initialisers.start import Sample, Start
from goodfit.nn.mean_field import gain
from goodfit.randomness import torch_generator

ROWS, INPUTS = 256, 16
"""Samples for initialisers that look at some, and features of each: few, for a large layer costs MetaInit much time."""


@dataclass(frozen=True)
class Description:
    """One initialiser on one layer.

    Attributes:
        usage: name and parameters. definition, source: in words.
        std, bound: by its law; None where there is no law, bound infinite where there is no bound.
        weights: drawn; of initialisers of whole networks the middle layer's of three.
    """

    usage: str
    definition: str
    source: str
    std: float | None
    bound: float | None
    weights: Tensor


def describe(init: str, shape: Sequence[int], activation: str = "relu", seed: int = 0) -> Description:
    """Describe `name` or `name(arguments)` for a weight [n_out, n_in] or [out, in, kernel ...]."""
    choice = read_initialiser(init)
    make = choice.entry.make
    parameters = list(inspect.signature(make).parameters)[1:]
    usage = init if choice.arguments or not parameters else f"{choice.name}({', '.join(parameters)})"
    definition = str(make.__doc__).splitlines()[0]
    law = None if choice.law is None else choice.law(Fans.of(torch.empty(tuple(shape)), gain(activation)))
    weights = _drawn(init, tuple(shape), activation, seed)
    std, bound = (None, None) if law is None else (law.std, law.bound)
    return Description(usage, definition, choice.entry.source, std, bound, weights)


def _drawn(init: str, shape: tuple[int, ...], activation: str, seed: int) -> Tensor:
    kernel = shape[2:]
    x = torch.randn(ROWS, INPUTS, *kernel, generator=torch_generator(seed, "describe"))
    network = nn.Sequential(
        _layer(shape[1], INPUTS, kernel), nn.ReLU(), _layer(shape[0], shape[1], kernel), nn.ReLU(),
        _layer(shape[0], shape[0], kernel), nn.Flatten(), nn.Dropout(0.01),
    )  # fmt: skip
    sample = Sample(x, torch.zeros(ROWS, dtype=torch.int64), cross_entropy)
    start = Start(network, lambda name: torch_generator(seed, "initial weights", name), gain(activation), sample)
    initialise(start, init)
    return start.layers()["2"].weight.detach()


def _layer(n_out: int, n_in: int, kernel: tuple[int, ...]) -> nn.Module:
    if not kernel:
        return nn.Linear(n_in, n_out)
    make = nn.Conv1d if len(kernel) == 1 else nn.Conv2d
    return make(n_in, n_out, kernel if len(kernel) == 2 else kernel[0], padding="same")  # type: ignore[arg-type]
