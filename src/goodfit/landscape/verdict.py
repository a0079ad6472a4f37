"""What became of a run, in words: judged from its trace and the critical point it ended at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from goodfit.landscape.critical_points import CriticalPoint, classify, find_critical_points, polish
from goodfit.landscape.descent import Trace
from goodfit.landscape.functions import Landscape, corners, grid
from goodfit.landscape.methods import METHODS
from goodfit.landscape.order import Speed, measure_order
from goodfit.wording import count, figure

Kind = Literal[
    "converged", "local minimum", "saddle", "maximum", "flat", "diverges", "runs off", "oscillates", "crawls", "hovers",
    "on its way",
]  # fmt: skip

NEAR = 1e-3
"""Distance from a critical point, as a share of the box, at which a run counts as there."""
LAST_MOVES = 12


@dataclass(frozen=True)
class Verdict:
    """The finding, the sentence, and where the run went."""

    kind: Kind
    words: str
    limit: CriticalPoint | None = None
    speed: Speed | None = None


@dataclass(frozen=True)
class Terrain:
    """What is known of a landscape before any run is judged."""

    landscape: Landscape
    critical: tuple[CriticalPoint, ...]
    low: np.ndarray
    high: np.ndarray
    width: float
    steepest: float
    highest: float

    @classmethod
    def survey(cls, landscape: Landscape) -> "Terrain":
        """Find the critical points and the largest slope within the box."""
        low, high = (corner.numpy() for corner in corners(landscape.box))
        points = grid(landscape.box, 45)
        slopes = landscape.gradient(points).norm(dim=-1).nan_to_num(0, 0, 0)
        highest = float(landscape.value(points).abs().nan_to_num(0, 0, 0).max())
        width = float(np.linalg.norm(high - low))
        return cls(landscape, tuple(find_critical_points(landscape)), low, high, width, float(slopes.max()), highest)

    @property
    def lowest(self) -> CriticalPoint | None:
        """The lowest minimum inside the box."""
        return next((c for c in self.critical if c.kind == "minimum"), None)

    @property
    def flat(self) -> bool:
        """Whether no slope beyond rounding was met in the box."""
        return self.steepest * self.width <= 1e-12 * self.highest

    def place(self, point: Sequence[float]) -> str:
        """Return coordinates as text, without the rounding that Newton's method leaves at zero."""
        return "(" + ", ".join(figure(0.0 if abs(v) < 1e-12 * self.width else v) for v in point) + ")"

    def height(self, value: float) -> str:
        """Return a value as text, without the rounding at zero."""
        return figure(0.0 if abs(value) <= 1e-14 * self.highest else value)

    def outside(self, point: Sequence[float] | np.ndarray) -> float:
        """Return how far beyond the box a point lies, in widths of the box; negative inside."""
        return float(np.maximum(self.low - point, point - self.high).max() / self.width)


@dataclass(frozen=True)
class _End:
    """A run with the critical point next to where it ended, if there is one."""

    trace: Trace
    near: CriticalPoint | None


def judge(traces: Sequence[Trace], terrain: Terrain) -> list[Verdict]:
    """Say what became of each run."""
    last = torch.from_numpy(np.stack([trace.points[-1] for trace in traces]))
    found, close = polish(terrain.landscape, last)
    ends = [
        _End(trace, _known(terrain, point) if arrived else None)
        for trace, point, arrived in zip(traces, found, close.tolist(), strict=True)
    ]
    return [next(verdict for rule in _RULES if (verdict := rule(end, terrain)) is not None) for end in ends]


def _known(terrain: Terrain, point: torch.Tensor) -> CriticalPoint:
    """Return the critical point already found at a place, or classify a new one (outside the box)."""
    near = 1e-4 * terrain.width
    known = (c for c in terrain.critical if np.linalg.norm(point.numpy() - c.point) <= near)
    return next(known, None) or classify(terrain.landscape, point)


