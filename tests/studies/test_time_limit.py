"""A time limit is one for all stages of a comparison or study, and what it cut short is counted and said."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goodfit as gf
from goodfit.report.page import render_study
from goodfit.studies import compare_variants, grid
from goodfit.studies import comparison as compared
from goodfit.studies.comparison import TUNING_SEEDS, Means
from goodfit.studies.double_descent.study import _in_time
from goodfit.studies.named import STUDIES, Order
from goodfit.studies.time_limit import steps_to_take
from goodfit.training import RunFolder

BASE = gf.Config(width=8, depth=1, epochs=4, batch_size=32, lr=1e-2)
VARIANTS = grid({"activation": ["relu", "tanh"]})
RATES = [1e-3, 1e-2, 1e-1]
CLAIMS = ("does best", "beyond doubt", "finds more", "diverges: ", "networks together")
PAGE = {"goodfit": "0", "created": "", "study": "s", "task": None, "repeat": {"command": "", "versions": {}}}


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[list[float]]:
    """The limit that every stage was given; each takes it to the end, and one second more."""
    heard: list[float] = []
    train = compared.train

    def spy(*args: Any, time_limit: float, **options: Any) -> gf.Runs:
        heard.append(time_limit)
        clock.seconds += time_limit + 1
        return train(*args, **options)

    monkeypatch.setattr(compared, "train", spy)
    yield heard


def test_stages_share_the_time_by_their_work(clock: Clock) -> None:
    clock.seconds = 10
    turns = Means(deadline=110, now=clock).in_turn([1, 3, 0, 4, 0])
    assert next(turns).seconds_left == pytest.approx(100 / 8)
    clock.seconds = 40  # the first took longer than it should, and all others pay for it alike
    assert next(turns).seconds_left == pytest.approx(70 * 3 / 7)
    assert next(turns).seconds_left == 0
    assert next(turns).seconds_left == 70
    assert next(turns).seconds_left == 0
    assert [means.seconds_left for means in Means().in_turn([1, 2])] == [None, None]
    little, rest = Means(deadline=140, now=clock).in_turn([1, 1000])
    assert (little.seconds_left, rest.seconds_left) == (10, 100), "to begin takes time too"


def test_a_comparison_has_one_deadline(house_task: gf.Task, clock: Clock, limits: list[float]) -> None:
    means = Means(deadline=100, now=clock)
    record = compare_variants(house_task, BASE, VARIANTS, seeds=4, rates=RATES, means=means)
    tuning = len(RATES) * TUNING_SEEDS
    assert limits == pytest.approx([100 * tuning / (tuning + 4), 100 * 4 / (tuning + 4) - 1])
    assert record["standings"][0]["verdict"] == "best" and "cut_short" not in record


def test_regularisers_leave_time_to_the_larger_size(house_task: gf.Task, clock: Clock, limits: list[float]) -> None:
    means = Means(deadline=1000, now=clock)
    settings = {"epochs": 1, "max_steps": 2}
    STUDIES["regularisation"].run(house_task, Order(2, 0, settings, {}, means))
    assert len(limits) == 2 and sum(limits) == pytest.approx(999)


def test_steps_of_a_training(house_task: gf.Task) -> None:
    rows = len(house_task.rows("train"))
    assert steps_to_take(BASE, house_task) == 4 * -(-rows // 32) == gf.train(BASE, house_task)[0].steps
    assert steps_to_take(BASE.replace(train_rows=33), house_task) == 8
    assert steps_to_take(BASE.replace(max_steps=5), house_task) == 5


@pytest.mark.parametrize(("rates", "stage", "trainings"), [((), "comparison", 4), (RATES, "rates", 12)])
def test_no_verdict_where_a_training_had_no_step(
    house_task: gf.Task, rates: list[float], stage: str, trainings: int
) -> None:
    record = compare_variants(house_task, BASE, VARIANTS, seeds=2, rates=rates, means=Means(deadline=0.0))
    assert "standings" not in record and record["trainings"] == trainings
    cut = {"stage": stage, "trainings": trainings, "cut": trainings, "steps": 0, "epoch": 0, "epochs": 4}
    assert record["cut_short"] == [cut]
    said = " ".join(record["answer"])
    assert f"left {trainings} of {trainings} trainings without a single step: give a longer --time-limit" in said
    assert not any(claim in said for claim in CLAIMS) and "fewer epochs" in said


def test_what_was_cut_is_counted_and_said(house_task: gf.Task, monkeypatch: pytest.MonkeyPatch) -> None:
    train = compared.train

    def cut(*args: Any, **options: Any) -> gf.Runs:
        """End some trainings after a few steps, as a limit does."""
        runs = train(*args, **options)
        late = [replace(t, reason="out of time", steps=7 + t.config.seed, epochs=1) for t in runs if t.config.seed < 2]
        return replace(runs, trainings=[*late[:2], *runs.trainings[2:]])

    monkeypatch.setattr(compared, "train", cut)
    record = compare_variants(house_task, BASE, VARIANTS, seeds=2)
    assert record["cut_short"] == [
        {"stage": "comparison", "trainings": 4, "cut": 2, "steps": 7, "epoch": 1, "epochs": 4}
    ]
    assert "does best" in record["answer"][0] and len(record["standings"]) == 2
    assert record["answer"][1] == (
        "The time limit ended early 2 of 4 trainings in the stage 'comparison' (the shortest after 7 steps, in epoch 1 of 4)."
    )
    assert record["answer"][2] == "What is told holds for trainings of that length."


def test_a_cut_comparison_stays_what_it_was_under_a_limit_and_is_trained_without_one(
    house_task: gf.Task, tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path / "run")
    first, again = (
        compare_variants(house_task, BASE, VARIANTS, seeds=2, means=Means(folder, deadline=0.0)) for _ in range(2)
    )
    assert again["answer"] == first["answer"] and again["cut_short"] == first["cut_short"]
    whole = compare_variants(house_task, BASE, VARIANTS, seeds=2, means=Means(folder))
    alone = compare_variants(house_task, BASE, VARIANTS, seeds=2)
    values = ([standing["values"] for standing in record["standings"]] for record in (whole, alone))
    assert "cut_short" not in whole and next(values) == next(values)


@pytest.mark.parametrize(
    "name", ["init", "rates", "regularisation", "ensemble", "search", "transfer", "dimensions", "optimisers"]
)
def test_no_study_claims_what_it_had_no_time_for(name: str, house_task: gf.Task) -> None:
    labels = np.arange(160) % 4
    images = gf.Task.from_images(np.repeat(labels, 256).reshape(160, 1, 16, 16).astype(np.uint8), labels)
    study = STUDIES[name]
    task = {"fashion-mnist": images, "california-housing": house_task, "": None}[study.data]
    record = study.run(task, Order(2, 0, {"epochs": 1} if task else {}, {}, Means(deadline=0.0)))
    assert record["answer"][0].startswith("The time did not suffice to answer this: the time limit left ")
    assert not any(claim in " ".join(record["answer"]) for claim in CLAIMS)
    assert "without a step" in record["answer"][1] if "cut_short" in record else name == "rates"
    if name == "optimisers":
        assert record["surfaces"] == [] and "left out the surfaces tilted-ravine:100, " in record["answer"][-1]
    page = render_study(record | PAGE)
    assert record["answer"][0] in page and "beyond doubt" not in page


def test_double_descent_says_which_seeds_are_missing() -> None:
    record = {"answer": ["found", "more"], "seeds": [3, 5]}
    assert _in_time(record, 3) == ["found", "more"]
    assert _in_time(record, 8) == ["found", "The time limit came after 3 of 8 seeds.", "more"]
