"""Intervals, boxes and starts on a function as a person types them."""

import math

from goodfit.calls import split_at_commas
from goodfit.errors import GoodfitError
from goodfit.landscape.critical_points import grid
from goodfit.landscape.functions import Box, Landscape
from goodfit.wording import count

MOST_STARTS = 10_000


def read_box(text: str, dimension: int) -> Box:
    """Read `-2:2`, or one interval for each variable: `-2:2,-1:3`; one interval serves both variables."""
    sides = []
    for piece in text.split(","):
        low, colon, high = piece.partition(":")
        side = _number(low, "--on", text), _number(high, "--on", text) if colon else math.nan
        if not side[0] < side[1]:
            raise GoodfitError(
                f"--on {text} is no interval: write low:high, such as -2:2, or -2:2,-1:3 for two variables"
            )
        sides.append(side)
    if len(sides) not in (1, dimension):
        raise GoodfitError(
            f"--on {text} has {count(len(sides), 'interval')}, the function {count(dimension, 'variable')}"
        )
    return tuple(sides * dimension if len(sides) == 1 else sides)


def read_starts(texts: list[str], landscape: Landscape) -> list[tuple[float, ...]]:
    """Read points, `10` or `-5,-2` (more one after the other: `10,5,1`), or `grid:9`, so many on each axis."""
    d, found = landscape.dimension, []
    for text in texts:
        if text.startswith("grid:"):
            found += _grid(text, landscape)
            continue
        numbers = [_number(piece, "--start", text) for piece in split_at_commas(text)]
        if len(numbers) % d:
            raise GoodfitError(
                f"--start {text} has {count(len(numbers), 'number')}, but a point on '{landscape.name}' has {d} "
                f"({', '.join(landscape.names)})"
            )
        found += [tuple(numbers[k : k + d]) for k in range(0, len(numbers), d)]
    return found


def _grid(text: str, landscape: Landscape) -> list[tuple[float, ...]]:
    points = text.removeprefix("grid:")
    if not points.isdecimal() or not 2 <= int(points) ** landscape.dimension <= MOST_STARTS:
        raise GoodfitError(
            f"--start {text}: write grid:N with N starts on each axis, at least 2, at most {MOST_STARTS:,} in all"
        )
    return [tuple(point) for point in grid(landscape.box, int(points)).tolist()]


def read_rates(text: str) -> list[float]:
    """Read `0.1` or `0.05,0.2,1.1`."""
    return [_number(piece, "--eta", text) for piece in text.split(",")]


def _number(piece: str, option: str, text: str) -> float:
    try:
        value = float(piece)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise GoodfitError(f"{option} {text}: '{piece.strip()}' is not a number")
    return value