def _lost(end: _End, terrain: Terrain) -> Verdict | None:
    """Beyond all bounds, or ever longer moves uphill."""
    trace = end.trace
    here = terrain.place(trace.points[-1])
    moves = np.linalg.norm(np.diff(trace.points, axis=0), axis=-1)[-LAST_MOVES:]
    growing = len(moves) > 2 and bool((np.diff(moves) > 0).all()) and trace.slopes[-1] > trace.slopes[0]
    if trace.end == "fell out of bounds":
        return Verdict("runs off", f"runs off downhill beyond all bounds from {here}: there is no minimum that way")
    if trace.end == "no finite value":
        return Verdict("diverges", f"the step from {here} leads to where the function has no finite value")
    if trace.end == "no direction":
        return Verdict("diverges", f"no step is possible at {here}: the curvature there is zero")
    if trace.end == "rose out of bounds" or (growing and trace.values[-1] > trace.values[0]):
        ratio = float(moves[-1] / moves[-2]) if len(moves) > 1 and moves[-2] > 0 else 0.0
        return Verdict(
            "diverges",
            f"diverges: the value rose from {terrain.height(trace.values[0])} to {figure(trace.values[-1])}"
            f" after {count(trace.steps, 'step')}"
            + (
                f", each move {ratio:.3g} times as long as the last" if ratio > 1 else ", the next is beyond all bounds"
            ),
        )
    return None


def _runs_off(end: _End, terrain: Terrain) -> Verdict | None:
    """Far outside the box, and still going down."""
    trace = end.trace
    falls = trace.values[-1] < trace.values[0] and bool((np.diff(trace.values[-LAST_MOVES:]) <= 0).all())
    if not falls or terrain.outside(trace.points[-1]) <= 1:
        return None
    where = terrain.place(trace.points[-1])
    return Verdict("runs off", f"runs off downhill, far out of the box, to {where}: no minimum was met that way")


