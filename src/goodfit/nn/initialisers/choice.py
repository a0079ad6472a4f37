"""From the setting `init` to first weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Generator, Tensor

from goodfit.calls import Call, bind, find, read_call
from goodfit.errors import GoodfitError
from goodfit.nn.initialisers.distributions import Fans
from goodfit.nn.initialisers.registry import INITIALISERS, Entry
from goodfit.nn.initialisers.start import LawOfFans, Start, fill_layers

OwnInitialiser = Callable[[Tensor, Tensor | None, Generator], None]
"""A user's own: `initialiser(weight, bias, generator)` fills one layer in place.

`weight` is [n_out, n_in] or [out, in, kernel ...], `bias` [n_out] or None.
"""

_WHAT = "setting 'init'"


@dataclass(frozen=True)
class Choice:
    """An entry of the registry with its arguments."""

    name: str
    entry: Entry
    arguments: Mapping[str, Any]

    @property
    def law(self) -> LawOfFans | None:
        """The law of each layer; None for initialisers of whole networks."""
        return partial(self.entry.make, **self.arguments) if self.entry.by_layer else None


@lru_cache
def read_initialiser(text: str) -> Choice:
    """Read `name` or `name(arguments)`.

    Raises:
        GoodfitError: an unknown name, or arguments that it does not take; one line that names what it takes.
    """
    return _choice(read_call(text, _WHAT))


def initialise(start: Start, init: str | OwnInitialiser, scale: float = 1.0) -> None:
    """Give a network its first weights: every linear layer and convolution; other parameters stay as they are built.

    Args:
        scale: multiplies the weights, not the biases.

    Raises:
        GoodfitError: an initialiser that looks at data, without any.
    """
    if not isinstance(init, str):
        _own(start, init)
    else:
        choice = read_initialiser(init)
        if choice.entry.needs_data and start.sample is None:
            raise GoodfitError(
                f"{_WHAT} is '{init}', which looks at training samples: none are given here, choose another"
            )
        law = choice.law
        if law is not None:
            fill_layers(start, law, choice.entry.bias)
        else:
            choice.entry.make(start, **choice.arguments)
    scale_weights(start, scale)


@torch.no_grad()
def scale_weights(start: Start, scale: float) -> None:
    """Multiply the weights of all layers."""
    if scale != 1:
        for layer in start.layers().values():
            layer.weight.mul_(scale)


def needs_data(init: str | OwnInitialiser) -> bool:
    """Return whether an initialiser looks at training samples."""
    return isinstance(init, str) and read_initialiser(init).entry.needs_data


def _choice(call: Call) -> Choice:
    name = find(call, INITIALISERS, _WHAT)
    entry = INITIALISERS[name]
    arguments = bind(call, entry.make, 1, _WHAT)
    for parameter, value in arguments.items():
        if isinstance(value, Call):
            arguments[parameter] = _choice(value).law
            if arguments[parameter] is None:
                raise GoodfitError(
                    f"{_WHAT} is '{call}': '{value.name}' is for whole networks, name one for single layers"
                )
    choice = Choice(name, entry, arguments)
    if choice.law is not None:
        choice.law(Fans(1, 1, 1, 1.0))  # impossible arguments are refused before anything trains
    return choice


def _own(start: Start, initialiser: OwnInitialiser) -> None:
    for name, layer in start.layers().items():
        bias = None if layer.bias is None else layer.bias.data
        initialiser(layer.weight.data, bias, start.generator_for(name))
