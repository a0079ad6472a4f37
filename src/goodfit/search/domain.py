"""What one setting may be in a search: a range of numbers, or a choice among values."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import yaml

from goodfit.calls import bind, find, read_call, split_at_commas
from goodfit.config import Config
from goodfit.errors import GoodfitError

Scale = Literal["linear", "log"]
GRID_POINTS = 5
"""Values that a grid takes of a range, unless the range says how many."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included, evenly or evenly in their logarithm; whole ones where `whole`.

    Attributes:
        points: how many evenly spaced values a grid takes.
    """

    low: float
    high: float
    scale: Scale = "linear"
    whole: bool = False
    points: int = GRID_POINTS

    def at(self, u: float) -> float | int:
        """Return the value at `u` in [0, 1) of the way; every whole number has its equal share of the way."""
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        value = low * (high / low) ** u if self.scale == "log" else low + u * (high - low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value

    def place(self, value: Any) -> float:
        """Return how far along the way a value lies, in [0, 1]."""
        if self.scale == "log":
            return math.log(value / self.low) / math.log(self.high / self.low)
        return float((value - self.low) / (self.high - self.low))

    def grid(self) -> list[Any]:
        """Return evenly spaced values with both ends, each once."""
        space = np.geomspace if self.scale == "log" else np.linspace
        # rounded, so that 0.3 is no 0.30000000000000004, but never out of the range
        values = [
            min(max(float(f"{value:.12g}"), self.low), self.high) for value in space(self.low, self.high, self.points)
        ]
        return list(dict.fromkeys(map(round, values))) if self.whole else values

    def __str__(self) -> str:
        ends = [str(round(v)) if self.whole else repr(float(v)) for v in (self.low, self.high)]
        name = "int" if self.whole else "log" if self.scale == "log" else "uniform"
        scale = ["log"] if self.whole and self.scale == "log" else []
        points = [f"points={self.points}"] if self.points != GRID_POINTS else []
        return f"{name}({', '.join(ends + scale + points)})"


@dataclass(frozen=True)
class Choice:
    """One of several values, in no order."""

    values: tuple[Any, ...]

    def at(self, u: float) -> Any:
        """Return the value at `u` in [0, 1): all have the same share."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def place(self, value: Any) -> float:
        """Return where a value stands in the list, in [0, 1]."""
        return self.values.index(value) / max(len(self.values) - 1, 1)

    def grid(self) -> list[Any]:
        """Return all values."""
        return list(self.values)

    def __str__(self) -> str:
        return ",".join(map(word, self.values))


Domain = Range | Choice


def word(value: Any) -> str:
    """Return a value as it is typed, and read again by `read_domain`."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(word, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return getattr(value, "__qualname__", None) or str(value)


def read_domain(setting: str, text: str) -> Domain:
    """Read `log(1e-4, 1e-1)`, `uniform(0, 0.5)`, `int(16, 512, log)`, or values separated by commas.

    Raises:
        GoodfitError: no range that can be read, or values that the setting cannot have.
    """
    pieces = [piece.strip() for piece in split_at_commas(text)]
    calls = [piece for piece in pieces if "(" in piece and not piece.startswith("[")]
    if not calls or not _takes_numbers(setting):
        return choice(setting, [_yaml(piece) for piece in pieces])
    if len(pieces) > 1:
        raise GoodfitError(f"setting '{setting}' is searched in '{text}': a range stands alone, leave out the rest")
    what = f"the range of '{setting}'"
    call = read_call(text, what)
    make = RANGES[find(call, RANGES, what)]
    return checked_range(setting, make(**bind(call, make, 0, what)))


def choice(setting: str, values: list[Any]) -> Choice:
    """Return a choice of a setting's values, as a config holds them."""
    held = [getattr(Config(**{setting: value}), setting) for value in values]
    if not held:
        raise GoodfitError(f"setting '{setting}' is searched among no values: name some")
    doubled = [word(value) for k, value in enumerate(held) if value in held[:k]]
    if doubled:
        raise GoodfitError(f"setting '{setting}' is searched among values of which {doubled[0]} is there twice")
    return Choice(tuple(held))


def checked_range(setting: str, found: Range) -> Range:
    """Return a range if it makes sense and the setting can have its values."""
    complaint = f"setting '{setting}' is searched in '{found}'"
    if not found.low < found.high:
        raise GoodfitError(f"{complaint}: the lower end must be below the upper one")
    if found.scale == "log" and found.low <= 0:
        raise GoodfitError(f"{complaint}: a logarithmic range must begin above 0")
    if found.points < 2:
        raise GoodfitError(f"{complaint}: a grid needs at least 2 points of a range")
    for value in (found.low, found.high):
        Config(**{setting: round(value) if found.whole else value})
    try:
        # the values inside are whole numbers only where the range says so
        Config(**{setting: found.at(0.51) if found.whole else found.low + 0.5123 * (found.high - found.low)})
    except GoodfitError:
        log = ", log" if found.scale == "log" else ""
        raise GoodfitError(
            f"{complaint}, but takes whole numbers: write int({found.low:g}, {found.high:g}{log})"
        ) from None
    return found


def _uniform(low: float, high: float, points: int = GRID_POINTS) -> Range:
    return Range(low, high, points=points)


def _log(low: float, high: float, points: int = GRID_POINTS) -> Range:
    return Range(low, high, "log", points=points)


def _int(low: int, high: int, scale: Scale = "linear", points: int = GRID_POINTS) -> Range:
    return Range(low, high, scale, whole=True, points=points)


RANGES: dict[str, Callable[..., Range]] = {"uniform": _uniform, "log": _log, "int": _int}
"""How a range is written, by name."""


def _takes_numbers(setting: str) -> bool:
    for number in (1, 0.5, 64):
        try:
            Config(**{setting: number})
        except GoodfitError:
            continue
        return True
    return False


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
