"""Back-propagation as a page: the annotated graph of every step and all lines of the calculation."""

from typing import Any

from markupsafe import Markup

from goodfit.byhand.activation_rules import ACTIVATION_RULES
from goodfit.byhand.backpropagation import Explanation, Step
from goodfit.byhand.network import Network, make_network, written
from goodfit.byhand.notation import Quantity, tidy
from goodfit.report.formulas import right_sides, to_html
from goodfit.report.network_graph import draw_losses, draw_step, size_of
from goodfit.report.page import environment

MOST_SHOWN = 20
"""Steps with graph and tables of their own; the loss is drawn for all."""
PIXELS_PER_INCH = 90
"""Of the graph: on a narrower page it is scrolled, not shrunk."""

SECTIONS = {
    "forward": ("Forward: from the inputs to the loss", ""),
    "local": ("Local derivatives", "Of each operation by what enters it, others held fixed."),
    "backward": (
        "Backward: from the loss to every neuron",
        "The chain rule: over everything that a value enters, the sum of derivative times local derivative.",
    ),
    "gradients": ("The derivative by every weight", "Of the sum that it enters, times its own local derivative."),
    "paths": ("The same along the paths", "The product of all local derivatives from the loss to the weight."),
    "updates": ("The update", "A step of length η against the gradient."),
}
"""Parts of a step in the order in which a person follows them: title and remark."""

SLIP = (
    "the tutorial from which this example comes prints w2 = 0.895 after the step: its own y' = 1.3478 needs w2 = 0.29"
)


def render_explanation(explanation: Explanation) -> str:
    """Return the page; of more than `MOST_SHOWN` steps the first are shown."""
    losses = explanation.losses
    width = round(PIXELS_PER_INCH * size_of(explanation.network)[0])
    steps = [
        {"number": k, "chart": draw_step(step, k, losses[k]), "sections": _sections(step), "loss": tidy(step.loss)}
        for k, step in enumerate(explanation.steps[:MOST_SHOWN], start=1)
    ]
    page = environment().get_template("explain.html")
    return page.render(
        title=title_of(explanation.network), width=width, e=explanation, steps=steps, remarks=remarks(explanation.network),
        losses=draw_losses(explanation) if len(losses) > 2 else None, after=[_row(line) for line in explanation.after],
        before=tidy(losses[0]), now=tidy(losses[-1]), x=written(explanation.x), y=written(explanation.y),
    )  # fmt: skip


def title_of(network: Network) -> str:
    """Return `Back-propagation by hand: 3-3-2, tanh, identity at the outputs, cross-entropy`."""
    kinds = list(dict.fromkeys(network.activations[:-1]))
    if kinds != [network.activations[-1]]:
        kinds.append(f"{network.activations[-1]} at the outputs")
    return f"Back-propagation by hand: {'-'.join(map(str, network.widths))}, {', '.join(kinds)}, {network.loss}"


def remarks(network: Network) -> list[str]:
    """Return what a learner should know of the activations used, and where the worked example is printed wrongly."""
    used = {name: ACTIVATION_RULES[name].about for name in network.activations}
    slip = [SLIP] if network == make_network() else []
    return [f"{name}: {about}" for name, about in used.items() if about] + slip


def _sections(step: Step) -> list[dict[str, Any]]:
    found = [(title, remark, getattr(step, name)) for name, (title, remark) in SECTIONS.items()]
    return [{"title": t, "remark": r, "rows": [_row(line) for line in lines]} for t, r, lines in found if lines]


def _row(line: Quantity) -> list[Markup]:
    formula, *numbers = right_sides(line)
    cells = [line.name, formula, *(numbers or [""]), tidy(line.value)]
    cells[2] += f"   ({line.note})" if line.note else ""
    return [Markup(to_html(cell)) for cell in cells]
