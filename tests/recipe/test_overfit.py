"""Step 2 on networks that can and cannot learn a few rows by heart."""

from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import blobs, friedman

import goodfit as gf
from goodfit.recipe import overfit_small_sample
from goodfit.recipe.overfit import (
    BATCHES,
    EPOCHS,
    EXPLODED,
    FLAT,
    REACHED,
    SHORT,
    Goal,
    few_rows,
    judge_trial,
    remedies_for,
)

PLAIN = gf.Config(width=64, numeric="standard", batch_size=32, dropout=0.3, weight_decay=0.1)


@pytest.mark.parametrize("task", [friedman(600), blobs(600)], ids=["regression", "classes"])
def test_a_sound_network_learns_them_by_heart(task: gf.Task) -> None:
    found = overfit_small_sample(task, PLAIN)
    assert found["ok"] and found["status"] == REACHED and not found["remedies"] and found["changed"] == {}
    assert found["batches"] == BATCHES and found["rows"] == 32 * BATCHES
    best = min(t["loss"] for t in found["trials"])
    assert best < 0.05 and ("accuracy" in found["text"]) == (task.kind != "regression")


@pytest.mark.parametrize("rows", [142, 149, 155])
def test_fewer_rows_make_smaller_batches_not_more(rows: int) -> None:
    found = overfit_small_sample(blobs(rows), PLAIN)
    assert found["rows"] % BATCHES and found["batches"] == BATCHES


def test_what_is_learnt_soon_is_not_trained_for_long() -> None:
    assert overfit_small_sample(blobs(600), PLAIN)["epochs"] == EPOCHS[0]
    assert overfit_small_sample(friedman(400), PLAIN.replace(init="zeros"))["epochs"] == EPOCHS[-1]


def test_the_few_rows_are_training_rows_prepared_as_all_are() -> None:
    task = friedman(500)
    few = few_rows(task, PLAIN)
    rows = few.rows("train")
    assert set(rows) <= set(task.rows("train")) and (rows == few.rows("validation")).all() and not len(few.rows("test"))
    everything = task.matrix(PLAIN, "train")
    np.testing.assert_array_equal(few.matrix(PLAIN, "train"), everything[np.isin(task.rows("train"), rows)])


def test_bad_weights_are_mended_by_others() -> None:
    found = overfit_small_sample(friedman(400), PLAIN.replace(init="zeros"))
    assert found["status"] in (FLAT, SHORT) and found["ok"] and found["changed"]["init"]
    assert "next steps take it" in found["text"]
    kept = overfit_small_sample(friedman(400), PLAIN.replace(init="zeros"), fixed=["init"])
    assert "init" not in kept["changed"] and all("weights" not in r["name"] for r in kept["remedies"])


def test_what_cannot_be_learnt_is_given_up_with_what_was_tried() -> None:
    def constant() -> torch.nn.Module:
        class Deaf(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.bias = torch.nn.Parameter(torch.zeros(1))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.bias.expand(len(x), 1) + 0 * x.sum(1, keepdim=True)

        return Deaf()

    found = overfit_small_sample(friedman(80), gf.Config(model=constant, numeric="standard", batch_size=16))
    assert not found["ok"] and found["status"] == FLAT and "Nothing helped" in found["text"] and found["follows"]
    tried = [r["name"] for r in found["remedies"]]
    assert {"longer", "no dropout in the module", "weights orthogonal"} <= set(tried) and "wider" not in tried


def test_dropout_inside_an_own_module_is_found_out() -> None:
    def drowned() -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Linear(6, 400), torch.nn.ReLU(), torch.nn.Dropout(0.995), torch.nn.Linear(400, 3)
        )

    random = np.random.default_rng(0)
    task = gf.Task.from_arrays(random.normal(size=(60, 6)), np.arange(60) % 3, kind="multiclass", test=0.0)
    found = overfit_small_sample(task, gf.Config(model=drowned, numeric="standard", batch_size=16))
    mended = {r["name"]: r["status"] for r in found["remedies"]}
    assert found["status"] in (SHORT, FLAT) and mended["no dropout in the module"] == REACHED


def test_rows_that_contradict_each_other_bound_what_can_be_learnt() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 3, size=(300, 2)).astype(float)  # nine kinds of rows
    y = np.where(random.random(300) < 0.2, 1 - (x[:, 0] > 0), x[:, 0] > 0).astype(int)
    found = overfit_small_sample(gf.Task.from_arrays(x, y, kind="binary", test=0.0), PLAIN)
    assert found["ok"] and 0.6 < found["attainable"]["accuracy"] < 0.95 and "bound the accuracy" in found["text"]


@pytest.mark.parametrize(
    ("curve", "diverged", "accuracy", "goal", "status"),
    [
        ([1.0, 0.5, 0.01], False, float("nan"), Goal(None, 0.0), REACHED),
        ([1.0, 0.5, 0.21], False, float("nan"), Goal(None, 0.2), REACHED),
        ([1.0, 0.5, 0.21], False, float("nan"), Goal(None, 0.0), SHORT),
        ([1.0, 0.99, 0.98], False, float("nan"), Goal(None, 0.0), FLAT),
        ([1.0, 0.8, 9.0], False, float("nan"), Goal(None, 0.0), EXPLODED),
        ([1.0, 0.8, None], True, float("nan"), Goal(None, 0.0), EXPLODED),
        ([None], True, float("nan"), Goal(None, 0.0), EXPLODED),
        ([1.1, 0.4, 0.3], False, 0.995, Goal(1.0, 0.0), REACHED),
        ([1.1, 0.4, 0.3], False, 0.9, Goal(1.0, 0.0), SHORT),
        ([1.1, 0.4, 0.3], False, 0.9, Goal(0.9, 0.3), REACHED),
        ([1.1, 0.4, 0.04], False, 0.98, Goal(1.0, 0.0), REACHED),
        # a start that is far too bad does not make a bad end good
        ([8000.0, 90.0, 9.4], False, 0.97, Goal(1.0, 0.0, 0.69), SHORT),
        ([8000.0, 90.0, 0.03], False, 0.97, Goal(1.0, 0.0, 0.69), REACHED),
    ],
)
def test_how_a_trial_went(curve: list[Any], diverged: bool, accuracy: float, goal: Goal, status: str) -> None:
    assert judge_trial(curve, diverged, accuracy, goal) == status


def test_remedies_follow_the_diagnosis() -> None:
    def rates(status: str) -> list[float]:
        return [v.settings["lr"] for v in remedies_for(PLAIN, status, []) if "lr" in v.settings]

    assert max(rates(EXPLODED)) < 1e-4 and max(rates(FLAT)) > 0.1
    assert remedies_for(PLAIN, SHORT, [])[0].name == "longer" and remedies_for(PLAIN, FLAT, [])[-1].name == "wider"
    names = [v.name for v in remedies_for(PLAIN, SHORT, ["lr", "width"])]
    assert "longer" in names and "wider" not in names and not any(n.startswith("rate") for n in names)
