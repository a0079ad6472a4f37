"""What the target was of the training rows that lie nearest in a few columns: features for tables with places in them.

Where the target hangs on two numbers together in fine grain (longitude and latitude, say), a network needs very many
units to draw that map, and the rows themselves hold it. Retrieval networks look up neighbours inside the network (TabR,
Gorishniy et al. 2023, arXiv 2307.14338); here the look-up is a preparation, so every network and kernel can use it.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

COUNTS = (4, 16, 64)
"""Numbers of neighbours over which the target is averaged: the spot, its street, its quarter."""
FEWEST_ROWS = 1000
"""With fewer rows the neighbours are too far away, and the choice of columns is luck."""
MOST_CLASSES = 10
LEAST_GAIN = 0.15
"""Share of the target's variance that two columns must explain together beyond the sum of what either does alone."""
MOST_COLUMNS, MOST_ROWS = 16, 4000
"""Columns among which pairs are tried, and training rows on which."""


@dataclass(frozen=True)
class Nearby:
    """The training rows by place.

    Attributes:
        centre, scale: [c], of each column. points: [n, c], the scaled columns of the training rows.
        targets: [n, t], what is averaged: the coded number, or a share for each class (one column for two).
    """

    centre: np.ndarray
    scale: np.ndarray
    points: np.ndarray
    targets: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, targets: np.ndarray) -> "Nearby":
        """Keep the training rows: values [n, c], complete, and targets [n, t]."""
        centre, scale = values.mean(0), values.std(0)
        scale = np.where(scale > 1e-12 * np.maximum(np.abs(centre), 1e-300), scale, 1.0)
        return cls(centre, scale, (values - centre) / scale, targets)

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of neighbours that the training rows allow."""
        return tuple(count for count in COUNTS if count < len(self.points))

    def features(self, values: np.ndarray) -> np.ndarray:
        """Return what the neighbours of new rows say, float64 [m, f], for values [m, c].

        For each count: the mean target, nearer ones weighing more, and the logarithm of the farthest one's distance;
        then the spread of the target among the most neighbours.
        """
        distances, neighbours = KDTree(self.points).query((values - self.centre) / self.scale, self.counts[-1])
        return self._describe(distances, neighbours)

    def own_features(self) -> np.ndarray:
        """Return `features` of the training rows, each without itself, so that no row is told its own target."""
        return self._describe(*_others(self.points, self.counts[-1]))

    def _describe(self, distances: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
        blocks = []
        for count in self.counts:
            blocks += [
                _weighted_mean(distances[:, :count], self.targets[neighbours[:, :count]]),
                np.log(distances[:, count - 1 : count] + 1e-6),
            ]
        blocks.append(self.targets[neighbours].std(1))
        return np.concatenate(blocks, axis=1)


def choose_pair(values: np.ndarray, targets: np.ndarray, random: np.random.Generator) -> tuple[int, int] | None:
    """Return the two columns of values [n, d] whose neighbours say most beyond the sum of either alone, or None.

    What columns say is the share of the targets' variance [n, t] that the mean over the 16 nearest other rows explains;
    two columns whose effects merely add up say no more together than their sum.
    """
    if len(values) < FEWEST_ROWS or values.shape[1] < 2 or targets.shape[1] > MOST_CLASSES:
        return None
    rows = np.sort(random.permutation(len(values))[:MOST_ROWS])
    values, targets = values[rows], targets[rows]
    alone = np.array([max(0.0, _explained(values[:, [column]], targets)) for column in range(values.shape[1])])
    promising = sorted(np.argsort(-alone, kind="stable")[:MOST_COLUMNS].tolist())
    gains = {
        (a, b): _explained(values[:, [a, b]], targets) - alone[a] - alone[b]
        for a, b in itertools.combinations(promising, 2)
    }
    best = max(gains, key=lambda pair: gains[pair])
    return best if gains[best] >= LEAST_GAIN else None


def coded_targets(encoded: np.ndarray, classes: int) -> np.ndarray:
    """Return coded targets [n] as columns [n, t]: numbers as they are, classes as shares, two of them as one."""
    if not classes:
        return encoded.astype(np.float64)[:, None]
    shares = (encoded[:, None] == np.arange(classes)[None]).astype(np.float64)
    return shares[:, 1:] if classes == 2 else shares


def _explained(values: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of the targets' variance that the 16 nearest other rows explain."""
    distances, neighbours = _others(Nearby.fit(values, targets).points, COUNTS[1])
    predicted = _weighted_mean(distances, targets[neighbours])
    total = ((targets - targets.mean(0)) ** 2).sum()
    return float(1 - ((targets - predicted) ** 2).sum() / total) if total > 0 else 0.0


def _others(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and row numbers [n, count] of the nearest other rows of each row."""
    distances, neighbours = KDTree(points).query(points, count + 1)
    itself = neighbours == np.arange(len(points))[:, None]
    itself[~itself.any(1), -1] = True  # so many equal rows that it is not among them: leave the last one out instead
    shape = (len(points), count)
    return distances[~itself].reshape(shape), neighbours[~itself].reshape(shape)


def _weighted_mean(distances: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the mean of targets [m, k, t], weighted by a Gaussian of the distance in units of the farthest."""
    weights = np.exp(-2 * (distances / np.maximum(distances[:, -1:], 1e-12)) ** 2)
    return np.einsum("mk,mkt->mt", weights / weights.sum(1, keepdims=True), targets)
