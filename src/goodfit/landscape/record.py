"""Descents as plain JSON values: what `--json`, `descent.json` and the animation hold."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from goodfit.landscape.averages import average_over_seeds
from goodfit.landscape.descent import Trace
from goodfit.landscape.verdict import Terrain, Verdict


def descent_record(terrain: Terrain, traces: Sequence[Trace], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the function, its critical points, every run with its points and verdict, and the averages over seeds."""
    landscape = terrain.landscape
    function = {
        "name": landscape.name, "formula": landscape.formula, "about": landscape.about, "names": list(landscape.names),
        "box": [list(side) for side in landscape.box],
    }  # fmt: skip
    runs = [
        {
            "method": t.method, "start": list(t.start), "eta": t.eta, "schedule": t.schedule, "seed": t.seed, "noise": t.noise, "steps": t.steps,
            "end": t.end, "verdict": asdict(v), "points": t.points.tolist(), "values": t.values.tolist(),
            "slopes": t.slopes.tolist(),
        }
        for t, v in zip(traces, verdicts, strict=True)
    ]  # fmt: skip
    averages = [
        {"label": a.label, "runs": a.runs, "values": a.values.tolist(), "half_width": a.half_width.tolist()}
        for a in average_over_seeds(traces)
    ]
    return {
        "function": function, "critical_points": [asdict(c) for c in terrain.critical], "runs": runs, "averages": averages
    }  # fmt: skip
