"""The study of grid and random search: its points, its repetitions, and what it must show where one setting matters."""

from collections.abc import Callable

import numpy as np
import pytest

import goodfit as gf
from goodfit.report.projections import projections
from goodfit.report.study_charts import study_charts
from goodfit.search.space import make_space
from goodfit.studies import search
from goodfit.studies.comparison import Means
from goodfit.studies.named import STUDIES, Order
from goodfit.studies.search import LEVELS, grid_points, repeat, search_study

BASE = gf.Config(width=8, epochs=2, batch_size=32, patience=None)


def test_a_grid_has_few_values_of_each_setting_and_lies_anywhere() -> None:
    grids = np.stack([grid_points(4, 0, k) for k in range(300)])
    assert grids.shape == (300, LEVELS**4, 4) and grids.min() >= 0 and grids.max() < 1
    assert all(len(set(np.round(grids[0, :, d], 9))) == LEVELS for d in range(4))
    assert np.diff(np.unique(np.round(grids[0, :, 0], 9))) == pytest.approx([1 / LEVELS] * (LEVELS - 1))
    # the middle point lies evenly in the middle third, over the grids
    assert np.quantile(grids[:, 40], [0.05, 0.95], axis=0) == pytest.approx(
        np.array([[0.35] * 4, [0.65] * 4]), abs=0.03
    )


def test_repetitions_are_drawn_from_the_pool() -> None:
    grids, random = np.arange(12.0).reshape(3, 4), np.arange(100.0, 120.0)
    found = repeat(grids, random, 0, repetitions=600)
    assert found["grid"].shape == found["random"].shape == (600, 4)
    assert (np.diff(found["grid"], axis=1) <= 0).all() and (np.diff(found["random"], axis=1) <= 0).all()
    # whole grids have their own minimum; each was taken about equally often
    values, counts = np.unique(found["grid"][:, -1], return_counts=True)
    assert values.tolist() == [0, 4, 8] and counts.min() > 150
    # first draws are any point; the lowest of 4 of 20 is on average (20 + 1) / (4 + 1) - 1 above the lowest
    assert found["grid"][:, 0].mean() == pytest.approx(5.5, abs=0.5)
    assert found["random"][:, -1].mean() == pytest.approx(100 + 3.2, abs=0.4)
    again = repeat(grids, random, 0, repetitions=600)
    assert all(np.array_equal(found[name], again[name]) for name in found)


def test_random_search_wins_where_one_setting_matters_and_not_where_all_do() -> None:
    """On responses without noise: the theory, with the study's own points and repetitions."""
    random = np.random.default_rng(0)
    points = {"grid": np.stack([grid_points(4, 0, k) for k in range(40)]), "random": random.random((40 * 81, 4))}

    def wins(response: Callable[[np.ndarray], np.ndarray]) -> float:
        found = repeat(response(points["grid"]), response(points["random"]), 0, repetitions=800)
        return float(np.mean(found["random"][:, -1] < found["grid"][:, -1]))

    assert wins(lambda x: (x[..., 0] - 0.4) ** 2) > 0.9
    assert wins(lambda x: ((x - 0.5) ** 2).sum(-1)) < 0.6


def test_the_record_is_that_of_plain_trainings(house_task: gf.Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SPACE", {"lr": "log(1e-5, 1)", "dropout": "uniform(0, 0.1)"})
    monkeypatch.setattr(search, "REPETITIONS", 50)
    record = search_study(house_task, BASE, grids=2)
    assert record["trainings"] == 2 * 2 * 9 and record["varied"] == ["lr", "dropout"]
    assert [len(record["lines"][0]["series"][name]["mean"]) for name in ("grid", "random")] == [9, 9]
    shown = record["projections"]["searches"]["grid"]
    assert [len(set(values)) for values in shown["values"]] == [3, 3]
    space = make_space(search.SPACE)
    for k, point in enumerate(grid_points(2, 0, 0)):
        training = gf.train(BASE.replace(**space.at(point)), house_task)[0]
        expected = None if training.reason == "diverged" else training.validation_metric
        assert shown["found"][k] == expected
    assert record["importances"][0]["setting"] == "lr"
    assert any(sentence.startswith("lr matters most") for sentence in record["answer"])
    charts = study_charts(record)
    assert list(charts) == ["found", "projections", "importances"]
    assert "grid: 3 values" in projections(record).svg and "random: 9 values" in charts["projections"].svg
    assert record["tables"][0]["rows"][-1][0] == 9


def test_a_better_metric_is_found_upwards_and_divergence_is_no_obstacle(house_task: gf.Task) -> None:
    task = gf.Task.from_frame(house_task.raw("train").assign(price=house_task.truth("train")), "price", metric="r2")
    record = search_study(task, BASE.replace(epochs=1, optimiser="sgd", max_steps=4), grids=1)
    for bands in record["lines"][0]["series"].values():
        assert (np.diff(bands["mean"]) >= 0).all() and np.isfinite(bands["mean"]).all()
    assert "validation r2" in record["answer"][0]
    assert projections(record).svg.count("<svg") == 1


def test_the_study_varies_its_own_space(house_task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match="the study 'search' has a space of its own: leave out --vary"):
        STUDIES["search"].run(house_task, Order(2, 0, {}, {"lr": [1, 2]}, Means()))
