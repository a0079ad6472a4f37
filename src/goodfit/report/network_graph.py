"""The graph of a small network: values at neurons and edges, and beside each the derivative of the loss by it."""

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from goodfit.byhand.backpropagation import Explanation, Step, input_names, target_names
from goodfit.byhand.network import Network
from goodfit.byhand.notation import tidy
from goodfit.report.drawing import BLUE, FAINT, INK, ORANGE, PAPER, RED, Chart, drawing
from goodfit.report.network_layout import MOST_LABELLED, RADIUS, label_share, lay_out

DIGITS = 5
MARGIN = 0.75


def draw_step(step: Step, number: int = 1, after: float | None = None) -> Chart:
    """Draw one step of back-propagation, the loss after it beside the loss before."""
    layout = lay_out(step.network.widths)
    width, height = size_of(step.network)
    label = f"Step {number}: network with values and derivatives, loss {tidy(step.loss, DIGITS)}"
    with drawing(f"network-{number}", label, width, height) as canvas:
        axes = canvas.axes
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(-MARGIN, layout.loss[0] + MARGIN)
        axes.set_ylim(-layout.height - MARGIN, layout.height + MARGIN)
        _draw_edges(axes, step)
        _draw_neurons(axes, step)
        _draw_loss(axes, step, after)
    caption = (
        "In the circles and at the edges: values of neurons, weights w and biases b. Orange, after ∂: the derivative of the "
        "loss by that value. Edges are blue for positive and red for negative weights."
    )
    if max(step.network.widths[:-1]) > MOST_LABELLED:
        caption += " Weights into layers with many edges are in the table only."
    return Chart(f"Step {number}", canvas.svg, caption, figure=canvas.figure)


def size_of(network: Network) -> tuple[float, float]:
    """Return width and height of a network's drawing in inches."""
    layout = lay_out(network.widths)
    return layout.loss[0] + 2 * MARGIN, 2 * layout.height + 2 * MARGIN


def draw_losses(explanation: Explanation) -> Chart:
    """Draw the loss before every step and after the last."""
    losses = explanation.losses
    with drawing("losses", f"Loss by step, from {losses[0]:.4g} to {losses[-1]:.4g}", height=2.6) as canvas:
        canvas.axes.plot(range(len(losses)), losses, marker="o" if len(losses) <= 30 else None, markersize=4)
        canvas.axes.set_xlabel("steps done")
        canvas.axes.set_ylabel("loss")
    return Chart("Loss", canvas.svg, "Gradient descent on this one sample.", figure=canvas.figure)


def _draw_edges(axes: Axes, step: Step) -> None:
    places, largest = lay_out(step.network.widths).places, max(map(abs, step.network.weights)) or 1.0
    for layer, rows in enumerate(step.network.weight_names()):
        for target, row in zip(places[layer + 1], rows, strict=True):
            for k, (weight, source) in enumerate(zip(row, places[layer], strict=True)):
                value = step.values[weight]
                axes.plot(
                    *zip(source, target, strict=True), color=BLUE if value >= 0 else RED, alpha=0.45,
                    linewidth=0.7 + 2.3 * abs(value) / largest, zorder=1,
                )  # fmt: skip
                share = label_share(k, len(row))
                if share is not None:
                    x, y = (a + share * (b - a) for a, b in zip(source, target, strict=True))
                    _pair(axes, x, y, f"{weight} = {tidy(value, DIGITS)}", _slope(step, weight))


def _draw_neurons(axes: Axes, step: Step) -> None:
    network = step.network
    names, biases = [input_names(network), *network.names("h")], [[], *network.bias_names()]
    for layer, column in enumerate(lay_out(network.widths).places):
        for k, (x, y) in enumerate(column):
            name = names[layer][k]
            axes.add_patch(Circle((x, y), RADIUS, facecolor=PAPER, edgecolor=INK, linewidth=1.1, zorder=3))
            axes.text(x, y + 0.09, name, ha="center", va="center", fontsize=9, fontstyle="italic", zorder=4)
            axes.text(x, y - 0.09, tidy(step.values[name], 3), ha="center", va="center", fontsize=8, zorder=4)
            if layer:
                _small(axes, x, y - RADIUS - 0.1, _slope(step, name), ORANGE)
            for bias in biases[layer][k : k + 1]:
                _pair(axes, x, y + RADIUS + 0.19, f"{bias} = {tidy(step.values[bias], DIGITS)}", _slope(step, bias))


def _draw_loss(axes: Axes, step: Step, after: float | None) -> None:
    layout = lay_out(step.network.widths)
    x, y = layout.loss
    for output in layout.places[-1]:
        axes.plot(*zip(output, layout.loss, strict=True), color=FAINT, linewidth=1, zorder=1)
    axes.text(
        x, y, f"L = {tidy(step.loss, DIGITS)}", ha="center", va="center", fontsize=9, zorder=4,
        bbox={"boxstyle": "round,pad=0.4", "facecolor": PAPER, "edgecolor": INK},
    )  # fmt: skip
    wanted = ", ".join(f"{name} = {tidy(step.values[name], DIGITS)}" for name in target_names(step.network))
    _small(axes, x, y + 0.33, wanted, INK)
    if after is not None:
        _small(axes, x, y - 0.33, f"after the step: {tidy(after, DIGITS)}", INK)


def _pair(axes: Axes, x: float, y: float, value: str, slope: str) -> None:
    _small(axes, x, y + 0.075, value, INK)
    _small(axes, x, y - 0.075, slope, ORANGE)


def _small(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color=colour, bbox=box, zorder=5)


def _slope(step: Step, name: str) -> str:
    return f"∂ {tidy(step.values[f'dL/d{name}'], DIGITS)}"
