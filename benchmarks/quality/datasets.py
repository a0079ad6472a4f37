"""The data sets of the table, and how each is split anew for a seed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_california_housing, load_diabetes

import goodfit as gf
from goodfit.data.download import data_folder

PUBLISHED = "california-housing/published"


def _published(seed: int) -> gf.Task:
    """California housing on the split of the published tables of tabular deep learning; the seed splits nothing."""
    folder = _folder()
    x, y = fetch_california_housing(
        data_home=folder / "scikit-learn", return_X_y=True, as_frame=True, download_if_missing=False
    )
    order = np.random.RandomState(0).permutation(len(x))
    test, rest = order[:4128], order[4128:]
    order = np.random.RandomState(1).permutation(len(rest))
    validation, train = rest[order[:3303]], rest[order[3303:]]
    frame = pd.concat([x, y], axis=1)
    return gf.Task.from_frame(
        frame.iloc[train],
        str(y.name),
        name=PUBLISHED,
        validation=frame.iloc[validation],
        test=frame.iloc[test],
        seed=seed,
    )


def _diabetes(seed: int) -> gf.Task:
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return gf.Task.from_frame(pd.concat([x, y], axis=1), "target", name="diabetes", kind="regression", seed=seed)


def _file(name: str, target: str) -> Callable[[int], gf.Task]:
    return lambda seed: gf.load(_folder() / name, target=target, seed=seed)


def _builtin(name: str) -> Callable[[int], gf.Task]:
    return lambda seed: gf.load(name, seed=seed)


def _folder() -> Path:
    folder = data_folder()
    if folder is None:
        raise gf.GoodfitError("GOODFIT_DATA names no folder: set it to where the data lie")
    return folder


DATA: dict[str, Callable[[int], gf.Task]] = {
    "wine": _builtin("wine"),
    "breast-cancer": _builtin("breast-cancer"),
    "diabetes": _diabetes,
    "titanic.csv": _file("titanic.csv", "Survived"),
    "airfoil": _builtin("airfoil"),
    "digits": _builtin("digits"),
    "housing.csv": _file("housing.csv", "median_house_value"),
    PUBLISHED: _published,
}
"""A task for a seed, which draws the split; the published one has but one. The smallest first."""
