"""Resampled members, weighted models that survive the folder, and sets in the table of predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import goodfit as gf
from goodfit.ensemble import choose_ensemble
from goodfit.population.own_data import OwnData
from goodfit.training.tensors import choose_device, make_problem

BASE = gf.Config(width=8, epochs=5, lr=1e-2, batch_size=32, numeric="standard")


@pytest.fixture(scope="module")
def uneven() -> gf.Task:
    random = np.random.default_rng(0)
    x = pd.DataFrame(random.normal(size=(1500, 3)), columns=["a", "b", "c"])
    label = np.where(x["a"] + random.normal(size=1500) > 2.2, "rare", np.where(x["b"] > 0, "up", "down"))
    return gf.Task.from_frame(x.assign(t=label), "t", metric="balanced-accuracy")


def rows_of(task: gf.Task, config: gf.Config, epoch: int = 1) -> np.ndarray:
    data = OwnData(config, make_problem(task, config, choose_device("cpu")))
    data.begin_epoch(epoch)
    return np.concatenate([r[:n] for r, n in zip(data.rows(0, 999), data.counts(0, 999), strict=True)])


def test_a_bootstrap_draws_with_replacement_once(house_task: gf.Task) -> None:
    count = len(house_task.rows("train"))
    first, later = (np.sort(rows_of(house_task, BASE.replace(resample="bootstrap"), epoch)) for epoch in (1, 2))
    np.testing.assert_array_equal(first, later)
    assert len(first) == count and len(set(first)) / count == pytest.approx(1 - np.exp(-1), abs=0.07)
    other = np.sort(rows_of(house_task, BASE.replace(resample="bootstrap", seed=1)))
    assert (first != other).any()


def test_balanced_epochs_have_equally_many_of_each_class(uneven: gf.Task) -> None:
    config = BASE.replace(resample="balanced")
    y, seen = uneven.truth("train"), rows_of(uneven, config)
    counts = np.bincount(y[seen])
    assert len(seen) == len(y) and counts.max() - counts.min() <= 1
    rare = np.bincount(seen, minlength=len(y))[y == 1]
    assert rare.min() >= 1 and rare.max() - rare.min() <= 1, "no rare row is favoured"
    assert set(rows_of(uneven, config, 2)) != set(seen)


def test_balanced_training_finds_rare_classes(uneven: gf.Task) -> None:
    plain, balanced = (gf.train(BASE.replace(resample=how), uneven)[0] for how in ("none", "balanced"))
    assert balanced.validation_metric > plain.validation_metric + 0.05
    with pytest.raises(gf.GoodfitError, match="setting 'resample' is 'balanced', which is for classes"):
        gf.train(
            BASE.replace(resample="balanced"),
            gf.Task.from_arrays(np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) / 7),
        )


def test_weighted_model_with_all_it_knows_survives_the_folder(uneven: gf.Task, tmp_path: Path) -> None:
    runs = gf.train(gf.vary(BASE, lr=[1e-2, 3e-2], seed=range(2)), uneven)
    choice = choose_ensemble(runs, 4, selection="bagged greedy")
    assert len(set(choice.shares)) > 1
    model = choice.model(calibrate=True)
    raw = uneven.raw("test")
    plain = choice.members.model(choice.shares).predict(raw)
    each = [gf.Runs(uneven, [t]).predict(raw) for t in choice.members]
    np.testing.assert_allclose(plain, np.average(each, axis=0, weights=choice.shares), rtol=1e-12)
    gf.save_model(model, tmp_path / "m")
    again = gf.load_model(tmp_path / "m")
    assert (again.temperature, again.class_factors, dict(again.set_thresholds)) == (
        model.temperature, model.class_factors, model.set_thresholds,
    )  # fmt: skip
    pd.testing.assert_frame_equal(again.table(raw, sets="aps"), model.table(raw, sets="aps"))
    assert model.class_factors is not None, "the metric counts the rare class as much as the others"
    named = model.decide(model.predict(raw))
    assert (named == 1).sum() > (model.predict(raw).argmax(1) == 1).sum()


def test_table_of_sets(uneven: gf.Task, house_task: gf.Task) -> None:
    model = gf.train(BASE, uneven).model()
    table = model.table(uneven.raw("test"), sets="lac")
    truth = np.array(uneven.code.classes)[uneven.truth("test")]
    held = np.mean([t in s.split("|") for t, s in zip(truth, table["set"], strict=True)])
    assert 0.84 < held < 0.97 and (table["set"].str.count(r"\|") + 1 == table["set_size"]).all()
    with pytest.raises(gf.GoodfitError, match=r"prediction sets 'apps' are unknown \(did you mean 'aps'\?\)"):
        model.table(uneven.raw("test"), sets="apps")
    with pytest.raises(gf.GoodfitError, match="prediction sets are for classes"):
        gf.train(BASE, house_task).model().table(house_task.raw("test"), sets="aps")
