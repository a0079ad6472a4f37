"""Forward pass, back-propagation and update of a small network, line by line (Rumelhart, Hinton & Williams 1986).

Plain arithmetic on single numbers. The forward pass goes from inputs to loss; then each operation gives its local
derivatives; the backward pass multiplies them from the loss back to every neuron, and each weight's gradient is the
derivative by the sum it enters times its own local derivative.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from goodfit.byhand.activation_rules import ACTIVATION_RULES
from goodfit.byhand.loss_rules import LOSS_RULES
from goodfit.byhand.network import Network, check_sample
from goodfit.byhand.notation import Quantity, Sheet
from goodfit.errors import GoodfitError

MOST_STEPS, MOST_PATHS = 1000, 4


@dataclass(frozen=True)
class Step:
    """One step of gradient descent, as lines to read.

    Attributes:
        network: before the step.
        forward: sums, values, and the loss last.
        local: the derivative of every operation by what enters it.
        backward: the derivative of the loss by every value, from the last layer to the first.
        gradients: the derivative of the loss by every weight, then by every bias.
        paths: the same for the weights, as product along every path to the loss; only of at most `MOST_PATHS` paths.
        updates: the new weights, then the new biases.
        values: everything by name.
    """

    network: Network
    forward: list[Quantity]
    local: list[Quantity]
    backward: list[Quantity]
    gradients: list[Quantity]
    paths: list[Quantity]
    updates: list[Quantity]
    values: dict[str, float]

    @property
    def loss(self) -> float:
        return self.values["L"]


@dataclass(frozen=True)
class Explanation:
    """Steps of gradient descent on one sample, and the forward pass after the last."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    eta: float
    steps: list[Step]
    network: Network
    after: list[Quantity]

    @property
    def losses(self) -> list[float]:
        """The loss before every step and after the last: steps + 1 numbers."""
        return [*(step.loss for step in self.steps), self.after[-1].value]


def explain(
    network: Network, x: Sequence[float], y: Sequence[float], *, eta: float = 0.1, steps: int = 1
) -> Explanation:
    """Return steps of gradient descent on one sample, with every intermediate value.

    Raises:
        GoodfitError: the sample does not fit the network, there are too many steps, eta is not positive, or numbers overflow.
    """
    check_sample(network, x, y)
    if not 1 <= steps <= MOST_STEPS:
        raise GoodfitError(f"{steps} steps cannot be explained: from 1 to {MOST_STEPS:,}")
    if not (eta > 0 and math.isfinite(eta)):
        raise GoodfitError(f"a learning rate of {eta} goes nowhere or uphill: give a positive number")
    done: list[Step] = []
    for _ in range(steps):
        step = explain_step(network, x, y, eta)
        done.append(step)
        new = [line.value for line in step.updates]
        count = len(network.weights)
        network = replace(network, weights=tuple(new[:count]), biases=tuple(new[count:]))
    return Explanation(tuple(x), tuple(y), eta, done, network, forward_pass(network, _sheet(network, x, y)))


def explain_step(network: Network, x: Sequence[float], y: Sequence[float], eta: float) -> Step:
    """Return forward pass, back-propagation and update of one step."""
    sheet = _sheet(network, x, y)
    sheet.give(["η"], [eta])
    forward = forward_pass(network, sheet)
    outputs, targets = network.names("h")[-1], target_names(network)
    at_loss = LOSS_RULES[network.loss][1](sheet, outputs, targets)
    local = [*at_loss, *_local_derivatives(network, sheet)]
    chains, backward = _chains(network, [line.name for line in at_loss]), _backward(network, sheet)
    gradients, paths, updates, aside = [], [], [], Sheet(sheet.values)
    for parameter, into in parameters(network):
        gradients.append(sheet.product(f"dL/d{parameter}", [[f"dL/d{into}", f"d{into}/d{parameter}"]]))
        if len(chains[into]) <= MOST_PATHS and parameter.startswith("w"):
            along = [[*chain, f"d{into}/d{parameter}"] for chain in chains[into]]
            paths.append(aside.product(f"dL/d{parameter}", along))
    values = dict(sheet.values)
    for parameter, _ in parameters(network):
        slope = sheet.values[f"dL/d{parameter}"]
        updates.append(
            sheet.write(parameter, f"{parameter} − η · dL/d{parameter}", sheet.values[parameter] - eta * slope)
        )
    return Step(network, forward, local, backward, gradients, paths, updates, values)


def forward_pass(network: Network, sheet: Sheet) -> list[Quantity]:
    """Return the value of every neuron and of the loss, in the order of calculation."""
    lines, before = [], input_names(network)
    layers = zip(
        network.sums(),
        network.names("h"),
        network.weight_names(),
        network.bias_names(),
        network.activations,
        strict=True,
    )
    for sums, values, weights, biases, activation in layers:
        for j, (total, value) in enumerate(zip(sums, values, strict=True)):
            products = [[weight, entering] for weight, entering in zip(weights[j], before, strict=True)]
            lines.append(sheet.product(total, products + [[bias] for bias in biases[j : j + 1]]))
            if value != total:
                z, rule = sheet.values[total], ACTIVATION_RULES[activation]
                formula = rule.at(z).formula.format(z=total)
                lines.append(sheet.write(value, formula, rule.at(z).value(z), rule.condition(z).format(z=total)))
        before = values
    return lines + LOSS_RULES[network.loss][0](sheet, before, target_names(network))


