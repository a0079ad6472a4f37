"""The optimisers side by side: on surfaces where every step can be seen, and on one network; each with rates of its own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from goodfit.config import Config
from goodfit.landscape import Landscape, Terrain, Trace, descend, find_function
from goodfit.optim import OPTIMISERS
from goodfit.paired import Standing, band, rank
from goodfit.randomness import numpy_generator
from goodfit.studies.comparison import IN_MEMORY, Means, Variant, compare_variants
from goodfit.task import Task
from goodfit.wording import figure

SURFACES = ("tilted-ravine:100", "rosenbrock", "beale", "network:0")
STEPS, STARTS = 300, 8
"""On every surface; as many starts again choose the rates."""
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)
"""Tried on the network."""
SURFACE_RATES = (1e-5, 3e-5, *RATES, 10.0, 30.0, 100.0)
"""Tried on the surfaces, which are steeper and flatter than a network."""
LEAST = 1e-12
"""Heights above the minimum below which nobody would tell them apart."""
NAMES = {"sgd": "momentum"}
"""What `sgd` is called beside plain gradient descent."""
DECAY = {"adamw": 0.01}
"""PyTorch's default; without decay AdamW is Adam."""


def variants() -> list[Variant]:
    """Return gradient descent without momentum, and one variant for each of `OPTIMISERS`."""
    plain = Variant("gradient descent", {"optimiser": "sgd", "momentum": 0.0, "weight_decay": 0.0})
    others = [
        Variant(NAMES.get(name, name), {"optimiser": name, "momentum": 0.9, "weight_decay": DECAY.get(name, 0.0)})
        for name in OPTIMISERS
    ]
    return [plain, *others]


@dataclass(frozen=True)
class Race:
    """What one optimiser did on one surface, with the rate that suited it best.

    Shape:
        heights: [STARTS, STEPS + 1], log10 of the value above the lowest minimum. trail: [T + 1, 2], from the surface's
            own start.
    """

    rate: float
    heights: np.ndarray
    trail: np.ndarray


def optimisers_study(
    task: Task, base: Config, *, seeds: int = 8, tune: bool = True, means: Means = IN_MEMORY
) -> dict[str, Any]:
    """Run every optimiser on every surface and train the network with it; return the record.

    Args:
        tune: give every optimiser its best of `RATES` on the network; otherwise all take the base's. On the surfaces
            each always has its own.
    """
    began = time.monotonic()
    found = compare_variants(task, base, variants(), seeds=seeds, rates=RATES if tune else (), means=means)
    means.on_stage("surfaces", f"{len(variants())} optimisers on {', '.join(SURFACES)}")
    seen = (name for name in SURFACES if means.seconds_left != 0)
    records = [surface_record(find_function(name), race_all(find_function(name), base)) for name in seen]
    unseen = SURFACES[len(records) :]
    left_out = [f"The time limit left out the surfaces {', '.join(unseen)}."] if unseen else []
    return found | {
        "answer": [*found["answer"], *(record["answer"] for record in records), *left_out],
        "surfaces": records,
        "lines": [record.pop("line") for record in records],
        "tables": [record.pop("table") for record in records],
        "seconds": time.monotonic() - began,
        "notes": [
            f"Surfaces: {STEPS} steps from {STARTS} starts drawn in the box, the same for all; rates chosen of {', '.join(f'{r:g}' for r in SURFACE_RATES)}"
            f" from {STARTS} other starts. Heights are averaged as logarithms; below {LEAST:g}, and above the box's highest point,"
            " none is told from another.",
            "AdamW decays weights by 0.01, as PyTorch does by default (it would be Adam otherwise), so on surfaces it rests a"
            " little beside the minimum.",
        ],
    }  # fmt: skip


def race_all(surface: Landscape, base: Config) -> dict[str, Race]:
    """Return what every optimiser does on a surface."""
    with threadpool_limits(1):  # on so little work, threads mostly wait for each other
        terrain = Terrain.survey(surface)
        return {variant.name: _race(terrain, base.replace(**variant.settings)) for variant in variants()}


def _race(terrain: Terrain, config: Config) -> Race:
    """Go down from all starts at all rates at once; the first `STARTS` choose the rate, the next are judged."""
    surface = terrain.landscape
    starts = [*_starts(surface), surface.start]
    traces = descend(surface, config.optimiser, starts, SURFACE_RATES, steps=STEPS, config=config)
    heights = _heights(traces, terrain).reshape(len(starts), len(SURFACE_RATES), STEPS + 1)
    best = int(heights[:STARTS, :, -1].mean(0).argmin())
    return Race(SURFACE_RATES[best], heights[STARTS:-1, best], traces[best - len(SURFACE_RATES)].points)


def _starts(surface: Landscape) -> list[list[float]]:
    low, high = np.array(surface.box).T
    random = numpy_generator(0, "starts on a surface", surface.name)
    return list(random.uniform(low, high, (2 * STARTS, surface.dimension)).tolist())


def _heights(traces: Sequence[Trace], terrain: Terrain) -> np.ndarray:
    """Return log10 of the values above the lowest minimum: [traces, STEPS + 1]; who ended early stays where it ended.

    Above the highest point of the box all count alike: a single run that diverges would outweigh all others.
    """
    assert terrain.lowest is not None
    lowest = terrain.lowest.value
    values = np.stack([np.pad(t.values, (0, STEPS + 1 - len(t.values)), mode="edge") for t in traces])
    return np.asarray(np.log10(np.clip(values - lowest, LEAST, terrain.highest - lowest)))


def surface_record(surface: Landscape, races: Mapping[str, Race]) -> dict[str, Any]:
    """Return what happened on one surface as JSON values: trails, the line and table to show, and a sentence."""
    standings = rank(
        {name: dict(enumerate(race.heights[:, -1].tolist())) for name, race in races.items()}, smaller_is_better=True
    )
    slug = surface.name.replace(":", "-")
    return {
        "name": surface.name,
        "trails": {name: {"rate": race.rate, "points": race.trail.tolist()} for name, race in races.items()},
        "answer": _word(surface.name, standings),
        "line": {
            "name": f"fall-{slug}", "title": f"Height above the minimum of {surface.name}", "x": list(range(STEPS + 1)), "x_label": "step",
            "y_label": "log10 of the height", "log_x": False, "whole": True,
            "series": {f"{name} ({race.rate:g})": band(race.heights) for name, race in races.items()},
            "band": f"Line: mean over {STARTS} starts; band: its 95 % interval.", "caption": "In brackets: the rate.",
        },
        "table": {
            "title": f"{surface.name}: log10 of the height after {STEPS} steps",
            "header": ["optimiser", "rate", "mean", "low", "high", "verdict"],
            "rows": [[s.name, races[str(s.name)].rate, s.mean, *s.interval, s.verdict] for s in standings],
        },
    }  # fmt: skip


def _word(name: str, standings: Sequence[Standing]) -> str:
    best, others = standings[0], [s for s in standings[1:] if s.verdict != "worse"]
    height = f"{figure(10**best.mean)}" if best.mean > np.log10(LEAST) else f"at most {LEAST:g}"
    level = f"; not told from it: {', '.join(str(s.name) for s in others)}" if others else ", beyond doubt"
    return (
        f"On {name}, {best.name} gets lowest in {STEPS} steps: {height} above the minimum"
        f" (geometric mean of {STARTS} starts){level}."
    )
