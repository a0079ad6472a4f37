"""Cross-validation inside one population: folds by rule, every training its own rows, predictions by those left out."""

import numpy as np
import pandas as pd
import pytest

import goodfit as gf
from goodfit.data.splits import fold_numbers
from goodfit.ensemble import choose_ensemble, crossed, make_pool
from goodfit.ensemble.crossed import possible_folds, worth_crossing
from goodfit.population.own_data import OwnData
from goodfit.recipe.plan import refinement
from goodfit.recipe.presets import PRESETS
from goodfit.training.tensors import choose_device, make_problem

BASE = gf.Config(width=8, epochs=6, lr=1e-2, batch_size=32, numeric="standard")


def test_folds_are_even_also_within_classes_and_groups_stay_whole() -> None:
    rows = np.arange(5, 108)
    strata = np.arange(200) % 10 // 7
    for folds in (2, 5, 7):
        found = fold_numbers(rows, folds, 0, strata=strata)
        for members in (rows, rows[strata[rows] == 1]):
            sizes = np.bincount(found[np.isin(rows, members)], minlength=folds)
            assert sizes.max() - sizes.min() <= 1
    assert (fold_numbers(rows, 5, 0) != fold_numbers(rows, 5, 1)).any()
    groups = np.arange(200) // 9
    found = fold_numbers(rows, 4, 0, groups=groups)
    assert all(len(set(found[groups[rows] == g])) == 1 for g in np.unique(groups[rows]))
    assert np.ptp(np.bincount(found)) <= 9


def test_every_training_has_its_own_rows(house_task: gf.Task) -> None:
    config = BASE.replace(fold=(1, 2, 5), batch_size=1)
    problem = make_problem(house_task, config, choose_device("cpu"))
    data = OwnData(config, problem)
    data.begin_epoch(1)
    seen = np.sort(data.rows(0, data.steps_per_epoch).ravel())
    np.testing.assert_array_equal(seen, np.flatnonzero(house_task.folds(1, 5) != 2))
    assert len(problem.train) == len(house_task.rows("train")) + len(house_task.rows("validation"))


@pytest.mark.parametrize("kernel", ["sequential", "dense", "resident"])
def test_a_fold_equals_a_task_with_those_parts(house_task: gf.Task, kernel: str) -> None:
    """The same networks come out of a task whose parts are the fold's, to the last bit where rows come in that order."""
    import dataclasses

    from goodfit.data.splits import Splits

    rows, out = house_task.rows("development"), house_task.folds(0, 3)
    config = BASE.replace(fold=(0, 1, 3), seed=4)
    (one,) = gf.train(config, house_task, kernel=kernel)
    splits = Splits(rows[out != 1], rows[out == 1], house_task.rows("test"), "")
    prepared = {("preparation", "standard", 0): house_task.preparation(BASE)}
    same = dataclasses.replace(house_task, splits=splits, _prepared=prepared)
    (other,) = gf.train(config.replace(fold=None), same, kernel=kernel)
    assert one.best_epoch == other.best_epoch
    assert one.validation_loss == pytest.approx(other.validation_loss, rel=1e-5)
    assert one.validation_metric == pytest.approx(other.validation_metric, rel=1e-5)
    for name, weight in one.weights.items():
        np.testing.assert_allclose(weight, other.weights[name], rtol=1e-4, atol=1e-5)


def test_grouping_changes_nothing_for_folds(house_task: gf.Task) -> None:
    configs = crossed([BASE, BASE.replace(lr=3e-3)], folds=3, repeats=1)
    together = gf.train(configs, house_task, kernel="dense")
    (alone,) = gf.train(configs[4], house_task, kernel="dense")
    assert alone.validation_loss == together[4].validation_loss
    np.testing.assert_array_equal(alone.load()[1], together[4].load()[1])


def test_ensemble_of_folds_predicts_each_row_by_those_that_have_not_seen_it(house_task: gf.Task) -> None:
    configs = crossed(gf.vary(BASE, lr=[1e-2, 3e-3, 1e-5], seed=range(2)), folds=3, repeats=2)
    assert len(configs) == 3 * 6 and len({c.seed for c in configs[:6]}) == 6
    runs = gf.train(configs, house_task)
    pool = make_pool(runs)
    rows = house_task.rows("development")
    assert pool.predictions.shape == (3, len(rows)) and len(pool.candidates[0]) == 6
    by_hand = np.zeros(len(rows))
    for training in runs.trainings[:6]:
        repeat, fold, folds = training.config.fold
        out = house_task.folds(repeat, folds) == fold
        prediction = gf.Runs(house_task, [training]).predict(house_task.inputs.iloc[rows])
        by_hand[out] += prediction[out] / 2
    np.testing.assert_allclose(pool.predictions[0], by_hand, rtol=1e-4)
    choice = choose_ensemble(runs, 2)
    assert len(choice.members) in (6, 12) and all(t.config.lr != 1e-5 for t in choice.members)
    model = choice.model()
    inside = np.abs(model.predict(house_task.raw("test")) - house_task.truth("test")) <= model.half_width
    assert 0.75 < inside.mean() <= 1
    assert worth_crossing(house_task)


def test_folds_that_cannot_be_are_one_line(house_task: gf.Task, houses: object) -> None:
    assert isinstance(houses, pd.DataFrame)
    with pytest.raises(gf.GoodfitError, match=r"fold \(0, 5, 5\) is none: \(repeat, k, n\) needs"):
        gf.Config(fold=(0, 5, 5))
    late = gf.Task.from_frame(houses, "price", time="age" if houses["age"].notna().all() else "area")
    with pytest.raises(gf.GoodfitError, match="setting 'fold' is for rows that may change places, and the latest rows"):
        gf.train(BASE.replace(fold=(0, 0, 5)), late)
    with pytest.raises(gf.GoodfitError, match="setting 'fold' asks for 200 folds of 320 rows"):
        gf.train(BASE.replace(fold=(0, 0, 200)), house_task)
    assert not worth_crossing(late)


def test_very_few_rows_or_groups_get_as_many_folds_as_they_can_have() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)), random.normal(size=12)
    tiny = gf.Task.from_arrays(x, y, kind="regression")
    assert possible_folds(tiny) == 4 and worth_crossing(tiny)
    configs = refinement(PRESETS["quick"], tiny, BASE.replace(epochs=1), 1e-2, 1e-1, ())
    assert {c.fold[2] for c in configs if c.fold} == {4}
    assert len(gf.train(configs[:4], tiny)) == 4
    frame = pd.DataFrame({"a": random.normal(size=90), "g": np.arange(90) % 3, "y": random.normal(size=90)})
    three = gf.Task.from_frame(frame, "y", group="g")
    folds = possible_folds(three)
    assert folds == len(set(frame["g"].iloc[three.rows("development")])) < 3
