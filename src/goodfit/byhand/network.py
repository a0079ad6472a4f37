"""A network small enough to follow by hand, and the worked example."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from goodfit.byhand.activation_rules import ACTIVATION_RULES
from goodfit.byhand.loss_rules import LOSS_RULES
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.randomness import numpy_generator
from goodfit.wording import count

MOST_LAYERS, MOST_NEURONS, MOST_WEIGHTS = 6, 9, 150
"""Above that nobody follows by hand; up to 9 neurons a layer, h23 is without doubt neuron 3 of layer 2."""

EXAMPLE_WIDTHS = (2, 2, 1)
EXAMPLE_WEIGHTS = (1.0, 0.5, 0.5, 0.7, 1.0, 2.0)
EXAMPLE_X, EXAMPLE_Y = (0.5, 1.0), (0.8,)


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron with one number for every weight.

    Attributes:
        widths: inputs, neurons of each hidden layer, outputs.
        weights: layer by layer, neuron by neuron, one for each neuron of the layer before.
        biases: one for each neuron behind the inputs, or empty where there are none.
        activations: of every layer behind the inputs.
        loss: a name of `LOSS_RULES`.
    """

    widths: tuple[int, ...]
    weights: tuple[float, ...]
    biases: tuple[float, ...]
    activations: tuple[str, ...]
    loss: str

    def names(self, letter: str) -> list[list[str]]:
        """Return names of what every layer behind the inputs has, `h`: h1 (h21 in layer 2 of several), and y' at the end."""
        several = len(self.widths) > 3
        hidden = [
            [f"{letter}{layer}{neuron}" if several else f"{letter}{neuron}" for neuron in range(1, width + 1)]
            for layer, width in enumerate(self.widths[1:-1], start=1)
        ]
        last = "y'" if letter == "h" else f"{letter}'"
        outputs = [last] if self.widths[-1] == 1 else [f"{last}{k}" for k in range(1, self.widths[-1] + 1)]
        return [*hidden, outputs]

    def sums(self) -> list[list[str]]:
        """Return names of the weighted sums: z1, or the neuron's own name where the activation leaves it as it is."""
        both = zip(self.names("h"), self.names("z"), self.activations, strict=True)
        return [values if activation == "identity" else sums for values, sums, activation in both]

    def weight_names(self) -> list[list[list[str]]]:
        """Return names of the weights: [layer][neuron][input]."""
        found, number = [], 0
        for before, width in pairwise(self.widths):
            rows = [[f"w{number + j * before + i + 1}" for i in range(before)] for j in range(width)]
            found.append(rows)
            number += before * width
        return found

    def bias_names(self) -> list[list[str]]:
        """Return names of the biases, [layer][neuron]; empty lists where there are none."""
        found, number = [], 0
        for width in self.widths[1:]:
            found.append([f"b{number + j + 1}" for j in range(width)] if self.biases else [])
            number += width
        return found


def make_network(
    widths: Sequence[int] = EXAMPLE_WIDTHS,
    weights: Sequence[float] | None = None,
    biases: Sequence[float] | str = "none",
    activation: str | Sequence[str] = "identity",
    output_activation: str = "identity",
    loss: str = "half-squared-error",
    *,
    seed: int = 0,
) -> Network:
    """Return a network; weights that are not given are the example's, or drawn from U(-1/sqrt(n_in), 1/sqrt(n_in)).

    Args:
        weights, biases: as in `Network`; biases also `none`, `zeros` or `random` (drawn like the weights).
        activation: one for all hidden layers, or one for each.
        loss: a name of `LOSS_RULES`; `cross-entropy` contains the softmax of the outputs.

    Raises:
        GoodfitError: wrong counts, unknown names, more than a person can follow.
    """
    widths = _check_widths(widths)
    hidden = [activation] * (len(widths) - 2) if isinstance(activation, str) else list(activation)
    if len(hidden) != len(widths) - 2:
        raise GoodfitError(
            f"{count(len(hidden), 'activation')} given for {count(len(widths) - 2, 'hidden layer')}: give one, or one for each"
        )
    for name in (*hidden, output_activation):
        _check_name("activation", name, ACTIVATION_RULES)
    _check_name("loss", loss, LOSS_RULES)
    if loss == "cross-entropy" and widths[-1] == 1:
        raise GoodfitError("loss 'cross-entropy' needs at least 2 outputs, one for each class: choose other widths")
    bounds = [1 / math.sqrt(n) for n in widths[:-1]]
    if weights is None and widths == EXAMPLE_WIDTHS:
        weights = EXAMPLE_WEIGHTS
    elif weights is None:
        weights = _draw(
            [b for b, (n, m) in zip(bounds, pairwise(widths), strict=True) for _ in range(n * m)], seed, "weights"
        )
    if biases == "none":
        biases = ()
    elif isinstance(biases, str):
        if biases not in ("zeros", "random"):
            raise GoodfitError(f"biases '{biases}' are unknown: give numbers, or none, zeros or random")
        scale = 1.0 if biases == "random" else 0.0
        biases = _draw([scale * b for b, m in zip(bounds, widths[1:], strict=True) for _ in range(m)], seed, "biases")
    else:
        biases = _check_numbers("bias", biases, sum(widths[1:]), widths)
    weights = _check_numbers("weight", weights, sum(n * m for n, m in pairwise(widths)), widths)
    return Network(widths, weights, tuple(biases), (*hidden, output_activation), loss)


