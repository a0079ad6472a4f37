"""Picture of a perceptron: its boundary after each sweep, what theory says of the samples, and its mistakes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator, NullFormatter

from goodfit.byhand.perceptron import Lesson
from goodfit.byhand.two_classes import TwoClasses
from goodfit.report.drawing import BLUE, FAINT, GREEN, INK, ORANGE, RED, Chart, drawing
from goodfit.report.ground import LEGEND

MOST_BOUNDARIES = 20
"""Boundaries in one picture: of more sweeps, so many spread over the training, the last among them."""
MANY = 200
"""Of more samples each is drawn smaller."""
LOOKS = ((BLUE, "o"), (ORANGE, "s"))


def draw_perceptron(samples: TwoClasses, lesson: Lesson) -> Chart:
    """Draw the mistakes of each sweep, and of samples with two features the boundary after each sweep, in their units."""
    plane = samples.x.shape[1] == 2
    sweeps = lesson.sweeps
    label = f"Perceptron on {samples.name}: {lesson.words()[0]}; {lesson.words()[1]}"
    size = {"width": 9.2, "height": 4.4, "panels": (1, 2)} if plane else {"width": 6.4, "height": 3.4}
    with drawing("perceptron", label, **size) as canvas:
        if plane:
            _draw_plane(canvas.panels[0], samples, lesson)
        _draw_mistakes(canvas.panels[-1], lesson)
    header = ["sweep", "mistakes", "wrong after it"]
    rows: list[list[object]] = [
        [k + 1, int(m), int(w)] for k, (m, w) in enumerate(zip(sweeps.mistakes, sweeps.wrong, strict=True))
    ]
    return Chart(f"Perceptron on {samples.name}", canvas.svg, _caption(plane, lesson), header, rows, canvas.figure)


def _caption(plane: bool, lesson: Lesson) -> str:
    parts = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in lesson.words()]
    if plane:
        parts.append("Grey to black: the boundary after each sweep.")
    if plane and lesson.margin is not None:
        parts.append("Green, dashed: the boundary of largest margin.")
    if plane and lesson.separability.multipliers is not None:
        parts.append(
            "Ringed: the samples of the certificate; their weighted means, one of each class, meet in the cross."
        )
    return " ".join(parts)


def _draw_plane(axes: Axes, samples: TwoClasses, lesson: Lesson) -> None:
    size = 4.5 if len(samples.y) <= MANY else 3
    for label, name, (colour, marker) in zip((-1, 1), samples.classes, LOOKS, strict=True):
        axes.plot(*samples.x[samples.y == label].T, marker, color=colour, markersize=size, alpha=0.85, label=name)
    low, high = samples.x.min(0), samples.x.max(0)
    edge = 0.08 * np.where(high > low, high - low, 1.0)
    view = np.stack([low - edge, high + edge])
    axes.set_xlim(*view[:, 0])
    axes.set_ylim(*view[:, 1])
    boundaries = samples.in_own_units(lesson.sweeps.weights[1:])
    shown = np.unique(np.linspace(0, len(boundaries) - 1, min(MOST_BOUNDARIES, len(boundaries))).round().astype(int))
    faint, ink = np.array(to_rgb(FAINT)), np.array(to_rgb(INK))
    for k in shown:
        last = k == len(boundaries) - 1
        age = 0.0 if len(boundaries) == 1 else k / (len(boundaries) - 1)
        _line(
            axes, boundaries[k], view, color=INK if last else tuple(faint + 0.6 * age * (ink - faint)),
            linewidth=2.0 if last else 0.9, label=f"after sweep {k + 1}" if last else None,
        )  # fmt: skip
    if lesson.margin is not None:
        best = samples.in_own_units(lesson.margin.weights)
        _line(axes, best, view, color=GREEN, linestyle=(0, (5, 2)), linewidth=1.4, label="largest margin")
    if lesson.separability.multipliers is not None:
        _draw_certificate(axes, samples, lesson.separability.multipliers)
    axes.set_xlabel(samples.features[0])
    axes.set_ylabel(samples.features[1])
    axes.legend(**LEGEND, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _draw_certificate(axes: Axes, samples: TwoClasses, multipliers: np.ndarray) -> None:
    held = multipliers > 0
    axes.plot(
        *samples.x[held].T, "o", color=RED, markerfacecolor="none", markersize=11, markeredgewidth=1.6, zorder=6,
        label="certificate",
    )  # fmt: skip
    for label in (-1, 1):
        corners = samples.x[held & (samples.y == label)]
        around = corners[np.argsort(np.arctan2(*(corners - corners.mean(0)).T))]
        axes.plot(*np.vstack([around, around[:1]]).T, color=RED, linewidth=1.2, zorder=5)
    positive = np.where(samples.y > 0, multipliers, 0.0)
    axes.plot(*(positive @ samples.x / positive.sum()), "X", color=RED, markersize=9, markeredgecolor="none", zorder=7)


def _line(axes: Axes, weights: np.ndarray, view: np.ndarray, **look: object) -> None:
    """Draw where weights (slope 1, slope 2, bias) give 0, as far as the view reaches; nothing where they are all zero."""
    (a, b, c), (low, high) = weights, view
    steep = abs(b) * (high[1] - low[1]) < abs(a) * (high[0] - low[0])
    if steep:
        y = np.array([low[1], high[1]])
        axes.plot(-(b * y + c) / a, y, **look)  # type: ignore[arg-type]
    elif b:
        x = np.array([low[0], high[0]])
        axes.plot(x, -(a * x + c) / b, **look)  # type: ignore[arg-type]


def _draw_mistakes(axes: Axes, lesson: Lesson) -> None:
    mistakes = lesson.sweeps.mistakes
    count = np.arange(1, len(mistakes) + 1)
    if lesson.bound is None:
        axes.plot(count, mistakes, color=INK, marker="." if len(count) < 60 else "", label="mistakes in the sweep")
        axes.plot(count, lesson.sweeps.wrong, color=ORANGE, linewidth=1.2, label="on the wrong side after it")
    else:
        axes.plot(count, mistakes.cumsum(), color=INK, marker="." if len(count) < 60 else "", label="mistakes so far")
        axes.axhline(lesson.bound, color=GREEN, linestyle=(0, (5, 2)), linewidth=1.4, label="Novikoff's bound")
        if lesson.bound > 30 * max(1, mistakes.sum()):
            axes.set_yscale("log")  # both are worth seeing
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("sweep")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(**LEGEND, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
