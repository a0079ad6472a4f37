"""Steps 6 and 7: each finding leads to its change, and a change is kept only if it pays beyond noise."""

from typing import Any

import numpy as np
import pytest
from small_tasks import friedman

import goodfit as gf
from goodfit.recipe import improve
from goodfit.recipe.curves import (
    EARLY_DECAY,
    FLAT,
    IMPROVING,
    KINDS,
    OVERFITTING,
    PLATEAU,
    UNDERFITTING,
    UNSTABLE,
)
from goodfit.recipe.improvement import UNCHANGED, best_setting, change_for

BASE = gf.Config(numeric="standard", width=16, depth=2, batch_size=32, epochs=30, schedule="cosine", lr=3e-3)
TASK = friedman(800)


@pytest.mark.parametrize(
    ("kind", "config", "changes"),
    [
        (UNSTABLE, BASE, {"lr": 1e-3}),
        (FLAT, BASE, {"init": "kaiming-normal", "init_scale": 1.0}),
        (FLAT, BASE.replace(init="kaiming-normal"), {"init": "lsuv", "init_scale": 1.0}),
        (EARLY_DECAY, BASE.replace(schedule="step"), {"schedule": "cosine", "lr_end": 0.0}),
        (PLATEAU, BASE.replace(schedule="constant"), {"schedule": "cosine", "lr_end": 0.0}),
        (PLATEAU, BASE, None),
        (IMPROVING, BASE.replace(patience=5), {"epochs": 60, "patience": 10}),
        (OVERFITTING, BASE.replace(dropout=0.2), {"dropout": 0.35}),
        (OVERFITTING, BASE.replace(dropout=0.6), None),
        (OVERFITTING, gf.Config(model=lambda: None), {"weight_decay": 0.01}),
        (UNDERFITTING, BASE, {"width": 32}),
        (UNDERFITTING, BASE.replace(dropout=0.2), {"dropout": 0.0}),
        (UNDERFITTING, gf.Config(width=(8, 4)), {"width": (16, 8)}),
        (UNDERFITTING, gf.Config(model="cnn"), "wider"),
        (UNDERFITTING, gf.Config(model=lambda: None), None),
    ],
)
def test_each_finding_has_its_change(kind: str, config: gf.Config, changes: Any) -> None:
    found = change_for(kind, config)
    if changes == "wider":
        assert found is not None and isinstance(config.replace(**found.settings), gf.Config)
        return
    assert (None if found is None else found.settings) == changes
    if found is not None:
        config.replace(**found.settings)
        assert change_for(kind, config, fixed=[next(iter(found.settings))]) is None


def test_every_kind_is_answered() -> None:
    assert all(change_for(kind, gf.Config(schedule="step")) for kind in KINDS)


def test_what_pays_is_taken_and_what_does_not_ends_it() -> None:
    short = gf.train(gf.vary(BASE.replace(lr=1e-4, schedule="constant", epochs=15), seed=range(4)), TASK)
    found = improve(short, rounds=2)
    first = found.evidence["rounds"][0]
    assert IMPROVING in first["reading"]["findings"]
    assert [row["name"] for row in first["standings"] if row["taken"]] == ["30 epochs"]
    assert found.settings["epochs"] >= 30 and "taken: 30 epochs" in found.evidence["text"]
    losses = {row["name"]: row["loss"] for row in first["standings"]}
    assert losses["30 epochs"] < losses[UNCHANGED] == pytest.approx(np.mean([t.validation_loss for t in short]))
    assert {t.config.epochs for t in found.runs} >= {30} and len(found.evidence["rounds"]) == 3
    assert "no more is tried" in found.evidence["text"] or "beyond noise, so it ends" in found.evidence["text"]


def test_a_change_within_noise_is_not_taken() -> None:
    noise = np.random.default_rng(0).normal(size=(300, 5))
    task = gf.Task.from_arrays(noise[:, :4], noise[:, 4], kind="regression", test=0.0)
    overfitted = gf.train(gf.vary(BASE.replace(width=64), seed=range(3)), task)
    found = improve(overfitted, fixed=["dropout"])
    assert found.evidence["rounds"][0]["reading"]["findings"][0] == OVERFITTING and found.settings == {}
    assert len(found.runs) == 0 and "No setting that could be changed" in found.evidence["text"]
    found = improve(overfitted, steps=1)
    assert len(found.runs) == 0 and "costs more than this run may spend" in found.evidence["text"]


def test_the_best_setting_is_that_of_the_lowest_mean() -> None:
    runs = gf.train(gf.vary(BASE.replace(epochs=6), lr=[1e-5, 3e-3, 3.0], seed=range(3)), TASK)
    assert {t.config.lr for t in best_setting(runs)} == {3e-3} and len(best_setting(runs)) == 3


def test_an_interruption_ends_the_comparison() -> None:
    from goodfit.studies.comparison import Means

    short = gf.train(gf.vary(BASE.replace(lr=1e-4, schedule="constant", epochs=15), seed=range(3)), TASK)
    found = improve(short, means=Means(stop=lambda: True))
    assert "interrupted" in found.evidence["text"] and found.settings == {} and len(found.runs) == 0
