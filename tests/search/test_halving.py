"""Successive halving: who goes on, and that it changes nothing but how long trials train."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goodfit as gf
from goodfit.runs import Runs
from goodfit.search import search
from goodfit.search.halving import Halving, rungs
from goodfit.search.run import SearchResult
from goodfit.training import Progress
from goodfit.training.pruning import Pruning

BASE = gf.Config(width=8, epochs=9, batch_size=64, patience=None)
LR = {"lr": "log(1e-5, 1e-1)"}


def test_rungs_are_the_budget_divided_by_powers_of_eta() -> None:
    assert rungs(81) == (3, 9, 27) and rungs(9) == (1, 3) and rungs(16, 2) == (2, 4, 8) and rungs(2) == (1,)
    assert rungs(1) == ()
    with pytest.raises(gf.GoodfitError, match="eta is 1: one of at least 2 trials must go on at a rung"):
        rungs(9, 1)
    with pytest.raises(gf.GoodfitError, match="training, which is of 1 epochs: give at least 3"):
        Halving(1)


def test_one_of_eta_goes_on_at_a_rung() -> None:
    prune = Halving(9).of_batch(0, 1)
    assert prune({k: (0, 1.0) for k in range(9)}) == set(), "epoch 0 is no rung"
    assert prune({k: (1, float(k)) for k in range(9)}) == set(range(3, 9))
    assert prune({k: (2, 9.0) for k in range(3)}) == set()
    assert prune({k: (3, [0.2, 0.1, 0.3][k]) for k in range(3)}) == {0, 2}


def test_later_batches_are_compared_with_those_before() -> None:
    halving = Halving(9)
    assert halving.of_batch(0, 1)({k: (1, 1.0 + k) for k in range(3)}) == {1, 2}
    # of six losses, two go on: the second batch holds the best and the fourth
    assert halving.of_batch(3, 1)({0: (1, 0.5), 1: (1, 2.5), 2: (1, 3.5)}) == {1, 2}


def test_who_diverged_is_never_among_the_best_and_equals_share_their_fate() -> None:
    assert Halving(9).of_batch(0, 1)({k: (1, math.inf) for k in range(3)}) == {0, 1, 2}
    assert Halving(9).of_batch(0, 1)({k: (1, [3.0, 1, 2, 2, 2, 4][k]) for k in range(6)}) == {0, 5}


def test_seeds_of_a_trial_stay_together() -> None:
    prune = Halving(9).of_batch(0, 2)
    # means 2, 1.5, 3: the single best seed is not of the best trial
    assert prune({0: (1, 0.0), 1: (1, 4.0), 2: (1, 1.0), 3: (1, 2.0), 4: (1, 3.0), 5: (1, 3.0)}) == {0, 1, 4, 5}


def test_a_seed_that_trained_before_is_taken_as_it_was_at_the_rung() -> None:
    """Seeds of a trial may be in populations that train one after the other."""
    prune = Halving(9).of_batch(0, 2)
    prune({0: (1, 5.0), 2: (1, 1.0), 4: (1, 6.0)})
    for epoch in range(2, 10):
        prune({0: (epoch, 0.0)})
    # at the rung the first seed of trial 0 had 5, whatever it reached later
    assert prune({1: (1, 5.0), 3: (1, 5.0), 5: (1, 6.0)}) == {1, 5}


def searched(task: gf.Task, folder: Path | None = None, base: gf.Config = BASE, space: Mapping[str, Any] = LR,
             **order: Any) -> SearchResult:  # fmt: skip
    wanted = {"method": "random", "trials": 18, "confirm": 2, "finalists": 2, "halving": True, "by": "loss"}
    return search(task, base, space, folder=folder, **(wanted | order))


def same_trials(found: SearchResult, other: SearchResult) -> None:
    for a, b in zip(found.trials, other.trials, strict=True):
        assert (a.number, a.values, a.state, a.epochs) == (b.number, b.values, b.state, b.epochs)
        assert np.array_equal([a.value, *a.curve], [b.value, *b.curve], equal_nan=True)
    assert found.best == other.best and found.standings == other.standings


def test_halving_spends_less_keeps_the_best_and_leaves_the_others_numbers_alone(house_task: gf.Task) -> None:
    halved, whole = searched(house_task), searched(house_task, halving=False)
    assert whole.epochs == whole.full_epochs == halved.full_epochs == 18 * 9
    assert halved.epochs < 0.45 * whole.epochs
    states = [trial.state for trial in halved.trials]
    assert states.count("finished") == 2 and states.count("pruned") == 16
    assert {trial.epochs for trial in halved.trials} == {1, 3, 9}
    for trial, full in zip(halved.trials, whole.trials, strict=True):
        assert trial.values == full.values
        assert trial.curve == full.curve[: len(trial.curve)], "bit for bit up to where it was stopped"
        if trial.state == "finished":
            assert trial.value == full.value
    best = min(whole.trials, key=lambda trial: trial.value)
    assert halved.trials[best.number].state == "finished" and halved.best == whole.best


def test_halving_goes_by_what_trials_had_at_each_rung(house_task: gf.Task) -> None:
    """The decisions, made again from the curves of trainings that were not pruned."""
    halved, whole = searched(house_task), searched(house_task, halving=False)
    alive = set(range(18))
    for rung in (1, 3):
        lowest = {k: min(whole.trials[k].curve[: rung + 1]) for k in alive}
        stay = set(sorted(alive, key=lowest.__getitem__)[: max(1, len(alive) // 3)])
        assert {k for k in alive if halved.trials[k].epochs == rung} == alive - stay
        alive = stay


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def killed_after(reports: int) -> Any:
    """A listener that ends the process' work after some reports of progress."""
    heard: list[Progress] = []

    def listen(progress: Progress) -> None:
        heard.append(progress)
        if len(heard) == reports:
            raise Killed

    return listen


