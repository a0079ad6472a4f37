"""Signals at the start, measured: what untrained networks of many equal layers do to activations and gradients.

The layers are as wide as the inputs, which are standard normal; the gradient is what a standard normal one at the last
layer's pre-activations becomes on its way back. Beside the measurement stands what mean-field theory predicts
(`goodfit.nn.mean_field`).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.memory import refuse_too_large
from goodfit.nn.activations import ACTIVATIONS
from goodfit.nn.initialisers import Sample, Start, initialise, read_initialiser
from goodfit.nn.initialisers.distributions import Fans
from goodfit.nn.mean_field import gain, predict
from goodfit.randomness import torch_generator

Kind = Literal["mlp", "conv"]

KERNEL, SIDE = 3, 8
"""Of the convolutional networks: kernels 3 x 3 on images of 8 x 8 that go round at the borders, so that every pixel
has the same fan-in."""
BINS = 41


@dataclass(frozen=True)
class Histogram:
    """Counts [BINS] between even edges [BINS + 1] from the smallest value to the largest; empty where one is infinite."""

    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class LayerSignals:
    """What was measured at one layer; means over networks, rows and units, histograms of the first network.

    Attributes:
        preactivation: mean square before the activation. mean, variance: after it.
        gradient: mean square of the gradient by the pre-activations, in units of the last layer's.
    """

    layer: int
    preactivation: float
    mean: float
    variance: float
    gradient: float
    activations: Histogram
    gradients: Histogram


@dataclass(frozen=True)
class Signals:
    """A measurement. `expected` are the four numbers of each layer by theory, None where it has no answer: for
    initialisers whose weights are not independent with mean 0."""

    kind: Kind
    activation: str
    init: str
    scale: float
    width: int
    rows: int
    networks: int
    layers: list[LayerSignals]
    expected: dict[str, list[float]] | None

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)


def measure_signals(
    activation: str = "relu", init: str = "default", scale: float = 1.0, *, depth: int = 10, width: int = 256,
    kind: Kind = "mlp", rows: int = 128, networks: int = 1, seed: int = 0,
) -> Signals:  # fmt: skip
    """Send standard normal samples through untrained networks, and gradients back.

    Args:
        init: as in `Config.init`. scale: as in `Config.init_scale`.
        depth: number of layers. width: units, or channels, of each and of the input.
        rows: samples. networks: that many with other seeds, averaged.

    Raises:
        GoodfitError: an unknown activation or initialiser, or networks that do not fit into memory.
    """
    _check_size(kind, depth, width, rows, networks)
    passed = []
    for number in range(seed, seed + networks):
        shape = (rows, width) if kind == "mlp" else (rows, width, SIDE, SIDE)
        x = torch.randn(shape, generator=torch_generator(number, "signals", "inputs"))
        layers = _layers(kind, depth, width)
        initialise(_start(layers, x, activation, number), init, scale)
        passed.append(_pass(layers, activation, x, number))
    gradients = np.array([[_square(g) for _, _, g in network] for network in passed]).mean(0)
    found = []
    for layer in range(depth):
        _, after, gradient = passed[0][layer]
        found.append(
            LayerSignals(
                layer + 1,
                float(np.mean([_square(network[layer][0]) for network in passed])),
                float(np.mean([float(network[layer][1].mean()) for network in passed])),
                float(np.mean([float(network[layer][1].double().var(correction=0)) for network in passed])),
                float(gradients[layer] / gradients[-1]),
                _histogram(after),
                _histogram(gradient),
            )
        )
    expected = _expected(activation, init, scale, depth, layers[0])
    return Signals(kind, activation, init, scale, width, rows, networks, found, expected)


def _check_size(kind: Kind, depth: int, width: int, rows: int, networks: int) -> None:
    weights, values = (width**2, rows * width) if kind == "mlp" else ((KERNEL * width) ** 2, rows * width * SIDE**2)
    # of every layer its weights, what enters the activation, what leaves it, and the gradient
    needed = 4 * networks * depth * (weights + 3 * values)
    refuse_too_large(needed, f"signals in networks of depth {depth} and width {width}")


def _layers(kind: Kind, depth: int, width: int) -> nn.Sequential:
    if kind == "mlp":
        return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))
    convolutions = (nn.Conv2d(width, width, KERNEL, padding=KERNEL // 2, padding_mode="circular") for _ in range(depth))
    return nn.Sequential(*convolutions)


def _start(layers: nn.Sequential, x: Tensor, activation: str, seed: int) -> Start:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = ACTIVATIONS[activation](layer(x))
            return x.flatten(1)

    sample = Sample(x, torch.zeros(len(x)), lambda output, target: output.square().mean(-1))
    return Start(Network(), lambda name: torch_generator(seed, "initial weights", name), gain(activation), sample)


def _pass(layers: nn.Sequential, activation: str, x: Tensor, seed: int) -> Sequence[tuple[Tensor, Tensor, Tensor]]:
    """Return (pre-activations, activations, gradient by the pre-activations) of each layer."""
    before, after, h = [], [], x
    for layer in layers:
        before.append(layer(h))
        h = ACTIVATIONS[activation](before[-1])
        after.append(h.detach())
    last = torch.randn(before[-1].shape, generator=torch_generator(seed, "signals", "gradient"))
    gradients = torch.autograd.grad(before[-1], before, last)
    return list(zip((b.detach() for b in before), after, gradients, strict=True))


def _expected(activation: str, init: str, scale: float, depth: int, layer: nn.Module) -> dict[str, list[float]] | None:
    choice = read_initialiser(init)
    if choice.law is None or not isinstance(layer.weight, Tensor):
        return None
    fans = Fans.of(layer.weight, gain(activation))
    law = choice.law(fans)
    if law.mean != 0:
        return None
    bias = choice.entry.bias(fans).std ** 2 if choice.entry.bias else 0.0
    found = predict(activation, (scale * law.std) ** 2 * fans.n_in, bias, depth)
    return {name: values.tolist() for name, values in asdict(found).items()}


def _square(values: Tensor) -> float:
    return float(values.double().square().mean())


def _histogram(values: Tensor) -> Histogram:
    numbers = values.double().numpy().ravel()
    low, high = float(numbers.min()), float(numbers.max())
    if not math.isfinite(high - low):
        return Histogram([], [])  # signals that overflow have no shape
    # a network may be exactly 0, or all alike
    reach = max(high - low, 1e-12 * max(abs(low), abs(high)), 1e-300)
    counts, edges = np.histogram(numbers, BINS, (low, low + reach))
    return Histogram(edges.tolist(), counts.tolist())