def draw_sample(network: Network, seed: int = 0) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return x and y: the example's where the widths are, else uniform in (-1, 1); a class for the cross-entropy."""
    n, m = network.widths[0], network.widths[-1]
    if network.widths == EXAMPLE_WIDTHS:
        return EXAMPLE_X, EXAMPLE_Y
    if network.loss == "cross-entropy":
        chosen = int(numpy_generator(seed, "by hand", "class").integers(m))
        return _draw([1.0] * n, seed, "x"), tuple(float(k == chosen) for k in range(m))
    return _draw([1.0] * n, seed, "x"), _draw([1.0] * m, seed, "y")


def check_sample(network: Network, x: Sequence[float], y: Sequence[float]) -> None:
    """Raise `GoodfitError` where a sample does not fit the network."""
    _check_numbers("input", x, network.widths[0], network.widths)
    _check_numbers("target", y, network.widths[-1], network.widths)
    if network.loss == "cross-entropy" and not (min(y) >= 0 and math.isclose(sum(y), 1)):
        raise GoodfitError(
            f"the target {written(y)} is no distribution over classes: with cross-entropy give one number from 0 for each "
            "class, with sum 1, such as 0,1"
        )


def written(values: Sequence[float]) -> str:
    """Return `2,2,1`."""
    return ",".join(f"{value:g}" for value in values)


def _check_widths(widths: Sequence[int]) -> tuple[int, ...]:
    text = written(widths)
    if len(widths) < 2 or min(widths) < 1:
        raise GoodfitError(f"widths {text}: give inputs, hidden neurons and outputs, each at least 1, such as 2,2,1")
    weights = sum(n * m for n, m in pairwise(widths))
    if len(widths) > MOST_LAYERS + 1 or max(widths) > MOST_NEURONS or weights > MOST_WEIGHTS:
        raise GoodfitError(
            f"widths {text} ({weights:,} weights) are too large to follow by hand: at most {MOST_LAYERS} layers, "
            f"{MOST_NEURONS} neurons in each and {MOST_WEIGHTS} weights"
        )
    return tuple(widths)


def _check_name(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise GoodfitError(f"unknown {what} '{name}'{did_you_mean(name, known)}: choose one of {', '.join(known)}")


def _check_numbers(what: str, values: Sequence[float], wanted: int, widths: Sequence[int]) -> tuple[float, ...]:
    if len(values) != wanted:
        plural = {"bias": "biases"}.get(what, f"{what}s")
        have = f"{len(values)} {what if len(values) == 1 else plural}"
        raise GoodfitError(f"{have} given, but a network of widths {written(widths)} has {wanted}")
    for value in values:
        if not math.isfinite(value):
            raise GoodfitError(f"{what} {value} is not finite: give ordinary numbers")
    return tuple(map(float, values))


def _draw(bounds: Sequence[float], seed: int, what: str) -> tuple[float, ...]:
    """Draw one number in (-bound, bound) for each bound, with two decimals so that it can be copied."""
    unit = numpy_generator(seed, "by hand", what).uniform(-1, 1, len(bounds))
    return tuple(round(float(u * bound), 2) + 0.0 for u, bound in zip(unit, bounds, strict=True))
