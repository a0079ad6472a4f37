"""Every named study on small data: its record is complete and its page can be drawn; and what two of them must show."""

import numpy as np
import pytest

import goodfit as gf
from goodfit.report.page import render_study
from goodfit.search import RateSearch
from goodfit.studies.comparison import IN_MEMORY
from goodfit.studies.dimensions import dimensions_study
from goodfit.studies.named import STUDIES, Order
from goodfit.studies.rates import FACTORS, typical_rates

SMALL = {"epochs": 1, "train_rows": 64, "batch_size": 32, "max_steps": 20}


@pytest.fixture(scope="module")
def images() -> gf.Task:
    random = np.random.default_rng(0)
    labels = np.arange(160) % 4
    pictures = random.integers(0, 80, (160, 1, 16, 16)).astype(np.uint8)
    for row, label in enumerate(labels):
        pictures[row, 0, 4 * label : 4 * label + 4] += 120
    return gf.Task.from_images(pictures, labels)


def order(settings: dict[str, object], **axes: list[object]) -> Order:
    return Order(2, 0, settings, axes, IN_MEMORY)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_answers_with_a_page(
    name: str, images: gf.Task, house_task: gf.Task, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodfit.studies.optimisers.STEPS", 20)
    if name == "minibatch":
        request.getfixturevalue("real_data")
    study = STUDIES[name]
    task = {"fashion-mnist": images, "california-housing": house_task, "": None}[study.data]
    record = study.run(task, order(SMALL if task else {}))
    assert record["question"].endswith("?") and record["answer"]
    assert record["trainings"] > 3 or name in ("signals", "ensemble")
    rows = {"train": 1000, "validation": 1, "test": 1}
    whole = record | {
        "study": name, "goodfit": "0", "created": "today", "repeat": {"command": f"goodfit study {name}", "versions": {}},
        "task": {"name": "n", "kind": "multiclass", "target": "t", "rows": rows, "split": "random"},
    }  # fmt: skip
    page = render_study(whole)
    if record.get("base", {}).get("train_rows") == 64 and "train_rows" not in record.get("varied", []):
        assert "1000 rows train (each training draws 64 of them by its seed)" in page
    assert page.count("<svg") >= 1 and record["question"] in page and "nan" not in page.lower().split()


def test_further_settings_multiply_the_variants(images: gf.Task) -> None:
    record = STUDIES["normalisation"].run(images, order(SMALL, norm=["none", "batch"], lr=[0.01, 0.1]))
    assert {s["name"] for s in record["standings"]} == {f"norm {n}, lr {r}" if n == "none" else f"{n}, lr {r}"
                                                        for n in ("none", "batch") for r in (0.01, 0.1)}  # fmt: skip
    record = STUDIES["init"].run(images, order(SMALL, activation=["relu", "tanh"], init=["zeros", "default"]))
    assert len(record["standings"]) == 4
    with pytest.raises(gf.GoodfitError, match="the study varies lr, norm together: give --vary for all of them"):
        STUDIES["normalisation"].run(images, order(SMALL, norm=["none", "batch"]))
    with pytest.raises(gf.GoodfitError, match="about the numbers of tables and these are images: give a table"):
        STUDIES["preparation"].run(images, order(SMALL))
    with pytest.raises(gf.GoodfitError, match="the study 'rates' varies the learning rate alone"):
        STUDIES["rates"].run(images, order(SMALL, width=[4, 8]))


def test_more_features_help_and_then_hurt() -> None:
    """P4: test accuracy turns down while training accuracy reaches 1; densities as in the tutorial."""
    record = dimensions_study(seeds=3, dimensions=(1, 4, 64, 256))
    lines = record["lines"][0]["series"]
    assert lines["training"]["mean"][-2:] == [1.0, 1.0]
    assert lines["test"]["mean"][1] > lines["test"]["mean"][0] + 0.05
    assert lines["test"]["mean"][1] > lines["test"]["mean"][3] + 0.15
    assert [row[1] for row in record["tables"][0]["rows"]] == [2, 0.4, pytest.approx(0.08)]


def test_typical_rates_lie_around_the_interval() -> None:
    search = RateSearch(np.geomspace(1e-5, 1, 6), np.ones((6, 2)), 2.0, 100, 1e-2, (1e-3, 1e-1), "")
    rates = typical_rates(search)
    assert rates["too low"] < 1e-3 < rates["good"] == 1e-2 < rates["high"] == 1e-1 < rates["far too high"]


def test_all_four_typical_curves_stay_in_the_picture(images: gf.Task) -> None:
    record = STUDIES["rates"].run(images, order({"epochs": 3, "train_rows": 64, "batch_size": 32, "width": 8}))
    search, typical = record["lines"]
    top = 1.5 * max(series["mean"][0] for series in typical["series"].values())
    for series in typical["series"].values():
        assert all(v <= top for v in series["mean"] if v is not None)
        assert all(v > -top for v in series["low"] if v is not None), "no band that flattens the curves"
    assert len(typical["series"]) == 4 and typical["whole"] and search["whole"]
    said = record["answer"][1]
    assert said.startswith("Training loss after 3 epochs") and all(f"a rate that is {n} (" in said for n in FACTORS)


def test_the_study_of_depth_asks_for_images(house_task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match="compares networks for images and these are a table: give images"):
        STUDIES["depth"].run(house_task, order(SMALL))
    record = STUDIES["depth"].run(house_task, order(SMALL, model=["mlp"], skip=[True], depth=[1, 2]))
    assert len(record["standings"]) == 2
