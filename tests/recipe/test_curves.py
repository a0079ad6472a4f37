"""Step 6: every kind of curve, produced by real trainings, is told by its rule; no curve whatever breaks the rules."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tasks import friedman

import goodfit as gf
from goodfit.recipe import read_curves
from goodfit.recipe.curves import (
    EARLY_DECAY,
    FLAT,
    IMPROVING,
    KINDS,
    OVERFITTING,
    PLATEAU,
    UNDERFITTING,
    UNSTABLE,
    Curve,
    read_curve,
)

SMALL, MANY, FEW = friedman(1000), friedman(2000), friedman(120, noise=4.0)
BASE = gf.Config(numeric="standard", width=32, depth=2, batch_size=32, epochs=40)
SEEDS = 4

REAL: list[tuple[str, gf.Task, dict[str, Any]]] = [
    (FLAT, SMALL, {"width": 16, "depth": 4, "activation": "sigmoid", "init": "normal(0,0.1)", "epochs": 60}),
    (
        FLAT,
        SMALL,
        {"width": 16, "depth": 3, "activation": "tanh", "init": "normal(0,0.01)", "optimiser": "sgd", "lr": 0.1},
    ),
    (FLAT, SMALL, {"init": "zeros"}),
    (EARLY_DECAY, SMALL, {"schedule": "multi-step", "milestones": (0.1, 0.2), "lr_factor": 0.05}),
    (EARLY_DECAY, MANY, {"schedule": "multi-step", "milestones": (0.15,), "lr_factor": 0.01, "lr": 3e-4}),
    (EARLY_DECAY, SMALL, {"optimiser": "sgd", "schedule": "multi-step", "milestones": (0.1,), "lr_factor": 0.03}),
    (PLATEAU, MANY, {"lr": 0.03, "batch_size": 16, "width": 8, "depth": 1}),
    (PLATEAU, SMALL, {"lr": 0.03, "batch_size": 16, "width": 8, "depth": 1, "epochs": 60}),
    (PLATEAU, SMALL, {"lr": 0.02, "batch_size": 16, "width": 16, "weight_decay": 0.1, "epochs": 80}),
    (IMPROVING, SMALL, {"lr": 1e-4}),
    (IMPROVING, MANY, {"lr": 1e-4, "epochs": 20}),
    (IMPROVING, SMALL, {"optimiser": "sgd", "lr": 5e-4, "epochs": 20}),
    (OVERFITTING, FEW, {"lr": 3e-3, "width": 128, "epochs": 60}),
    (OVERFITTING, FEW, {"lr": 1e-3, "width": 256, "epochs": 80}),
    (OVERFITTING, FEW, {"lr": 3e-3, "width": 128, "epochs": 60, "schedule": "cosine"}),
    (UNDERFITTING, MANY, {"depth": 0, "lr": 1e-2, "schedule": "cosine"}),
    (UNDERFITTING, MANY, {"width": 2, "depth": 1, "lr": 1e-2, "schedule": "cosine", "epochs": 50}),
    (UNDERFITTING, SMALL, {"width": 1, "depth": 1, "lr": 2e-2, "schedule": "linear", "epochs": 50}),
    (UNSTABLE, SMALL, {"lr": 1.0}),
    (UNSTABLE, SMALL, {"lr": 1.0, "optimiser": "sgd"}),
    (UNSTABLE, SMALL, {"lr": 0.3, "optimiser": "adam"}),
    ("", MANY, {"lr": 3e-3, "schedule": "cosine"}),
    ("", MANY, {"lr": 1e-3, "schedule": "cosine", "width": 64, "epochs": 60, "weight_decay": 0.05}),
    ("", SMALL, {"lr": 5e-3, "schedule": "cosine", "width": 16, "epochs": 80}),
]


@pytest.mark.parametrize(
    ("kind", "task", "changes"), REAL, ids=[f"{k or 'sound'}-{i}" for i, (k, _, _) in enumerate(REAL)]
)
def test_real_curves_are_read_as_what_they_are(kind: str, task: gf.Task, changes: dict[str, Any]) -> None:
    runs = gf.train(gf.vary(BASE.replace(**changes), seed=range(SEEDS)), task, keep_weights=False)
    read = [read_curve(Curve.of(training)) for training in runs]
    right = sum((found[0] if found else "") == kind for found in read)
    assert right >= SEEDS - 1, read
    said = read_curves(runs)
    assert said["findings"][:1] == ([kind] if kind else [])
    assert KINDS[kind] in said["text"] if kind else "Nothing is wrong" in said["text"]


@given(
    losses=st.lists(st.tuples(st.floats(), st.floats()), min_size=1, max_size=40),
    rates=st.lists(st.floats(0, 1), min_size=40, max_size=40),
    diverged=st.booleans(),
    held_out=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_numbers_give_known_kinds(
    losses: list[tuple[float, float]], rates: list[float], diverged: bool, held_out: bool
) -> None:
    train, validation = np.array(losses).T
    with np.errstate(all="ignore"):
        found = read_curve(Curve(train, validation if held_out else None, np.array(rates[: len(losses)]), diverged))
    assert set(found) <= set(KINDS) and len(found) == len(set(found))
    if diverged or not np.isfinite(train).all():
        assert found == [UNSTABLE]


@given(scale=st.floats(1e-6, 1e6), shape=st.sampled_from([0.02, 0.1, 0.4]), epochs=st.integers(10, 80))
@settings(deadline=None)
def test_reading_does_not_hang_on_the_unit_of_the_loss(scale: float, shape: float, epochs: int) -> None:
    t = np.arange(epochs + 1)
    train = 0.1 + np.exp(-shape * t)
    curve = Curve(train, train + 0.02, np.ones(epochs + 1))
    larger = Curve(scale * train, scale * (train + 0.02), np.ones(epochs + 1))
    assert read_curve(curve) == read_curve(larger)


def test_short_and_empty_curves_are_said_to_be_short() -> None:
    runs = gf.train(BASE.replace(epochs=2), SMALL, keep_weights=False)
    assert read_curves(runs) == {
        "findings": [],
        "counts": {},
        "n": 1,
        "text": "Trainings of 2 epochs are too short to read a curve by.",
        "short": True,
    }


def test_a_warm_up_is_no_flat_start() -> None:
    runs = gf.train(
        gf.vary(BASE.replace(schedule="one-cycle", lr=3e-3, epochs=30), seed=range(4)), MANY, keep_weights=False
    )
    assert FLAT not in read_curves(runs)["findings"]


def test_rates_are_those_of_the_epochs_also_where_a_training_ended_early() -> None:
    config = BASE.replace(schedule="multi-step", milestones=(0.5,), lr_factor=0.1, patience=3, lr=0.02, epochs=60)
    training = gf.train(config, FEW, keep_weights=False)[0]
    rates = Curve.of(training).rates
    assert training.reason == "early stopped" and len(rates) == len(training.curve)
    assert (rates[:30] == 1).all() and rates[31:] == pytest.approx(0.1)