def _at_rest(end: _End, terrain: Terrain) -> Verdict | None:
    """At a critical point, or so near that the picture shows no difference."""
    trace, limit = end.trace, end.near
    if trace.noise or limit is None:
        return None
    last = 1 if trace.end == "gradient vanished" else max(2, len(trace.points) // 20)
    rest = np.linalg.norm(trace.points[-last:] - np.array(limit.point), axis=-1)
    if rest.max() > NEAR * terrain.width:
        return None
    speed = measure_order(trace.points, np.array(limit.point))
    place = f"{terrain.place(limit.point)}{_beyond(limit, terrain)}, value {terrain.height(limit.value)}"
    local = limit.kind == "minimum" and _is_local(limit, terrain)
    kind: Kind = "local minimum" if local else "converged" if limit.kind == "minimum" else limit.kind
    better = _better(terrain) if local else ""
    if trace.steps == 0 and trace.end == "gradient vanished":
        words = f"started {_STARTED[kind]} at {place}: {_no_slope(limit)}, so no step was made{better}"
        return Verdict(kind, words, limit)
    after = f"after {count(trace.steps, 'step')}"
    if rest[-1] > 1e-8 * terrain.width:
        after += f", {rest[-1]:.1g} from it"
    climbed = trace.steps > 0 and METHODS[trace.method].climbs
    found: dict[Kind, str] = {
        "converged": f"converged to the minimum at {place}, {after}",
        "local minimum": f"stuck in the local minimum at {place}, {after}{better}",
        "saddle": f"stuck at a saddle at {place}, {after}: {_no_slope(limit)}, but it goes down from there",
        "maximum": f"at a maximum at {place}, {after}: "
        + ("the step followed the curvature uphill" if climbed else _no_slope(limit)),
        "flat": f"rests on flat ground at {place}, {after}",
    }
    return Verdict(kind, found[kind] + _fast(speed), limit, speed)


_STARTED: dict[Kind, str] = {
    "converged": "in the minimum", "local minimum": "in the local minimum", "saddle": "on a saddle",
    "maximum": "on a maximum", "flat": "on flat ground",
}  # fmt: skip


def _no_slope(limit: CriticalPoint) -> str:
    return "the gradient is zero" if limit.derivatives else "the slopes on both sides of the kink have mean zero"


def _beyond(limit: CriticalPoint, terrain: Terrain) -> str:
    return " outside the box" if terrain.outside(limit.point) > 1e-9 else ""


def _is_local(limit: CriticalPoint, terrain: Terrain) -> bool:
    lowest = terrain.lowest.value if terrain.lowest else limit.value
    return limit.value > lowest + 1e-6 * max(abs(lowest), abs(limit.value), 1e-6)


def _better(terrain: Terrain) -> str:
    if terrain.lowest is None:
        return ""
    return f"; the lowest, {terrain.height(terrain.lowest.value)}, lies at {terrain.place(terrain.lowest.point)}"


def _hovers(end: _End, terrain: Terrain) -> Verdict | None:
    """With noise: around which minimum, how far from it."""
    minima = [c for c in terrain.critical if c.kind == "minimum"]
    if not end.trace.noise or not minima:
        return None
    later = end.trace.points[len(end.trace.points) // 2 :]
    nearest = min(minima, key=lambda c: float(np.linalg.norm(later.mean(0) - c.point)))
    distance = float(np.linalg.norm(later - np.array(nearest.point), axis=-1).mean())
    if distance > 0.25 * terrain.width:
        return None
    kind = "local minimum" if _is_local(nearest, terrain) else "minimum"
    return Verdict(
        "hovers", f"hovers around the {kind} at {terrain.place(nearest.point)}, {figure(distance)} from it on average",
        nearest,
    )  # fmt: skip


def _oscillates(end: _End, terrain: Terrain) -> Verdict | None:
    """Each move turns back against the last, and they get no shorter."""
    moves = np.diff(end.trace.points, axis=0)[-LAST_MOVES:]
    if len(moves) < 4:
        return None
    lengths = np.linalg.norm(moves, axis=-1)
    back = (moves[1:] * moves[:-1]).sum(-1) < -0.5 * lengths[1:] * lengths[:-1]
    if back.mean() < 0.8 or lengths[-2:].mean() < 0.9 * lengths[:2].mean():
        return None
    swing = figure(float(lengths[-2:].mean()))
    return Verdict("oscillates", f"oscillates: each step turns back, {swing} to and fro, and the swing does not shrink")


def _crawls(end: _End, terrain: Terrain) -> Verdict | None:
    """Hardly moves or has no slope left, yet no critical point is near."""
    trace = end.trace
    share = trace.slopes[-1] / terrain.steepest if terrain.steepest else 0.0
    left = f"{figure(trace.slopes[-1])}, where the steepest in the box is {figure(terrain.steepest)}"
    if trace.end == "gradient vanished":
        where = terrain.place(trace.points[-1])
        return Verdict("crawls", f"ends on flat ground at {where}: the slope has vanished to {left}")
    moved = float(np.linalg.norm(trace.points[-1] - trace.points[len(trace.points) // 2]))
    if moved > 0.02 * terrain.width or share > 0.01 or _heads_for(end, terrain):
        return None
    half = count(trace.steps - len(trace.points) // 2, "step")
    return Verdict("crawls", f"crawls: the last {half} moved it {figure(moved)}; the slope is down to {left}")


def _heads_for(end: _End, terrain: Terrain) -> CriticalPoint | None:
    """Return the minimum in whose bowl the run is; a bowl is where the ground is curved upward all round."""
    if end.near is None or end.near.kind != "minimum":
        return None
    curvature = terrain.landscape.hessian(torch.from_numpy(end.trace.points[-1])).nan_to_num()
    return end.near if bool((torch.linalg.eigvalsh(curvature) > 0).all()) else None


def _on_its_way(end: _End, terrain: Terrain) -> Verdict:
    """Whatever is left."""
    trace, goal, words = end.trace, _heads_for(end, terrain), ""
    if goal:
        kind = "local minimum" if _is_local(goal, terrain) else "minimum"
        words = f", in the bowl of the {kind} at {terrain.place(goal.point)}{_beyond(goal, terrain)}"
    fell = "fell" if trace.values[-1] <= trace.values[0] else "rose"
    return Verdict(
        "on its way",
        f"still on its way after {count(trace.steps, 'step')}{words}: the value {fell} from "
        f"{terrain.height(trace.values[0])} to {terrain.height(trace.values[-1])}, the slope is {figure(trace.slopes[-1])}",
        goal,
    )


_RULES: list[Callable[[_End, Terrain], Verdict | None]] = [
    _lost, _at_rest, _runs_off, _hovers, _oscillates, _crawls, _on_its_way
]  # fmt: skip


def _fast(speed: Speed | None) -> str:
    """Put a measured order in words."""
    if speed is None:
        return ""
    if speed.order is None:
        return "; superlinear convergence, without a steady order"
    if speed.order < 1.2:
        return f"; linear convergence, the error times {speed.factor:.3g} at each step"
    names = {2: "quadratic", 3: "cubic"}
    name = (
        names.get(round(speed.order), "superlinear") if abs(speed.order - round(speed.order)) < 0.25 else "superlinear"
    )
    return f"; {name} convergence, order {speed.order:.2f} measured"
