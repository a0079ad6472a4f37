"""The study of transfer: which classes are held back, what trains on what, and that transfer wins on real images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goodfit as gf
from goodfit.nn.backbones import Backbone
from goodfit.studies.comparison import IN_MEMORY
from goodfit.studies.named import STUDIES, Order
from goodfit.studies.options import read_options
from goodfit.studies.transfer import OPTIONS, transfer_study
from goodfit.studies.transfer.classes import HELD_BACK, split_classes
from goodfit.studies.transfer.ways import FROZEN, SCRATCH, TUNED, Way, ways_to_learn
from goodfit.transfer import backbone_of


def coded(names: str, rows: int = 200) -> gf.Task:
    """Images whose one value is their number, so that one sees which went where."""
    values = np.arange(rows, dtype=np.uint8).reshape(rows, 1, 1, 1) * np.ones((1, 1, 2, 2), np.uint8)
    classes = np.array(names.split(","))
    return gf.Task.from_images(values, classes[np.arange(rows) % len(classes)])


def seen(task: gf.Task, part: Any) -> set[int]:
    return set(np.asarray(task.raw(part))[:, 0, 0, 0].tolist())


def test_held_back_classes_share_nothing_with_the_pretraining() -> None:
    task = coded("a,b,Shirt,c,Sandal")
    known, target, names = split_classes(task, ["Sandal", "Shirt"])
    assert names == ("Sandal", "Shirt") and set(target.code.classes) == set(names)
    assert set(known.code.classes) == {"a", "b", "c"}
    pretraining, labelled, judging = seen(known, "train"), seen(target, "train"), seen(target, "test")
    assert not pretraining & (labelled | judging) and not labelled & judging
    assert not seen(task, "test") & (pretraining | labelled | judging)
    assert judging <= seen(task, "validation") and len(target.rows("validation")) == 0


def test_the_published_classes_are_held_back_where_there_are_such() -> None:
    assert split_classes(coded("a,b,c,d,e"))[2] == ("d", "e")
    assert split_classes(coded("a,Sandal,b,Shirt,c"))[2] == HELD_BACK == ("Sandal", "Shirt")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"held-back": "Sandal"}, "--held-back Sandal does not name two different classes"),
        ({"held-back": "a,a"}, "--held-back a,a does not name two different classes"),
        (
            {"held-back": "a,sandal"},
            r"--held-back names 'sandal' \(did you mean 'Sandal'\?\): the classes are Sandal, a, b",
        ),
        ({"held-back": "a,b,c"}, "--held-back leaves 1 of 4 classes to pretrain on: leave 2 or more"),
        ({"sizes": "5,many"}, "--sizes 5,many is no list of numbers of images"),
        ({"sizes": "0"}, "--sizes 0 is no list of numbers of images"),
        ({"sizes": "5000"}, "training images of each held-back class: at least 5000 are needed"),
    ],
)
def test_mistakes_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        transfer_study(coded("a,b,c,Sandal"), {}, read_options("transfer", OPTIONS, given))


def test_other_data_are_refused(house_task: gf.Task) -> None:
    for task in (house_task, coded("a,b,c")):
        with pytest.raises(gf.GoodfitError, match="needs images of at least 4 classes"):
            transfer_study(task, {}, {})
    with pytest.raises(gf.GoodfitError, match="1 seed for each number of images"):
        transfer_study(coded("a,b,c,d"), {}, {}, seeds=1)


def ways(settings: Mapping[str, Any]) -> dict[str, Way]:
    known, target, _ = split_classes(coded("a,b,c,d"))
    base = gf.Config(**{"model": "mlp", "width": 3, "epochs": 1, "seed": 0} | dict(settings))
    backbone: Backbone = backbone_of(gf.train(base.replace(max_steps=None), known).model(), "pretrained")
    return {way.name: way for way in ways_to_learn(target, base, backbone, IN_MEMORY)}


def test_all_ways_train_alike_and_differ_in_the_network() -> None:
    found = ways({"optimiser": "sgd", "momentum": 0.5, "activation": "tanh", "batch_size": 4})
    configs = [way.at(20, 0.1, 7) for way in found.values()]
    assert {(c.optimiser, c.momentum, c.lr, c.seed, c.train_rows) for c in configs} == {("sgd", 0.5, 0.1, 7, 40)}
    scratch, frozen, tuned = configs
    assert (scratch.model, scratch.width, scratch.activation) == ("mlp", 3, "tanh")
    assert (frozen.model, frozen.depth) == ("mlp", 0) and "1 x" not in str(tuned.model)
    assert found[SCRATCH].task is found[TUNED].task is not found[FROZEN].task


def test_more_images_get_more_steps_unless_these_are_fixed() -> None:
    way = ways({"batch_size": 4})[SCRATCH]
    assert [way.at(size, 0.1, 0).max_steps for size in (5, 75, 100)] == [300, 304, 400]
    assert ways({"batch_size": 4, "max_steps": 9})[SCRATCH].at(100, 0.1, 0).max_steps == 9


def test_rates_are_chosen_on_other_rows_than_those_that_judge() -> None:
    way = ways({})[SCRATCH]
    config = way.at(5, 0.01, 0)
    [training] = way.train([config], "x", IN_MEMORY)
    whole = [way.judged(training, part) for part in (slice(way.tuning), slice(way.tuning, None), slice(None))]
    sizes = np.array([way.tuning, len(way.task.rows("test")) - way.tuning])
    assert abs(sizes[0] - sizes[1]) <= 1
    for k in (0, 1):
        assert (whole[0][k] * sizes[0] + whole[1][k] * sizes[1]) / sizes.sum() == pytest.approx(whole[2][k], rel=1e-6)


def test_transfer_beats_scratch_at_few_labels_of_fashion_mnist(real_data: Path) -> None:
    """Two classes that the backbone never saw, ten labelled images of each on average, 16 seeds."""
    settings = {"train_rows": 6000, "lr": 3e-3, "max_steps": 60}
    order = Order(8, 0, settings, {}, IN_MEMORY, {"sizes": [10]})
    record = STUDIES["transfer"].run(gf.load("fashion-mnist"), order)
    accuracy = {name: 100 - found["mean"][0] for name, found in record["lines"][0]["series"].items()}
    assert (
        accuracy[SCRATCH] > 80 and accuracy[FROZEN] > accuracy[SCRATCH] + 2 and accuracy[TUNED] > accuracy[SCRATCH] + 2
    )
    told, frozen, tuned = record["answer"]
    assert told.startswith(
        "With 10 labelled images of each class (20 in all) accuracy, with its 95 % interval over 16 seeds"
    )
    for said, name in ((frozen, "Frozen, new head"), (tuned, "Fine-tuned")):
        assert said.startswith(f"{name}, better than from scratch beyond doubt at 10 images of each class: +")
    assert record["trainings"] == 1 + 3 * 16 and "The rate is 0.003 for all." in record["notes"][2]
