"""Is a function convex on an interval or box: by the second-order condition, and by Jensen's inequality.

A chord that lies below the function in its middle proves that the function is not convex. That none was found, and
that no curvature is negative on a grid, is evidence for convexity and no proof; the words say so.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from goodfit.errors import GoodfitError
from goodfit.landscape.functions import Landscape, corners, grid
from goodfit.landscape.kinks import Kink, derivatives_at, largest_kink
from goodfit.wording import figure

PAIRED = {1: 401, 2: 21}
"""Points on each axis, of which every two make a chord."""
CURVED = {1: 2001, 2: 61}
"""Points on each axis at which the Hessian is looked at."""
CLOSE = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4)
"""Half lengths, in widths of the box, of chords across the place of the most negative curvature."""
ROUNDING = 1e-12


@dataclass(frozen=True)
class Chord:
    """Two points and the middle between them: f at the middle, and what the ends allow there.

    `allowed` is (f(a) + f(b)) / 2 for convexity, the larger of f(a) and f(b) for sublevel sets.
    """

    a: tuple[float, ...]
    b: tuple[float, ...]
    middle: tuple[float, ...]
    value: float
    allowed: float


@dataclass(frozen=True)
class Convexity:
    """What was found on a box.

    Attributes:
        lowest, highest: smallest and largest eigenvalue of the Hessian on the grid, [second derivative in one variable].
        lowest_at, highest_at: where.
        against_convex, against_concave: the chord that proves the function is not so, None where none was found.
        against_sublevel: two points of a sublevel set whose middle is outside it, None where none was found.
        looked_at: points of the grid that have a Hessian, and chords.
        quadratic: whether the eigenvalues are the same at all points.
        kink: where the slope jumps most, None where no jump was found.
    """

    lowest: float
    lowest_at: tuple[float, ...]
    highest: float
    highest_at: tuple[float, ...]
    against_convex: Chord | None
    against_concave: Chord | None
    against_sublevel: Chord | None
    looked_at: tuple[int, int]
    quadratic: bool
    kink: Kink | None = None

    @property
    def kind(self) -> str:
        """`linear`, `convex`, `concave` or `neither convex nor concave`."""
        kinds = {(True, True): "linear", (True, False): "convex", (False, True): "concave"}
        found = self.against_convex is None, self.against_concave is None
        return kinds.get(found, "neither convex nor concave")

    def words(self) -> list[str]:
        """Return what was found as sentences."""
        points, chords = self.looked_at
        curvature = "second derivative" if len(self.lowest_at) == 1 else "eigenvalue of the Hessian"
        if figure(self.lowest) == figure(self.highest):
            said = [f"{self.kind}: the {curvature} is {figure(self.lowest)} at each of {points} points looked at"]
        elif self.quadratic:
            said = [
                f"{self.kind}: the eigenvalues of the Hessian are {figure(self.lowest)} and {figure(self.highest)}"
                f" at each of {points} points looked at"
            ]
        else:
            said = [
                f"{self.kind}: the {curvature} lies between {figure(self.lowest)} at {_place(self.lowest_at)} and "
                f"{figure(self.highest)} at {_place(self.highest_at)} ({points} points looked at)"
            ]
        if self.kink:
            along = f" along {self.kink.along}" if len(self.kink.at) == 2 else ""
            said.append(
                f"not differentiable at {_place(self.kink.at)}: the slope{along} jumps there from "
                f"{figure(self.kink.before)} to {figure(self.kink.after)}, the largest jump that was found"
            )
        if self.against_convex:
            c = self.against_convex
            said.append(
                f"not convex, for between {_place(c.a)} and {_place(c.b)} the chord is at {figure(c.allowed)} in the "
                f"middle and the function {figure(c.value - c.allowed)} above it: Jensen's inequality is broken"
            )
        else:
            strong = self.lowest > 1e-9 * max(abs(self.highest), 1.0)
            said.append(
                f"no chord of {chords} lies below the function: as far as they tell, every local minimum here is the global one"
                + (f", and there is at most one (strongly convex, modulus {figure(self.lowest)})" if strong else "")
            )
        if self.against_sublevel:
            c = self.against_sublevel
            said.append(
                f"sublevel sets are not all convex: {_place(c.a)} and {_place(c.b)} have values up to "
                f"{figure(c.allowed)}, the point between them {figure(c.value)}"
            )
        else:
            said.append("sublevel sets are convex, as far as these chords tell")
        return said


def check_convexity(landscape: Landscape) -> Convexity:
    """Look for the most negative curvature and for chords that break Jensen's inequality, in the landscape's box.

    Every two points of a grid make a chord; more chords, ever shorter, cross the places of the most negative and of the
    most positive curvature and of the largest kink, so that a narrow dent is not missed.

    Raises:
        GoodfitError: the function has no finite value somewhere in the box.
    """
    d, places = landscape.dimension, grid(landscape.box, CURVED[landscape.dimension])
    values = landscape.value(places)
    if not bool(values.isfinite().all()):
        where = places[~values.isfinite()][0].tolist()
        raise GoodfitError(
            f"'{landscape.name}' has no finite value at {_place(where)}: convexity is asked of a box where it has one "
            "everywhere; choose another with --on"
        )
    scale = float(values.abs().max().clamp_min(1e-300))
    hessians = landscape.hessian(places).nan_to_num(0, 0, 0)
    curved = derivatives_at(landscape, places, float(hessians.abs().max()), scale) == 2
    if bool(curved.any()):
        places, hessians = places[curved], hessians[curved]
    curvatures, axes = torch.linalg.eigh(hessians)
    spread = (curvatures.amax(0) - curvatures.amin(0)).max()
    low, high = int(curvatures[:, 0].argmin()), int(curvatures[:, -1].argmax())
    ends = [_far_ends(landscape), _close_ends(landscape, places[low], axes[low, :, 0]),
            _close_ends(landscape, places[high], axes[high, :, -1])]  # fmt: skip
    kink = largest_kink(landscape, CURVED[d], scale)
    if kink:
        along = torch.eye(d, dtype=torch.float64)[landscape.names.index(kink.along)]
        ends.append(_close_ends(landscape, torch.tensor(kink.at, dtype=torch.float64), along))
    a, b = (torch.cat(side) for side in zip(*ends, strict=True))
    at_a, at_b, middle = landscape.value(a), landscape.value(b), landscape.value((a + b) / 2)
    rounding = ROUNDING * scale
    mean, centre = (at_a + at_b) / 2, sum(corners(landscape.box)) / 2

    def worst(gap: Tensor, allowed: Tensor) -> Chord | None:
        largest = float(gap.max())
        if largest <= rounding:
            return None
        off_centre = torch.where(gap >= (1 - 1e-9) * largest, ((a + b) / 2 - centre).norm(dim=-1), torch.inf)
        k = int(off_centre.argmin())  # of chords that show it equally well, the one nearest to the box's centre
        between = (a[k] + b[k]) / 2
        return Chord(
            tuple(a[k].tolist()), tuple(b[k].tolist()), tuple(between.tolist()), float(middle[k]), float(allowed[k])
        )

    higher = torch.maximum(at_a, at_b)
    return Convexity(
        float(curvatures[low, 0]), tuple(places[low].tolist()), float(curvatures[high, d - 1]),
        tuple(places[high].tolist()), worst(middle - mean, mean), worst(mean - middle, mean),
        worst(middle - higher, higher), (len(places), len(a)),
        bool(spread <= ROUNDING * curvatures.abs().max()), kink,
    )  # fmt: skip


def _far_ends(landscape: Landscape) -> tuple[Tensor, Tensor]:
    """Return the ends of the chords between all points of a grid: [chords, d] each."""
    points = grid(landscape.box, PAIRED[landscape.dimension])
    first, second = torch.triu_indices(len(points), len(points), 1)
    return points[first], points[second]


def _close_ends(landscape: Landscape, place: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ends of ever shorter chords along an axis around a place, moved inward where they would leave."""
    low, high = corners(landscape.box)
    half = torch.tensor(CLOSE, dtype=torch.float64)[:, None] * axis * (high - low).min()
    middle = torch.maximum(torch.minimum(place, high - half.abs()), low + half.abs())
    return middle - half, middle + half


def _place(point: tuple[float, ...] | list[float]) -> str:
    text = ", ".join(figure(0.0 if abs(v) < 1e-12 else v) for v in point)
    return text if len(point) == 1 else f"({text})"
