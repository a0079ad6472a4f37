"""The space of a search: which settings are searched, in what, and under which conditions.

A point of the space is a row of numbers in [0, 1), one for each setting; `Space.at` gives the settings that it stands
for. All methods propose through it, so that grid, random, quasi-random and model-based search see one space.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.search.domain import Choice, Domain, Range, checked_range, choice, read_domain, word

LARGEST_GRID = 20_000
EXAMPLE = "lr=log(1e-4,1e-1)"


@dataclass(frozen=True)
class Condition:
    """A setting is searched only where another one has one of these values."""

    setting: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.setting}={','.join(map(word, self.values))}"


@dataclass(frozen=True)
class Dimension:
    """One setting, what it may be, and when it is searched."""

    setting: str
    domain: Domain
    condition: Condition | None = None

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Return whether the setting is searched where others have these values."""
        c = self.condition
        return c is None or (c.setting in values and values[c.setting] in c.values)

    def __str__(self) -> str:
        return f"{self.setting}={self.domain}" + (f" if {self.condition}" if self.condition else "")


@dataclass(frozen=True)
class Space:
    """The dimensions, each after those on which it depends."""

    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def settings(self) -> list[str]:
        """The names of the settings that are searched."""
        return [dimension.setting for dimension in self.dimensions]

    def at(self, point: Sequence[float] | np.ndarray) -> dict[str, Any]:
        """Return the settings at a point [d] of the unit cube; those whose condition is not met are left out."""
        values: dict[str, Any] = {}
        for dimension, u in zip(self.dimensions, point, strict=True):
            if dimension.is_active(values):
                values[dimension.setting] = dimension.domain.at(float(u))
        return values

    def place(self, values: Mapping[str, Any]) -> list[float]:
        """Return where settings lie in the unit cube [d]; NaN for those that are not searched there."""
        return [
            dimension.domain.place(values[dimension.setting]) if dimension.setting in values else float("nan")
            for dimension in self.dimensions
        ]

    def grid(self) -> list[dict[str, Any]]:
        """Return every combination of the dimensions' grids, the last one fastest; each once."""
        largest = math.prod(len(dimension.domain.grid()) for dimension in self.dimensions)
        if largest > LARGEST_GRID:
            raise GoodfitError(
                f"the grid has up to {largest:,} points: search fewer settings or points, or take random"
            )
        found: list[dict[str, Any]] = [{}]
        for dimension in self.dimensions:
            found = [
                values | extra
                for values in found
                for extra in (
                    [{dimension.setting: value} for value in dimension.domain.grid()]
                    if dimension.is_active(values)
                    else [{}]
                )
            ]
        return found


Written = str | Sequence[Any] | Range | Choice
"""What a setting may be, as a user writes it: the text of a range or of choices, a list of choices, or a domain."""


def make_space(written: Mapping[str, Written] | Space) -> Space:
    """Return the space that a mapping from settings to what they may be describes.

    Args:
        written: such as `{"lr": "log(1e-4, 1e-1)", "activation": ["relu", "gelu"]}`; a text may end in a condition:
            `{"momentum": "uniform(0, 0.99) if optimiser=sgd"}`.

    Raises:
        GoodfitError: a setting that does not exist, values it cannot have, or a condition that never holds.
    """
    if isinstance(written, Space):
        return written
    return _ordered([_dimension(name, found) for name, found in written.items()])


def read_space(texts: Iterable[str]) -> Space:
    """Return the space that texts such as `lr=log(1e-4,1e-1)` describe, one for each setting."""
    written: dict[str, Written] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        setting = name.strip().replace("-", "_")
        if not equals or not setting or not rest.strip():
            raise GoodfitError(f"--over {text} is not setting=range: write for example --over {EXAMPLE}")
        if setting in written:
            raise GoodfitError(f"--over {setting} is there twice: give each setting once")
        written[setting] = rest.strip()
    return make_space(written)


def _dimension(name: str, written: Written) -> Dimension:
    if name == "seed":
        raise GoodfitError("seeds are not searched: 'seeds' says how many trainings each trial gets")
    if name not in Config.model_fields:
        raise GoodfitError(
            f"unknown setting '{name}'{did_you_mean(name, Config.model_fields)}: search over settings of Config"
        )
    if isinstance(written, Range):
        return Dimension(name, checked_range(name, written))
    if isinstance(written, Choice):
        return Dimension(name, choice(name, list(written.values)))
    if not isinstance(written, str):
        return Dimension(name, choice(name, list(written)))
    domain, _, condition = written.partition(" if ")
    return Dimension(name, read_domain(name, domain), _condition(name, condition) if condition else None)


def _condition(name: str, text: str) -> Condition:
    parent, equals, values = text.partition("=")
    setting = parent.strip().replace("-", "_")
    if not equals or setting not in Config.model_fields:
        raise GoodfitError(
            f"the condition of '{name}' is '{text}': write setting=value, for example 'if optimiser=sgd'"
        )
    found = read_domain(setting, values)
    if isinstance(found, Range):
        raise GoodfitError(f"the condition of '{name}' is '{text}': it names values, not a range")
    return Condition(setting, found.values)


def _ordered(dimensions: Sequence[Dimension]) -> Space:
    """Return the dimensions in an order in which each comes after the one it depends on."""
    if not dimensions:
        raise GoodfitError(f"nothing to search: give --over, for example --over {EXAMPLE}")
    by_name = {dimension.setting: dimension for dimension in dimensions}
    for dimension in dimensions:
        _check_condition(dimension, by_name)
    placed: dict[str, Dimension] = {}
    waiting = list(dimensions)
    while waiting:
        ready = [d for d in waiting if d.condition is None or d.condition.setting in placed]
        if not ready:
            raise GoodfitError(f"the conditions of {', '.join(d.setting for d in waiting)} go in a circle")
        placed[ready[0].setting] = ready[0]
        waiting.remove(ready[0])
    return Space(tuple(placed.values()))


def _check_condition(dimension: Dimension, by_name: Mapping[str, Dimension]) -> None:
    name, condition = dimension.setting, dimension.condition
    if condition is None:
        if dimension.domain.grid()[1:] == []:
            raise GoodfitError(f"setting '{name}' is searched among one value: name more, or set it for all")
        return
    parent = by_name.get(condition.setting)
    if parent is None:
        raise GoodfitError(
            f"'{name}' is searched if {condition}, but '{condition.setting}' is not searched: leave out the condition"
        )
    if not isinstance(parent.domain, Choice):
        raise GoodfitError(f"'{name}' is searched if {condition}: a condition names a setting with listed values")
    for value in condition.values:
        if value not in parent.domain.values:
            raise GoodfitError(
                f"'{name}' is searched if {condition}, which never holds: '{condition.setting}' is one of {parent.domain}"
            )
