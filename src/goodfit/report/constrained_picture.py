"""Picture of a constrained problem: what the constraints leave, and how penalty and projection get to the solution."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from goodfit.landscape.constrained import FEASIBLE, Problem, Solution
from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, PAPER, Chart, drawing
from goodfit.report.ground import LEGEND, draw_ground, title_of
from goodfit.wording import figure

WAYS = {"penalty": (ORANGE, "s"), "projection": (BLUE, "o")}


def draw_constrained(problem: Problem, solutions: Sequence[Solution]) -> Chart:
    """Draw the ground, what is forbidden hatched, the ways of the methods and where each ended."""
    landscape = problem.landscape
    label = f"{title_of(landscape)} subject to {', '.join(c.text for c in problem.constraints)}: " + "; ".join(
        f"{s.method} ({', '.join(map(figure, s.point))})" for s in solutions
    )
    with drawing("constrained", label, 6.6, 5.2 if landscape.dimension == 2 else 3.8) as canvas:
        axes = canvas.axes
        draw_ground(axes, landscape, landscape.box)
        (_forbidden_plane if landscape.dimension == 2 else _forbidden_line)(axes, problem)
        for solution in solutions:
            heights_on_path = landscape.value(torch.from_numpy(solution.path)).numpy()
            second = solution.path[:, 1] if landscape.dimension == 2 else heights_on_path
            if solution.method in WAYS:
                colour, marker = WAYS[solution.method]
                words = f"{solution.method}, {len(solution.path)} points"
                axes.plot(
                    solution.path[:, 0], second, f"{marker}-", color=colour, markersize=5, linewidth=1.2, label=words
                )
            elif solution.method == "Lagrangian":
                axes.plot(solution.path[-1:, 0], second[-1:], "*", color=GREEN, markersize=16, zorder=6, label=solution.method,
                          markeredgecolor=PAPER)  # fmt: skip
            else:
                axes.plot(
                    solution.path[-1:, 0], second[-1:], "+", color=INK, markersize=14, zorder=7, label=solution.method
                )
        widths = [high - low for low, high in landscape.box]
        if len(widths) == 2 and 0.5 <= widths[0] / widths[1] <= 2:
            axes.set_aspect("equal")
        axes.set_title(title_of(landscape), loc="left", fontsize=11)
        axes.legend(**LEGEND)
    caption = f"Subject to {' and '.join(c.text for c in problem.constraints)}; hatched or off the black line: forbidden. Squares: the penalty's weight grows tenfold from one to the next."
    return Chart("Constrained minimum", canvas.svg, caption, figure=canvas.figure)


def _forbidden_plane(axes: Axes, problem: Problem) -> None:
    box = problem.landscape.box
    for constraint in problem.constraints:
        x, y = np.meshgrid(*(np.linspace(*side, 300) for side in box))
        difference = constraint.difference.value(torch.from_numpy(np.stack([x, y], -1))).numpy()
        if not constraint.equal and difference.max() > 0:
            above = [0, float(difference.max())]
            axes.contourf(x, y, difference, levels=above, colors="none", hatches=["//"]).set_edgecolor(FAINT)
        axes.contour(x, y, difference, levels=[0], colors=[INK], linewidths=1.3)


def _forbidden_line(axes: Axes, problem: Problem) -> None:
    x = np.linspace(*problem.landscape.box[0], 801)
    broken = problem.violation(torch.from_numpy(x)[:, None]).numpy() > FEASIBLE
    axes.fill_between(x, 0, 1, where=broken, transform=axes.get_xaxis_transform(), hatch="//", facecolor="none", edgecolor=INK,
                      linewidth=0, alpha=0.4)  # fmt: skip
