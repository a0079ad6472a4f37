"""What becomes of a signal on its way through an untrained network, and of the gradient on its way back."""

import itertools
import time
from collections.abc import Iterable, Mapping
from typing import Any

from goodfit.errors import GoodfitError
from goodfit.nn.signals import measure_signals
from goodfit.studies.comparison import Means
from goodfit.wording import count, figure

AXES: dict[str, tuple[Any, ...]] = {
    "activation": ("tanh", "relu"),
    "init": ("normal(0, 0.01)", "normal(0, 1)", "xavier-normal", "kaiming-normal"),
    "init_scale": (1.0,),
    "depth": (20,),
    "width": (256,),
    "model": ("mlp",),
}
"""What can be varied, and the values that are taken where nothing is said."""
VANISHES, EXPLODES = 1e-3, 1e3
"""Ratio of the last layer's mean square to the first's below and above which a signal is lost."""
SATURATING, SATURATED = ("tanh", "sigmoid"), 10.0
"""Activations whose units saturate, and the mean square of their inputs from which most of them are."""


def signals_study(axes: Mapping[str, Iterable[Any]], seeds: int, seed: int, means: Means) -> dict[str, Any]:
    """Measure every combination of activation, initialiser, scale, depth, width and kind (mlp, conv).

    Raises:
        GoodfitError: an axis that this study does not have.
    """
    for name in axes:
        if name not in AXES:
            raise GoodfitError(f"the study 'signals' does not vary '{name}': it varies {', '.join(AXES)}")
    began = time.monotonic()
    means.on_stage("signals", "measuring untrained networks")
    chosen = {name: tuple(axes.get(name, values)) for name, values in AXES.items()}
    found = [
        measure_signals(
            activation, init, float(scale), depth=int(depth), width=int(width), kind=kind, networks=seeds, seed=seed
        ).to_json()
        for activation, init, scale, depth, width, kind in itertools.product(*chosen.values())
    ]
    return {
        "answer": [_word(record) for record in found],
        "signals": found,
        "seeds": [seed, seed + seeds - 1],
        "trainings": 0,
        "seconds": time.monotonic() - began,
        "notes": [
            "Inputs are standard normal. Theory is that of wide networks: Poole et al. 2016, Schoenholz et al. 2017.",
            f"Means are over {count(seeds, 'network')}; histograms show the first.",
        ],
    }


def _word(record: dict[str, Any]) -> str:
    first, last = record["layers"][0], record["layers"][-1]
    name = f"{record['activation']}, {record['init']}" + (f" x {record['scale']:g}" if record["scale"] != 1 else "")
    forward = _fate(_square(last), _square(first))
    if record["activation"] in SATURATING and last["preactivation"] > SATURATED:
        forward += " but its units are saturated"
    backward = _fate(first["gradient"], 1.0)
    return (
        f"{name}: the signal {forward} (mean square {figure(_square(first))} in the first layer, {figure(_square(last))}"
        f" in the last), the gradient {backward} on its way back (by {figure(first['gradient'])})."
    )


def _square(layer: dict[str, Any]) -> float:
    return float(layer["variance"] + layer["mean"] ** 2)


def _fate(end: float, start: float) -> str:
    ratio = end / start if start else 0.0
    return "vanishes" if ratio < VANISHES else "explodes" if not ratio <= EXPLODES else "is kept"
