"""The study of regularisers: what is measured, how strengths are chosen, what is said."""

import numpy as np
import pytest

import goodfit as gf
from goodfit.metrics import METRICS
from goodfit.paired import t_interval
from goodfit.population.own_data import training_rows
from goodfit.report.gaps import gaps
from goodfit.studies import regularisation
from goodfit.studies.comparison import TUNING_FIRST_SEED, Means, choose
from goodfit.studies.gaps import gap_record, gap_tables, word_gaps
from goodfit.studies.named import STUDIES, Order
from goodfit.studies.regularisation import Regulariser, Size, regularisation_study
from goodfit.wording import figure

BASE = gf.Config(width=64, depth=1, batch_size=20, lr=0.01, best_weights=False)


def test_gaps_are_judged_against_the_first_and_paired() -> None:
    random = np.random.default_rng(0)
    luck = random.normal(0, 0.02, 6)  # of a seed, shared by all
    values = {
        "none": ("", np.stack([1 + 0 * luck, 0.8 + luck, 0 * luck, 1 + luck], 1)),
        "helps": ("l1 0.1", np.stack([0.95 + 0 * luck, 0.85 + luck, 0.1 + 0 * luck, 0.7 + luck], 1)),
        "hurts": ("l1 9", np.stack([0.99 + luck, 0.7 + luck + 0.001 * random.normal(size=6), luck, 2 + luck], 1)),
        "does nothing": ("", np.stack([1 + 0 * luck, 0.8 + luck + random.normal(0, 0.01, 6), 0 * luck, 1 + luck], 1)),
        "explodes": ("lr 1", np.full((6, 4), np.nan)),
    }
    values["helps"][1][:, 1] += random.normal(0, 1e-3, 6)
    record = gap_record(METRICS["accuracy"], 500, values)
    found = {v["name"]: v for v in record["variants"]}
    helps = found["helps"]["metric"]
    difference = (values["helps"][1][:, 0] - values["helps"][1][:, 1]) - (1 - values["none"][1][:, 1])
    assert helps["change"] == pytest.approx(t_interval(difference, 1 - 0.05 / 4))
    assert helps["change_verdict"] == "smaller" and helps["improvement_verdict"] == "better"
    assert found["helps"]["loss"]["gap"][0] == pytest.approx(0.6 + luck.mean())
    assert found["hurts"]["metric"]["change_verdict"] == "larger"
    assert found["does nothing"]["metric"]["change_verdict"] == "undecided"
    assert (found["explodes"]["n"], found["explodes"]["diverged"]) == (0, 6)
    said = " ".join(word_gaps(record))
    assert f"It is smaller beyond doubt with helps (by {figure(-helps['change'][0])})." in said
    assert "explodes 6 of 6" in said
    assert "The gap of the loss is smaller beyond doubt with helps." in said
    assert "larger beyond doubt with hurts" in said and "whether it changes with does nothing" in said
    table = gap_tables(record)[0]
    assert all(len(row) == len(table["header"]) for row in table["rows"])
    assert "hurts" in gaps(record).svg


def test_the_gap_is_that_of_the_weights_kept_on_the_rows_trained_on(
    house_task: gf.Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {
        "none": Regulariser([{}]), "decoupled decay": Regulariser([{"weight_decay": v} for v in (0.1, 1e4)]),
        "early stopping": Regulariser([{"best_weights": True, "patience": 3}]),
        "augmentation": Regulariser([{"augment": "flip"}], "images"), "smoothing": Regulariser([{}], "classes"),
    }  # fmt: skip
    monkeypatch.setattr(regularisation, "REGULARISERS", few)
    record = regularisation_study(house_task, BASE, [Size(60, 40)], seeds=3)
    found = {v["name"]: v for v in record["gaps"][0]["variants"]}
    assert list(found) == ["none", "decoupled decay", "early stopping"]
    assert found["decoupled decay"]["settings"] == "weight_decay 0.1" and record["trainings"] == 3 * 3 + 4
    config = BASE.replace(train_rows=60, epochs=40)
    for name, changes in (("none", {}), ("early stopping", {"best_weights": True, "patience": 3})):
        for seed, gap in enumerate(found[name]["metric"]["gaps"]):
            runs = gf.train(config.replace(seed=seed, **changes), house_task)
            rows = training_rows(runs[0].config, len(house_task.rows("train")))
            predicted = runs.predict(house_task.raw("train").iloc[rows])
            error = house_task.metric.of(house_task.truth("train")[rows], predicted)
            assert gap == pytest.approx(runs[0].validation_metric - error, rel=1e-5)
    assert found["early stopping"]["metric"]["gap"][0] < found["none"]["metric"]["gap"][0]


def test_strengths_are_chosen_with_seeds_of_their_own(house_task: gf.Task) -> None:
    candidates = [[BASE.replace(epochs=3, lr=lr) for lr in (1e-6, 1e-2, 1e30)], [BASE]]
    (best, losses), (only, nothing) = choose(house_task, candidates, Means(), "strengths")
    runs = gf.train(gf.vary(candidates[0][1], seed=[TUNING_FIRST_SEED, TUNING_FIRST_SEED + 1]), house_task)
    assert losses[1] == pytest.approx(np.mean([t.validation_loss for t in runs]))
    assert (best, losses[2], only, nothing) == (1, None, 0, [None])


def test_what_cannot_be_compared(house_task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match="1 seed for each regulariser: differences need at least two"):
        regularisation_study(house_task, BASE, [Size(60, 1)], seeds=1)
    with pytest.raises(gf.GoodfitError, match="the study 'regularisation' varies the regularisers alone"):
        STUDIES["regularisation"].run(house_task, Order(2, 0, {}, {"l1": [0, 1]}, Means()))


def test_sizes_follow_the_settings_and_the_data(house_task: gf.Task, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"none": Regulariser([{}]), "L2": Regulariser([{"l2": 0.01}])}
    monkeypatch.setattr(regularisation, "REGULARISERS", few)

    def rows(**settings: object) -> list[int]:
        record = STUDIES["regularisation"].run(house_task, Order(2, 0, {"epochs": 1, **settings}, {}, Means()))
        return [found["rows"] for found in record["gaps"]]

    assert rows(train_rows=64) == [64]
    assert rows() == [len(house_task.rows("train"))]  # both sizes are more than there are


def test_a_difference_of_rounding_error_is_told_as_zero() -> None:
    reference, other = np.zeros((2, 4)), np.zeros((2, 4))
    reference[:, 1], other[:, 1] = (0.7, 0.5), (0.8, 0.4)
    assert (other - reference)[:, 1].mean() > 0
    record = gap_record(METRICS["accuracy"], 500, {"none": ("", reference), "L2": ("l2 1", other)})
    assert gap_tables(record)[0]["rows"][1][-1].startswith("0 ± 1.3")
