"""What a run folder gives back, to whom, and under which id."""

from pathlib import Path

import numpy as np
import pytest
import torch

import goodfit as gf
from goodfit.population import Outcome
from goodfit.population.loop import Reason
from goodfit.training.keep import FolderKeeper

CONFIG = gf.Config(epochs=2, width=8, batch_size=16)
LONG = CONFIG.replace(epochs=3000, width=64)


@pytest.fixture(scope="module")
def task() -> gf.Task:
    return gf.Task.from_arrays(np.random.default_rng(0).normal(size=(120, 4)), np.arange(120) % 2, name="small")


def test_what_a_time_limit_cut_is_for_calls_with_one(task: gf.Task, tmp_path: Path) -> None:
    cut = gf.train(LONG, task, folder=tmp_path / "run", time_limit=0.2)[0]
    assert cut.reason == "out of time"
    folder = gf.RunFolder.open(tmp_path / "run")
    limited, unlimited = (FolderKeeper(task, "train", folder, True, limited=limited) for limited in (True, False))
    found = limited.find(LONG, cut.kernel)
    assert found is not None and (found.id, found.epochs) == (cut.id, cut.epochs)
    assert unlimited.find(LONG, cut.kernel) is None


def test_without_a_limit_what_was_cut_trains_again(task: gf.Task, tmp_path: Path) -> None:
    config = CONFIG.replace(epochs=400)
    cut = gf.train(config, task, folder=tmp_path / "run", time_limit=1e-3)[0]
    again = gf.train(config, task, folder=tmp_path / "run", time_limit=60)[0]
    whole = [gf.train(config, task, folder=tmp_path / "run", time_limit=limit)[0] for limit in (None, None, 1e-3)]
    assert [t.reason for t in (cut, again, *whole)] == ["out of time"] * 2 + ["finished"] * 3
    assert len({t.id for t in whole}) == 1 and cut.weights.keys() == whole[0].weights.keys()


def ended(task: gf.Task, reason: Reason, weight: float = 0.0) -> Outcome:
    output = np.zeros((len(task.rows("validation")), 2))
    weights = {"w": torch.full((1,), weight)}
    return Outcome(0, reason, 1, 2, 4, 0.5, output, weights, np.zeros(4), 0.1)


def test_what_was_trained_whole_replaces_what_was_cut(task: gf.Task, tmp_path: Path) -> None:
    folder = gf.RunFolder.create(tmp_path / "run")
    keeper = FolderKeeper(task, "train", folder, True)
    cut = keeper.keep(CONFIG, "dense", ended(task, "out of time", 1.0), [])
    whole = keeper.keep(CONFIG, "dense", ended(task, "finished", 2.0), [])
    found = keeper.find(CONFIG, "dense")
    assert found is not None and found.id == whole.id and len(folder.store.trainings()) == 1
    assert (cut.weights["w"], whole.weights["w"]) == (1.0, 2.0), "who was given the one that was cut still has it"


def test_an_id_is_there_once_in_what_is_added(task: gf.Task) -> None:
    first = gf.train(gf.vary(CONFIG, seed=range(2)), task)
    added = first + gf.train(gf.vary(CONFIG, seed=range(2, 4)), task) + first
    assert [t.id for t in added] == [f"t{n:04d}" for n in range(1, 7)]
    assert added.curves().groupby("id").size().tolist() == [3] * 6
    assert [t.config.seed for t in added] == [0, 1, 2, 3, 0, 1] and [t.id for t in first] == ["t0001", "t0002"]


def test_snapshots_follow_their_trainings_number(task: gf.Task) -> None:
    config = CONFIG.replace(epochs=4, schedule="cosine-restarts", lr_cycles=2)
    runs = [gf.train(config.replace(seed=seed), task) for seed in range(2)]
    assert [t.id for t in (runs[0] + runs[1]).snapshots()] == ["t0001.1", "t0001.2", "t0002.1", "t0002.2"]
    alone = runs[0].snapshots() + runs[1].snapshots()
    assert len({t.id for t in alone}) == 4


def test_no_training_takes_the_number_of_one_that_was_interrupted(task: gf.Task, tmp_path: Path) -> None:
    keeper = FolderKeeper(task, "train", gf.RunFolder.create(tmp_path / "run"), True)
    reasons: list[Reason] = ["interrupted", "finished", "interrupted", "interrupted", "finished"]
    kept = [keeper.keep(CONFIG.replace(seed=n), "dense", ended(task, r), []) for n, r in enumerate(reasons)]
    assert [t.id for t in kept] == [f"t{n:04d}" for n in range(1, 6)]