@pytest.mark.parametrize("reports", [3, 5, 8, 14, 20])
def test_a_halved_search_that_was_killed_goes_on_as_if_nothing_had_been(
    reports: int, house_task: gf.Task, tmp_path: Path, uninterrupted: SearchResult
) -> None:
    """Batch sizes differ, so that trials come to the rungs at different times: the hard case."""
    space = {**LR, "batch_size": [16, 32, 64, 128]}
    with pytest.raises(Killed):
        searched(house_task, tmp_path / "run", space=space, batch=12, trials=24, on_progress=killed_after(reports))
    again = searched(house_task, tmp_path / "run", space=space, batch=12, trials=24)
    same_trials(again, uninterrupted)


@pytest.fixture(scope="module")
def uninterrupted(house_task: gf.Task) -> SearchResult:
    return searched(house_task, space={**LR, "batch_size": [16, 32, 64, 128]}, batch=12, trials=24)


def test_what_was_pruned_is_not_taken_for_a_finished_training(house_task: gf.Task, tmp_path: Path) -> None:
    configs = gf.vary(BASE, lr=[1e-3, 1e-2, 1e-5])
    folder = tmp_path / "run"
    pruned = gf.train(configs, house_task, folder=folder, pruning=Pruning("a rule", Halving(9).of_batch(0, 1)))
    assert sorted(t.reason for t in pruned) == ["finished", "pruned", "pruned"]

    def lengths(runs: Runs) -> list[int]:
        return [t.epochs for t in runs]

    assert lengths(gf.train(configs, house_task, folder=folder)) == [9, 9, 9]


def test_what_cannot_be_halved(house_task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match="do not search 'epochs' too"):
        searched(house_task, space={"epochs": [3, 9]})
    with pytest.raises(gf.GoodfitError, match="leave 'max_steps' out and set 'epochs'"):
        searched(house_task, base=BASE.replace(max_steps=10))
    with pytest.raises(gf.GoodfitError, match="eta is 1"):
        searched(house_task, eta=1)
