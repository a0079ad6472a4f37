"""Which rows train, validate and test: at random, by class, by whole groups, or with the future held out."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from goodfit.errors import GoodfitError
from goodfit.randomness import key, numpy_generator

FEWEST_ROWS = 10
"""Below this no split leaves a part worth the name."""
AUTO = "auto"
AUTO_SHARE, MOST_ROWS_TO_JUDGE = 0.2, 6000
"""What `auto` holds out: a fifth, but no more rows than so many. More would judge a little better and teach nothing."""


@dataclass(frozen=True)
class Splits:
    """Row numbers of each part, int64, sorted; a part may be empty. `how` says it in words.

    Attributes:
        groups: number of every row's group, where whole groups stay in one part.
        fixed: why rows of the training and the validation part must not change places; empty where they may.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    how: str
    groups: np.ndarray | None = None
    fixed: str = ""

    def rows(self, part: str) -> np.ndarray:
        """Return the row numbers of `train`, `validation`, `test`, or `development` (the first two together)."""
        if part == "development":
            return np.sort(np.concatenate([self.train, self.validation]))
        return {"train": self.train, "validation": self.validation, "test": self.test}[part]


def fold_numbers(
    rows: np.ndarray, folds: int, repeat: int, *, strata: np.ndarray | None = None, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return in which of `folds` folds each row is held out: int64 [len(rows)]; another `repeat` parts them anew.

    `strata` and `groups` hold a value for every row of the data. Folds differ by at most a row, also in the
    strata; groups stay whole, each put where fewest rows are.
    """
    random = numpy_generator(0, "folds", repeat, folds)
    if groups is None:
        order = random.permutation(len(rows))
        if strata is not None:
            order = order[np.argsort(strata[rows][order], kind="stable")]
        found = np.empty(len(rows), np.int64)
        found[order] = np.arange(len(rows)) % folds
        return found
    names, member, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise GoodfitError(f"{len(names)} groups cannot be parted into {folds} folds: take fewer folds")
    place, filled = np.empty(len(names), np.int64), np.zeros(folds, np.int64)
    shuffled = random.permutation(len(names))
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        place[group] = filled.argmin()
        filled[place[group]] += sizes[group]
    return place[member]


def held_out_share(share: float | str, rows: int) -> float:
    """Return the share of so many rows that is held out: the number that was given, or what `auto` means."""
    return float(share) if share != AUTO else min(AUTO_SHARE, MOST_ROWS_TO_JUDGE / max(rows, 1))


def split_rows(
    rows: np.ndarray, share: float, seed: int, purpose: str, *, strata: np.ndarray | None = None,
    groups: np.ndarray | None = None, time: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Split row numbers into (kept, held out), about `share` of them held out.

    `strata`, `groups` and `time` hold a value for every row of the data. With `time` the latest rows are
    held out and rows of equal time stay together; with `groups` no group is in both; else strata
    keep their shares.
    """
    if share == 0:
        return rows, rows[:0]
    random = key(seed, "split", purpose) % 2**32
    if time is not None:
        moments = np.sort(time[rows])
        border = moments[len(rows) - max(1, round(share * len(rows)))]
        late = time[rows] >= border
        if late.all():
            raise GoodfitError("the time column leaves no earlier rows to train on: it holds too few different times")
        return rows[~late], rows[late]
    if groups is not None:
        if len(np.unique(groups[rows])) < 2:
            raise GoodfitError(
                "the group column holds fewer than 3 groups: each of train, validation and test needs its own"
            )
        splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=random)
        kept, held = next(splitter.split(rows, groups=groups[rows]))
        return rows[np.sort(kept)], rows[np.sort(held)]
    chosen = strata[rows] if strata is not None else None
    if chosen is not None and (
        np.bincount(chosen)[np.unique(chosen)].min() < 2 or share * len(rows) < len(np.unique(chosen))
    ):
        chosen = None  # too few rows of a class to have it in both parts
    kept, held = train_test_split(rows, test_size=share, random_state=random, stratify=chosen)
    return np.sort(kept), np.sort(held)
