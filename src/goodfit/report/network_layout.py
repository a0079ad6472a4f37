"""Where neurons, edges and their labels of a small network are drawn, in inches from the first input."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

ROW, RADIUS = 1.45, 0.3
MOST_LABELLED = 3
"""Edges into a layer have labels if the layer before has at most so many neurons: more would cover each other."""
WIDTHS = {1: 2.2, 2: 2.6, 3: 3.9}
"""From layer to layer, by the neurons of the first; labels need room beside each other."""
WIDTH_UNLABELLED = 2.4


@dataclass(frozen=True)
class Layout:
    """Places [layer][neuron] of the inputs and all neurons, and of the loss; y grows upward."""

    places: list[list[tuple[float, float]]]
    loss: tuple[float, float]

    @property
    def height(self) -> float:
        """Half the height that the neurons' centres take."""
        return max(column[0][1] for column in self.places)


def lay_out(widths: Sequence[int]) -> Layout:
    """Return columns of neurons from left to right, each centred on the axis."""
    x, columns = 0.0, []
    for width, following in pairwise([*widths, 0]):
        columns.append([(x, (width - 1) / 2 * ROW - k * ROW) for k in range(width)])
        x += WIDTHS.get(width, WIDTH_UNLABELLED) if following else 1.7
    return Layout(columns, (x, 0.0))


def label_share(source: int, sources: int) -> float | None:
    """Return where along the edges from a neuron (counted from 0) their labels lie; none where there are too many.

    All labels of one neuron's edges lie at the same distance, those of the next neuron farther: no two meet.
    """
    if sources > MOST_LABELLED:
        return None
    return {1: 0.5, 2: 0.31 + 0.38 * source, 3: 0.25 + 0.25 * source}[sources]
