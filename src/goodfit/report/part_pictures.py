"""Pictures of parts: activations with their derivatives, the zigzag of all-positive inputs, schedules of the rate."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from goodfit.nn.activation_facts import ACTIVATION_FACTS, value_and_derivative
from goodfit.nn.zigzag import GOAL, START, Way, zigzag
from goodfit.report.drawing import BLUE, FAINT, INK, ORANGE, Chart, drawing

COLUMNS = 4


def draw_activations(names: Sequence[str]) -> Chart:
    """Draw value and derivative of activations against their input, a panel for each."""
    x = torch.linspace(-5, 5, 1001)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    label = f"Value and derivative of {', '.join(names)} for inputs from -5 to 5"
    size = {"width": max(2.4 * columns, 4.8), "height": 2.1 * rows + 0.5, "panels": (rows, columns)}
    with drawing("activations", label, **size) as canvas:  # type: ignore[arg-type]
        for axes, name in zip(canvas.panels, names, strict=False):
            y, slope = value_and_derivative(name, x)
            axes.axhline(0, color=FAINT, linewidth=0.8)
            axes.axvline(0, color=FAINT, linewidth=0.8)
            (value,) = axes.plot(x, y, color=BLUE)
            (derivative,) = axes.plot(x, slope, color=ORANGE, linestyle=(0, (4, 1.5)))
            axes.set_title(name, fontsize=10)
            axes.set_ylim(*_limits(y, slope))
        for axes in canvas.panels[len(names) :]:
            axes.remove()
        canvas.figure.legend([value, derivative], ["value", "derivative"], loc="outside upper right", ncols=2)
    caption = "; ".join(f"{name}: {ACTIVATION_FACTS[name].watch}" for name in names)
    return Chart("Activations and their derivatives", canvas.svg, caption, figure=canvas.figure)


def _limits(*curves: torch.Tensor) -> tuple[float, float]:
    """Return limits that show where a curve bends rather than how far it reaches."""
    low = min(float(curve.min()) for curve in curves)
    high = max(float(curve.max()) for curve in curves)
    return max(low, -2.2) - 0.15, min(high, 2.5) + 0.15


def draw_zigzag() -> Chart:
    """Draw the ways of two weights with all-positive and with zero-centred inputs, on contours of the loss."""
    ways = zigzag()
    label = "; ".join(f"{_title(name, way)}" for name, way in ways.items())
    with drawing("zigzag", label, width=7.6, height=4.0, panels=(1, 2)) as canvas:
        for axes, (name, way) in zip(canvas.panels, ways.items(), strict=True):
            grid = np.linspace(-1.7, 1.7, 81)
            axes.contour(grid, grid, _loss(way.inputs, grid), levels=9, colors=FAINT, linewidths=0.8)
            axes.plot(*way.weights.T, color=BLUE, linewidth=1.2, marker="o", markersize=2.2)
            axes.plot(*START, "o", color=INK, markersize=6)
            axes.plot(*GOAL, "*", color=ORANGE, markersize=12)
            axes.annotate("start", START, xytext=(-6, -12), textcoords="offset points", ha="right")
            axes.annotate("optimum", GOAL, xytext=(-8, -14), textcoords="offset points", ha="right")
            axes.set_title(_title(name, way), fontsize=10)
            axes.set_xlabel("weight 1")
            axes.set_aspect("equal")
        canvas.axes.set_ylabel("weight 2")
    caption = (
        "For one sample, the gradient of a neuron's weights is a number times its input: all-positive inputs give all "
        "components one sign. One sample a step, the same samples with and without random signs."
    )
    rows: list[list[object]] = [[name, way.same_sign, way.detour] for name, way in ways.items()]
    header = ["inputs", "share of steps in one direction", "detour"]
    return Chart("All-positive inputs force a zigzag", canvas.svg, caption, header, rows, canvas.figure)


def draw_schedules(rates: Mapping[str, np.ndarray]) -> Chart:
    """Draw the learning rate of every step [steps], a panel for each schedule."""
    columns = min(COLUMNS, len(rates))
    rows = math.ceil(len(rates) / columns)
    highest = max(float(rate.max()) for rate in rates.values())
    label = f"Learning rate over the steps of a training: {', '.join(rates)}"
    size = {"width": max(2.4 * columns, 4.8), "height": 1.9 * rows + 0.4, "panels": (rows, columns)}
    with drawing("schedules", label, **size) as canvas:  # type: ignore[arg-type]
        for axes, (name, rate) in zip(canvas.panels, rates.items(), strict=False):
            axes.plot(np.arange(len(rate)), rate, color=BLUE)
            axes.set_ylim(-0.04 * highest, 1.08 * highest)
            axes.set_title(name, fontsize=10)
        for number, axes in enumerate(canvas.panels):
            if number >= len(rates):
                axes.remove()
            elif number >= len(rates) - columns:
                axes.set_xlabel("step")
            if number % columns == 0 and number < len(rates):
                axes.set_ylabel("learning rate")
    caption = "Lengths are shares of the training, so a schedule keeps its form when the budget changes."
    return Chart("Learning-rate schedules", canvas.svg, caption, figure=canvas.figure)


def _title(name: str, way: Way) -> str:
    inputs = {"positive": "inputs in (0, 1)", "centred": "inputs in (-1, 1)"}[name]
    return f"{inputs}: {way.same_sign:.0%} of the steps move\nboth weights the same way; detour {way.detour:.1f} x"


def _loss(x: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Mean squared error / 2 over the samples at every pair of weights: [len(grid), len(grid)]."""
    first, second = np.meshgrid(grid - GOAL[0], grid - GOAL[1])
    errors = x[:, 0, None, None] * first + x[:, 1, None, None] * second
    return np.asarray((errors**2).mean(0) / 2)