def _local_derivatives(network: Network, sheet: Sheet) -> list[Quantity]:
    """Return the derivatives of every neuron's operations, from the last layer to the first."""
    lines = []
    names, sums = [input_names(network), *network.names("h")], network.sums()
    weights, biases = network.weight_names(), network.bias_names()
    for layer in reversed(range(len(sums))):
        for j, (total, value) in enumerate(zip(sums[layer], names[layer + 1], strict=True)):
            if value != total:
                z, rule = sheet.values[total], ACTIVATION_RULES[network.activations[layer]]
                formula = rule.at(z).slope_formula.format(z=total, h=value)
                condition = rule.condition(z).format(z=total)
                lines.append(sheet.write(f"d{value}/d{total}", formula, rule.at(z).slope(z), condition))
            for weight, entering in zip(weights[layer][j], names[layer], strict=True):
                lines.append(sheet.write(f"d{total}/d{weight}", entering, sheet.values[entering]))
                if layer:
                    lines.append(sheet.write(f"d{total}/d{entering}", weight, sheet.values[weight]))
            lines += [sheet.write(f"d{total}/d{bias}", "1", 1.0) for bias in biases[layer][j : j + 1]]
    return lines


def _backward(network: Network, sheet: Sheet) -> list[Quantity]:
    """Return the derivative of the loss by every value: the sum, over what it enters, of derivative times derivative."""
    lines, names, sums = [], network.names("h"), network.sums()
    for layer in reversed(range(len(sums))):
        for total, value in zip(sums[layer], names[layer], strict=True):
            if layer + 1 < len(sums):
                enters = [[f"dL/d{after}", f"d{after}/d{value}"] for after in sums[layer + 1]]
                lines.append(sheet.product(f"dL/d{value}", enters))
            elif network.loss == "cross-entropy":
                shares = [k for k in range(1, len(sums[layer]) + 1) if f"dL/dp{k}" in sheet.values]
                lines.append(sheet.product(f"dL/d{value}", [[f"dL/dp{k}", f"dp{k}/d{value}"] for k in shares]))
            if value != total:
                lines.append(sheet.product(f"dL/d{total}", [[f"dL/d{value}", f"d{value}/d{total}"]]))
    return lines


def _chains(network: Network, at_loss: Sequence[str]) -> dict[str, list[list[str]]]:
    """Return, for every weighted sum, the local derivatives along each path from it to the loss.

    Args:
        at_loss: names of the loss' local derivatives: dL/dy', or dL/dp1 and then dp1/dy'1 of the cross-entropy.
    """
    found: dict[str, list[list[str]]] = {}
    names, sums = network.names("h"), network.sums()
    for layer in reversed(range(len(sums))):
        for total, value in zip(sums[layer], names[layer], strict=True):
            if layer + 1 < len(sums):
                onward = [[*chain, f"d{after}/d{value}"] for after in sums[layer + 1] for chain in found[after]]
            else:
                ends = [name for name in at_loss if name.endswith(f"/d{value}")]
                onward = [[end] if end.startswith("dL") else [f"dL/{end.split('/')[0]}", end] for end in ends]
            found[total] = [[*chain, f"d{value}/d{total}"] for chain in onward] if value != total else onward
            found[total] = found[total][: MOST_PATHS + 1]  # more are not shown, and deep networks have very many
    return found


def parameters(network: Network) -> list[tuple[str, str]]:
    """Return every weight, then every bias, each with the sum it enters."""
    sums = network.sums()
    weights = [
        (weight, total)
        for layer, rows in enumerate(network.weight_names())
        for total, row in zip(sums[layer], rows, strict=True)
        for weight in row
    ]
    biases = [
        (bias, total)
        for layer, row in enumerate(network.bias_names())
        for bias, total in zip(row, sums[layer], strict=False)
    ]
    return weights + biases


def input_names(network: Network) -> list[str]:
    """Return x1, x2, ..."""
    return [f"x{i}" for i in range(1, network.widths[0] + 1)]


def target_names(network: Network) -> list[str]:
    """Return y, or y1, y2, ..."""
    return ["y"] if network.widths[-1] == 1 else [f"y{k}" for k in range(1, network.widths[-1] + 1)]


def _sheet(network: Network, x: Sequence[float], y: Sequence[float]) -> Sheet:
    """Return a sheet with inputs, targets, weights and biases."""
    sheet = Sheet()
    sheet.give(input_names(network), x)
    sheet.give(target_names(network), y)
    sheet.give([name for name, _ in parameters(network)], [*network.weights, *network.biases])
    return sheet
