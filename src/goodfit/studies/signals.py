"""What becomes of a signal on its way through an untrained network, and of the gradient on its way back."""

import itertools
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.nn.activation_facts import ACTIVATION_FACTS
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
KINDS = ("mlp", "conv")
FATES = {1e-3: "vanishes", 0.3: "falls", 3.0: "is kept", 1e3: "grows", math.inf: "explodes"}
"""What becomes of a signal whose mean square in the last layer is up to this multiple of the first's."""
SATURATING, SATURATED = ("tanh", "sigmoid"), 10.0
"""Activations whose units saturate, and the mean square of their inputs from which most of them are."""


def signals_study(axes: Mapping[str, Iterable[Any]], seeds: int, seed: int, means: Means) -> dict[str, Any]:
    """Measure every combination of activation, initialiser, scale, depth, width and kind (mlp, conv).

    Raises:
        GoodfitError: an axis that this study does not have.
    """
    chosen = {name: tuple(axes.get(name, values)) for name, values in AXES.items()}
    _check(axes, chosen)
    began = time.monotonic()
    means.on_stage("signals", "measuring untrained networks")
    found = []
    for activation, init, scale, depth, width, kind in itertools.product(*chosen.values()):
        record = measure_signals(
            activation, init, float(scale), depth=int(depth), width=int(width), kind=kind, networks=seeds, seed=seed
        ).to_json()
        found.append({"name": _name(record, chosen)} | record)
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


def _check(axes: Mapping[str, Iterable[Any]], chosen: Mapping[str, Sequence[Any]]) -> None:
    for name in axes:
        if name not in AXES:
            raise GoodfitError(f"the study 'signals' does not vary '{name}': it varies {', '.join(AXES)}")
    for name, values in chosen.items():
        if len(set(values)) < len(values):
            raise GoodfitError(f"{name} has a value twice: leave one out")
    for kind in chosen["model"]:
        if kind not in KINDS:
            raise GoodfitError(
                f"the study 'signals' has no model '{kind}'{did_you_mean(kind, KINDS)}: choose of {', '.join(KINDS)}"
            )
    for activation in chosen["activation"]:
        facts = ACTIVATION_FACTS.get(activation)
        if facts is not None and facts.untrainable:
            raise GoodfitError(f"activation '{activation}' has no signal to follow: {facts.untrainable}")
    for name in ("depth", "width"):
        for value in chosen[name]:
            if not isinstance(value, int) or value < 1:
                raise GoodfitError(f"{name} is {value}: the study 'signals' needs a number of at least 1")


def _name(record: Mapping[str, Any], chosen: Mapping[str, Sequence[Any]]) -> str:
    """Name a measurement by its activation and initialiser, and by all else that is varied or unusual."""
    words = [record["activation"], record["init"] + (f" x {record['scale']:g}" if record["scale"] != 1 else "")]
    words += [f"{name} {value}" for name, value in (("depth", len(record["layers"])), ("width", record["width"]))
              if len(chosen[name]) > 1]  # fmt: skip
    return ", ".join(words if record["kind"] == "mlp" else [*words, "convolutions"])


def _word(record: dict[str, Any]) -> str:
    first, last = record["layers"][0], record["layers"][-1]
    name = record["name"]
    forward = fate_of(_square(last), _square(first))
    if record["activation"] in SATURATING and last["preactivation"] > SATURATED:
        forward += " but its units are saturated"
    backward = fate_of(first["gradient"], 1.0)
    return (
        f"{name}: the signal {forward} (mean square {figure(_square(first))} in the first layer, {figure(_square(last))}"
        f" in the last), the gradient {backward} on its way back (by {figure(first['gradient'])})."
    )


def _square(layer: dict[str, Any]) -> float:
    return float(layer["variance"] + layer["mean"] ** 2)


def fate_of(end: float, start: float) -> str:
    """Say what became of a signal, from its mean squares in the last layer and in the first."""
    ratio = end / start if start else 0.0
    return next((word for most, word in FATES.items() if ratio <= most), "explodes")
