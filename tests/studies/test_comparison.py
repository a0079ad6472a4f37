"""Comparisons of variants over seeds: what is trained, what is said, and where it is kept."""

from pathlib import Path

import numpy as np
import pytest

import goodfit as gf
from goodfit.studies import Variant, compare_variants, grid
from goodfit.studies.comparison import TUNING_FIRST_SEED, Means
from goodfit.training import RunFolder

BASE = gf.Config(width=8, depth=1, epochs=6, batch_size=32, lr=1e-2)


def test_grid_names_its_variants() -> None:
    assert [v.name for v in grid({"activation": ["relu", "tanh"]})] == ["relu", "tanh"]
    assert next(v.name for v in grid({"width": [4, (8, 2)], "loss": ["auto"]})) == "width 4, loss auto"
    assert grid({"width": [[8, 2]]})[0].settings == {"width": (8, 2)}


def test_the_record_holds_what_was_measured(house_task: gf.Task) -> None:
    variants = [Variant("learns", {}), Variant("hardly moves", {"lr": 1e-6}), Variant("explodes", {"lr": 1e30})]
    record = compare_variants(house_task, BASE, variants, seeds=4)
    assert [s["name"] for s in record["standings"]] == ["learns", "hardly moves", "explodes"]
    assert [s["verdict"] for s in record["standings"][:2]] == ["best", "worse"]
    assert record["standings"][2]["diverged"] == 4 and record["trainings"] == 12
    runs = gf.train(gf.vary(BASE, seed=range(4)), house_task)
    assert record["standings"][0]["values"] == {str(k): t.validation_metric for k, t in enumerate(runs)}
    curves = record["curves"]["learns"]
    np.testing.assert_allclose(
        curves["validation"]["mean"], np.mean([t.curve["validation_loss"] for t in runs], axis=0)
    )
    np.testing.assert_allclose(curves["first_losses"]["mean"], np.mean([t.first_losses for t in runs], axis=0))
    said = " ".join(record["answer"])
    assert "learns does best" in said and "hardly moves (by " in said and "explodes 4 of 4" in said


def test_each_variant_gets_a_rate_of_its_own(house_task: gf.Task) -> None:
    heard: list[str] = []
    means = Means(on_stage=lambda name, what: heard.append(name))
    variants = [Variant("sgd", {"optimiser": "sgd"}), Variant("adam", {"optimiser": "adam"})]
    rates = [1e-4, 1e-3, 1e-2, 1e-1]
    record = compare_variants(house_task, BASE, variants, seeds=2, rates=rates, means=means)
    assert heard == ["learning rates", "comparison"]
    for standing in record["standings"]:
        tried = dict(record["rates"][standing["name"]])
        assert standing["lr"] == min(tried, key=lambda rate: tried[rate])
    runs = gf.train(gf.vary(BASE.replace(optimiser="sgd"), lr=rates, seed=range(TUNING_FIRST_SEED, TUNING_FIRST_SEED + 2)), house_task)  # fmt: skip
    means_of = np.array([t.validation_loss for t in runs]).reshape(4, 2).mean(1)
    np.testing.assert_allclose([loss for _, loss in record["rates"]["sgd"]], means_of)


def test_finished_trainings_are_not_trained_again(house_task: gf.Task, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run")
    variants = grid({"activation": ["relu", "tanh"]})
    first = compare_variants(house_task, BASE, variants, seeds=2, means=Means(folder))
    kept = len(folder.store.trainings())
    again = compare_variants(house_task, BASE, variants, seeds=2, means=Means(folder))
    assert kept == len(folder.store.trainings()) == 4
    assert again["standings"] == first["standings"]


@pytest.mark.parametrize(
    ("variants", "seeds", "message"),
    [
        (["relu"], 4, "1 variant to compare: give at least two values"),
        (["relu", "relu"], 4, "variant 'relu' is there twice"),
        (["relu", "tanh"], 1, "1 seed for each variant: differences need at least two"),
    ],
)
def test_what_cannot_be_compared(house_task: gf.Task, variants: list[str], seeds: int, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        compare_variants(house_task, BASE, grid({"activation": variants}), seeds=seeds)
