"""Snapshots: what a training was at the end of each cosine, against trainings that end there."""

from pathlib import Path

import numpy as np
import pytest

import goodfit as gf
from goodfit.ensemble import choose_ensemble, crossed, make_pool
from goodfit.optim.restarts import cosine_ends
from goodfit.optim.schedules import rate_table
from goodfit.studies.ensemble import ensemble_study

BASE = gf.Config(width=8, epochs=6, lr=1e-2, batch_size=32, numeric="standard", schedule="cosine-restarts", lr_cycles=3)


def test_cosines_end_where_the_rate_jumps_up() -> None:
    for steps, cycles, warmup in [(90, 3, 0), (100, 3, 7), (10, 4, 0), (5, 1, 2)]:
        config = BASE.replace(lr_cycles=cycles, warmup_steps=warmup)
        borders = [warmup + round(i * (steps - warmup) / cycles) for i in range(1, cycles + 1)]
        assert cosine_ends(config, rate_table(config, steps)).tolist() == borders
    assert not len(cosine_ends(gf.Config(schedule="cosine"), np.ones(9)))


@pytest.mark.parametrize("kernel", ["sequential", "dense", "resident", "generic"])
def test_a_snapshot_is_the_network_of_a_training_that_ends_there(house_task: gf.Task, kernel: str) -> None:
    """Two epochs for each cosine: the first k of them are a whole training of 2 k epochs with k cosines."""
    whole, *shorter = gf.train(
        [BASE, *(BASE.replace(epochs=2 * k, lr_cycles=k, best_weights=False) for k in (1, 2, 3))],
        house_task,
        kernel=kernel,
    )
    assert [t.best_epoch for t in whole.snapshots] == [2, 4, 6]
    for snapshot, ended in zip(whole.snapshots, shorter, strict=True):
        for name, weight in ended.weights.items():
            np.testing.assert_array_equal(snapshot.weights[name], weight)
        assert snapshot.validation_loss == ended.validation_loss
        assert snapshot.validation_metric == ended.validation_metric


def test_cosines_that_end_within_an_epoch_are_seen_at_the_border_before(house_task: gf.Task) -> None:
    (training,) = gf.train(BASE.replace(epochs=7), house_task)
    per_epoch = training.steps / 7
    ends = cosine_ends(BASE, rate_table(BASE, training.steps))
    assert [t.best_epoch for t in training.snapshots] == [int(end // per_epoch) for end in ends] == [2, 4, 7]
    (short,) = gf.train(BASE.replace(epochs=2, lr_cycles=9), house_task)
    assert [t.best_epoch for t in short.snapshots] == [1, 2], "an epoch is one network, however many cosines end in it"


def test_snapshots_survive_the_folder_and_join_an_ensemble(house_task: gf.Task, tmp_path: Path) -> None:
    folder = gf.RunFolder.create(tmp_path / "run")
    runs = gf.train(gf.vary(BASE, seed=range(2)), house_task, folder=folder)
    again = gf.train(gf.vary(BASE, seed=range(2)), house_task, folder=gf.RunFolder.open(tmp_path / "run"))
    assert [t.id for t in again.snapshots()] == ["t0001.1", "t0001.2", "t0001.3", "t0002.1", "t0002.2", "t0002.3"]
    choice = choose_ensemble(again.snapshots(), most=4, selection="all")
    assert len(choice.members) == 4 and len(choice.pool) == 6
    raw = house_task.raw("test")
    alone = [gf.Runs(house_task, [t]).predict(raw) for t in runs.snapshots() if t.id in {m.id for m in choice.members}]
    np.testing.assert_allclose(choice.model().predict(raw), np.mean(alone, axis=0), rtol=1e-6)


def test_snapshots_of_folds_belong_to_the_same_cosine(house_task: gf.Task) -> None:
    runs = gf.train(crossed([BASE], folds=3, repeats=1), house_task)
    pool = make_pool(runs.snapshots())
    assert [[t.snapshot for t in candidate] for candidate in pool.candidates] == [[k] * 3 for k in (1, 2, 3)]


def test_without_restarts_there_are_none(house_task: gf.Task) -> None:
    runs = gf.train(BASE.replace(schedule="cosine", epochs=1), house_task)
    with pytest.raises(gf.GoodfitError, match="no training here has snapshots: they are kept where 'schedule' is"):
        runs.snapshots()


def test_the_study_shows_them_beside_networks_of_other_seeds(house_task: gf.Task) -> None:
    record = ensemble_study(
        house_task, BASE.replace(schedule="cosine"), members=2, others=[("restarts", {"schedule": "cosine-restarts"})]
    )
    metric = record["lines"][0]["series"]
    assert list(metric) == ["other seeds", "restarts", "snapshots of one, restarts"]
    assert len(metric["snapshots of one, restarts"]["mean"]) == 3 and len(metric["restarts"]["mean"]) == 2
    assert record["tables"][0]["rows"][-1][0] == "3 snapshots of one, restarts, averaged"
    assert any("3 snapshots of one training" in sentence for sentence in record["answer"])
