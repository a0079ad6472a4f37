from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import goodfit as gf


def frame(n: int = 60, **columns: object) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({"a": random.normal(size=n), "b": random.normal(size=n), **columns})


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (np.linspace(0, 1, 60), "regression"), (np.arange(60) % 2, "binary"), (np.arange(60) % 5, "multiclass"), (np.arange(60) * 7, "regression"),
        (["x", "y"] * 30, "binary"), ([True, False] * 30, "binary"), (["1.5", "x", "y"] * 20, "multiclass"), ([0.0, 1.0, np.nan] * 20, "binary"),
    ],
)  # fmt: skip
def test_kind_is_inferred_and_said(target: object, kind: str) -> None:
    task = gf.Task.from_frame(frame(t=target), "t")
    assert task.kind == kind and any(f"read as a {kind} task" in note for note in task.notes)


def test_parts_are_disjoint_complete_and_stratified() -> None:
    task = gf.Task.from_frame(frame(500, t=np.r_[np.zeros(400), np.ones(100)]), "t")
    parts = [task.rows(p) for p in ("train", "validation", "test")]
    assert sorted(np.concatenate(parts)) == list(range(500)) and [len(p) for p in parts] == [320, 80, 100]
    for part in ("train", "validation", "test"):
        assert task.truth(part).mean() == pytest.approx(0.2, abs=0.01)
    again = gf.Task.from_frame(frame(500, t=np.r_[np.zeros(400), np.ones(100)]), "t")
    assert again.fingerprint() == task.fingerprint()
    assert (
        gf.Task.from_frame(frame(500, t=np.r_[np.zeros(400), np.ones(100)]), "t", seed=1).fingerprint()
        != task.fingerprint()
    )


def test_a_fingerprint_holds_how_the_data_are_read() -> None:
    """A run folder takes trainings on tasks of one fingerprint for one another's."""
    table = frame(90, c=np.arange(90) % 3, t=np.arange(90) % 2)
    task = gf.Task.from_frame(table, "t")
    assert task.columns is not None
    columns = {
        "used": [c.model_copy(update={"used": c.name != "b"}) for c in task.columns],
        "kind": [c.model_copy(update={"kind": "category"}) if c.name == "c" else c for c in task.columns],
    }
    others = [gf.Task.from_frame(table, "t", columns=changed) for changed in columns.values()]
    others += [replace(task, as_is=True), replace(task, kind="multiclass")]
    others += [replace(task, splits=replace(task.splits, groups=np.arange(90) // k)) for k in (2, 3)]
    others = [replace(other, _prepared={}) for other in others]
    assert len({t.fingerprint() for t in [task, *others]}) == 7
    assert gf.Task.from_frame(table, "t").fingerprint() == task.fingerprint()


@pytest.mark.parametrize(("rows", "held_out"), [(500, 80), (50_000, 6000)])
def test_auto_validates_by_a_fifth_but_no_more_than_is_needed(rows: int, held_out: int) -> None:
    x = np.arange(rows, dtype=np.float64)
    task = gf.Task.from_frame(pd.DataFrame({"x": x, "t": x % 7 + x / rows}), "t", validation="auto")
    assert [len(task.rows(part)) for part in ("test", "validation")] == [rows // 5, held_out]
    assert len(task.rows("train")) == rows - rows // 5 - held_out


def test_groups_do_not_leak_and_time_holds_the_future_out() -> None:
    groups = np.repeat(np.arange(30), 10)
    task = gf.Task.from_frame(frame(300, g=groups, t=np.random.default_rng(1).normal(size=300)), "t", group="g")
    seen = [set(groups[task.rows(p)]) for p in ("train", "validation", "test")]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2]) and all(seen)
    assert "g" not in task.inputs.columns
    days = pd.date_range("2020-01-01", periods=300).strftime("%Y-%m-%d").to_numpy()
    shuffled = np.random.default_rng(2).permutation(300)
    task = gf.Task.from_frame(frame(300, d=days[shuffled], t=np.random.default_rng(1).normal(size=300)), "t", time="d")
    latest = [days[shuffled][task.rows(p)] for p in ("train", "validation", "test")]
    assert latest[0].max() < latest[1].min() and latest[1].max() < latest[2].min()


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_given_part_shares_no_group_with_the_other_rows(part: str) -> None:
    target = np.random.default_rng(1).normal(size=60)
    table = frame(t=target, g=np.repeat(np.arange(6), 10))
    other = frame(20, t=target[:20], g=["5"] * 5 + ["0"] * 5 + ["x"] * 10)
    said = rf"group '0' of column 'g' is both in the given {part} part and in other rows \(2 such groups\)"
    with pytest.raises(gf.GoodfitError, match=said):
        gf.Task.from_frame(table, "t", group="g", **{part: other})  # type: ignore[arg-type]
    task = gf.Task.from_frame(table, "t", group="g", **{part: other[10:]})  # type: ignore[arg-type]
    assert len(task.rows(part)) == 10  # type: ignore[arg-type]


def test_only_parts_that_were_split_are_said_to_be() -> None:
    table = frame(t=np.linspace(0, 1, 60), d=np.arange(60))
    own = table[:20]
    how = {
        "latest rows held out, seed 0": gf.Task.from_frame(table, "t", time="d"),
        "test part given; validation part: latest rows held out, seed 0": gf.Task.from_frame(table, "t", time="d", test=own),
        "validation part given; test part: random, seed 0": gf.Task.from_frame(table, "t", validation=own),
        "parts as given": gf.Task.from_frame(table, "t", time="d", test=own, validation=own),
    }  # fmt: skip
    assert [task.splits.how for task in how.values()] == list(how)


def test_whole_numbers_that_no_integer_holds_stay_classes_apart() -> None:
    task = gf.Task.from_frame(frame(t=[1.0, 1e19, 2e19] * 20), "t")
    assert task.code.classes == (1.0, 1e19, 2e19)
    assert gf.Task.from_frame(frame(t=[-1e200, 1e200] * 30), "t").code.classes == (-1e200, 1e200)
    assert gf.Task.from_frame(frame(t=[0.0, 2.0**53 - 1, np.nan] * 20), "t").code.classes == (0, 2**53 - 1)


def test_own_test_table_stays_the_test_part() -> None:
    task = gf.Task.from_frame(frame(100, t=np.linspace(0, 1, 100)), "t", test=frame(30, t=np.linspace(0, 1, 30)))
    assert len(task.rows("test")) == 30 and task.rows("test").min() == 100
    with pytest.raises(gf.GoodfitError, match="the test table lacks column 'b'"):
        gf.Task.from_frame(frame(100, t=np.linspace(0, 1, 100)), "t", test=frame(30, t=1.0).drop(columns="b"))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"price": 1.0}, {"target": "prise"}, r"no target column 'prise' in table \(did you mean 'price'\?\): the columns are a, b, price"),
        ({"t": 1.0}, {}, "holds one value only"),
        ({"t": np.nan}, {}, "table has 0 rows with a target: at least 10"),
        ({"t": ["x"] * 59 + ["y"]}, {}, r"class 'y' of target 't' has one row only \(data row 60\)"),
        ({"t": [f"k{i}" for i in range(60)]}, {}, "60 classes in 60 rows"),
        ({"t": ["1", "2", "x"] * 20}, {"kind": "regression"}, r"target 't' holds 'x' in data row 3 \(20 such rows\)"),
        ({"t": ["1", "2", "x"] * 20}, {"kind": "binary"}, "holds 3 classes: a binary task needs 2"),
        ({"t": np.r_[np.inf, np.linspace(0, 1, 59)]}, {"kind": "regression"}, "needs finite numbers"),
        ({"t": np.linspace(0, 1, 60)}, {"metric": "acuracy"}, "metric 'acuracy' does not fit a regression task"),
        ({"t": np.linspace(0, 1, 60)}, {"test": 1.5}, "the test share is 1.5"),
        ({"t": np.linspace(0, 1, 60), "d": "soon"}, {"time": "d"}, "time column 'd' is missing or no date in data row 1"),
        ({"t": np.linspace(0, 1, 60), "g": 1}, {"group": "g"}, "fewer than 3 groups"),
        ({"t": np.r_[np.linspace(0, 1, 59), -np.inf]}, {}, r"target 't' holds -inf in data row 60 \(1 such rows\): a target needs finite numbers"),
        ({"t": np.r_[np.inf, np.arange(59) % 2]}, {"kind": "binary"}, "target 't' holds inf in data row 1 "),
        ({"t": 1.0}, {"target": None}, "target is None: name the column to predict; the columns are a, b, t"),
        ({"t": np.linspace(0, 1, 60)}, {"test": "x"}, "the test share is 'x': it must lie between 0 and 1, or be 'auto'"),
        ({"t": np.linspace(0, 1, 60)}, {"test": None}, "the test share is NoneType"),
        ({"t": np.linspace(0, 1, 60)}, {"validation": "x"}, "the validation share is 'x'"),
        ({"t": np.linspace(0, 1, 60)}, {"validation": [0.2]}, "the validation share is list"),
        ({"t": np.linspace(0, 1, 60)}, {"test": 0.99}, "0 rows are left to train on"),
        ({"t": np.linspace(0, 1, 60)}, {"seed": "a"}, "the seed of the split is 'a': it must be a whole number"),
        ({"t": np.linspace(0, 1, 60), "c": 1j}, {}, "column 'c' of table holds complex numbers"),
        ({"t": np.linspace(0, 1, 60)}, {"id": "t"}, "column 't' of table is both the target and the id: name another column, or leave --id out"),
        ({"t": np.arange(60) % 2}, {"group": "t"}, "column 't' of table is both the target and the group"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_task_is_one_line(
    columns: dict[str, object], options: dict[str, object], message: str
) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        gf.Task.from_frame(frame(**columns), **({"target": "t"} | options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_few_rows_and_no_usable_column() -> None:
    with pytest.raises(gf.GoodfitError, match="table has 5 rows with a target"):
        gf.Task.from_frame(frame(5, t=range(5)), "t")
    with pytest.raises(gf.GoodfitError, match="table has 1 row with a target"):
        gf.Task.from_frame(frame(1, t=1), "t")
    with pytest.raises(gf.GoodfitError, match="no usable column"):
        gf.Task.from_frame(pd.DataFrame({"t": np.linspace(0, 1, 40), "same": 1, "id": range(40)}), "t")


def test_preparation_never_sees_the_held_out_rows(houses: pd.DataFrame) -> None:
    task = gf.Task.from_frame(houses, "price")
    changed = houses.copy()
    held_out = np.r_[task.rows("validation"), task.rows("test")]
    changed.loc[held_out, "area"] *= 100
    changed.loc[held_out, "price"] = 1e6
    other = gf.Task.from_frame(changed, "price")
    config = gf.Config(numeric="standard")
    assert (other.rows("train") == task.rows("train")).all()
    np.testing.assert_array_equal(other.matrix(config, "train"), task.matrix(config, "train"))
    assert other.code == task.code


def test_warnings_find_leaks_duplicates_imbalance() -> None:
    n = 1200
    random = np.random.default_rng(0)
    target = random.normal(size=n)
    data = pd.DataFrame({"a": random.normal(size=n), "leak": np.exp(target), "t": target})
    assert [w.kind for w in gf.Task.from_frame(data, "t").warnings()] == ["small data", "leak"]
    rare = (random.random(n) < 0.03).astype(int)
    data = pd.DataFrame({"a": random.integers(0, 5, n), "code": np.where(rare == 1, "r", "c"), "t": rare})
    assert {w.kind for w in gf.Task.from_frame(data, "t").warnings()} == {
        "small data",
        "leak",
        "duplicates",
        "imbalance",
    }
    clean = pd.DataFrame(random.normal(size=(2000, 3)), columns=list("abt"))
    assert gf.Task.from_frame(clean, "t").warnings() == []


def test_target_comes_back() -> None:
    task = gf.Task.from_frame(frame(100, t=np.linspace(50, 90, 100)), "t")
    coded = task.code.encode(task.truth("train"))
    assert abs(coded.mean()) < 1e-5 and coded.std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(task.code.decode(coded[:, None]), task.truth("train"), rtol=1e-5)


NUMBERS = np.random.default_rng(0).normal(size=(40, 4))
CLASSES = np.arange(40) % 2
IMAGES = np.random.default_rng(0).random((40, 1, 4, 4))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1, 2], "table is a list: give a pandas DataFrame"),
        (pd.DataFrame(NUMBERS, columns=["a", "b", "b", "t"]), "table has 2 columns named 'b': rename all but one"),
        (pd.DataFrame(NUMBERS, columns=["a", "b", "t", "t"]), "table has 2 columns named 't': rename all but one"),
        (pd.DataFrame(NUMBERS, columns=[1, "1", "b", "t"]), "table has 2 columns named '1'"),
        (pd.DataFrame(NUMBERS, columns=pd.MultiIndex.from_product([[0, 1], ["t", "u"]])), "table has column names of 2 levels: give each"),
    ],
)  # fmt: skip
def test_what_is_no_table(table: object, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        gf.Task.from_frame(table, "t")  # type: ignore[arg-type]


def test_whole_numbers_name_columns() -> None:
    table = pd.DataFrame(NUMBERS).assign(y=CLASSES)
    task = gf.Task.from_frame(table, "y", test=table[:10])
    assert list(task.inputs) == ["0", "1", "2", "3"] and len(task.rows("test")) == 10
    assert gf.Task.from_frame(pd.DataFrame(NUMBERS), 3).target_name == "3"  # type: ignore[arg-type]
    runs = gf.train(gf.Config(width=4, epochs=1), task)
    np.testing.assert_array_equal(
        runs.predict(pd.DataFrame(NUMBERS[:10])), runs.predict(pd.DataFrame(NUMBERS[:10], columns=list("0123")))
    )


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (NUMBERS, None, {}, r"x has shape \(40, 4\) and y \(\): x must be"),
        (NUMBERS, CLASSES[:, None], {}, r"and y \(40, 1\)"),
        (IMAGES, None, {}, r"images have shape \(40, 1, 4, 4\) and labels \(\): images must be"),
        (NUMBERS, CLASSES, {"feature_names": ["a"]}, "feature_names holds 1 names for 4 features: give one for each"),
        (NUMBERS, CLASSES, {"feature_names": list("abca")}, "2 columns named 'a'"),
        (np.full((40, 4), "a"), CLASSES, {}, "x holds what is no real number"),
        (NUMBERS + 1j, CLASSES, {}, "x is of type complex128: give real numbers"),
        (NUMBERS.astype("M8[D]"), CLASSES, {}, "x is of type datetime64"),
        (NUMBERS, NUMBERS[:, 0] + 1j, {}, "holds complex numbers"),
        (IMAGES, NUMBERS[:, 0] + 1j, {}, "target 'label' holds complex numbers"),
        (IMAGES + 1j, CLASSES, {}, "images are of type complex128: pixels must be bytes or floats"),
        ([[1.0], [1.0, 2.0]], CLASSES, {}, "x cannot be made one array"),
        (NUMBERS, [None, *CLASSES[:8], np.nan] + [None] * 30, {}, "arrays has 8 rows with a target"),
        (IMAGES, [None, *CLASSES[:8], np.nan] + [None] * 30, {}, "arrays has 8 images with a label"),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_a_task(x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        gf.Task.from_arrays(x, y, **options)
    assert "\n" not in str(caught.value)


def test_arrays_may_be_lists_tensors_or_numbers_as_text() -> None:
    plain = gf.Task.from_images(IMAGES, CLASSES)
    for images, labels in ((IMAGES.tolist(), CLASSES.tolist()), (torch.from_numpy(IMAGES), torch.from_numpy(CLASSES))):
        assert gf.Task.from_images(images, labels).fingerprint() == plain.fingerprint()  # type: ignore[arg-type]
    table = gf.Task.from_arrays(NUMBERS.astype(str), CLASSES, feature_names=[0, 1, 2, 3])  # type: ignore[list-item]
    np.testing.assert_array_equal(table.inputs, NUMBERS)
    assert list(table.inputs) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("gap", [None, np.nan])
@pytest.mark.parametrize("kind", ["numbers", "text", "truth"])
def test_rows_without_a_label_are_left_out(gap: object, kind: str) -> None:
    labels = {"numbers": [0, 1], "text": ["no", "yes"], "truth": [False, True]}[kind]
    given = [gap, *(labels[c] for c in CLASSES[1:])]
    assert all(gf.Task.from_arrays(x, given).dropped == 1 for x in (NUMBERS, IMAGES))  # type: ignore[arg-type]
    task = gf.Task.from_images(IMAGES, given, test_rows=np.array([0, 7, 8]))
    assert task.kind == "binary" and len(task.inputs) == len(task.target) == 39
    assert "1 images have no label and are left out" in task.notes
    np.testing.assert_array_equal(task.raw("test"), IMAGES[[7, 8]])
    with pytest.raises(gf.GoodfitError, match="no image that test_rows names has a label"):
        gf.Task.from_images(IMAGES, given, test_rows=np.array([0]))


def test_test_rows_are_numbers_or_a_mask() -> None:
    mask = np.arange(40) >= 30
    for rows in (mask, mask.tolist(), np.arange(30, 40), list(range(39, 29, -1))):
        task = gf.Task.from_images(IMAGES, CLASSES, test_rows=rows)  # type: ignore[arg-type]
        np.testing.assert_array_equal(task.rows("test"), np.arange(30, 40))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([100], "test_rows names row 100: rows are numbered from 0 to 39"), ([-1, -2], "test_rows names row -1"),
        ([3, 5, 3], "test_rows names row 3 2 times"), ([], "test_rows names no row"), ([1.5], r"test_rows is float64 of shape \(1,\)"),
        (np.zeros(40, bool), "in which some are true"), (np.ones(39, bool), r"or a mask \[40\]"), (np.ones(40, bool), "0 rows are left to train on"),
    ],
)  # fmt: skip
def test_test_rows_that_name_none(rows: Any, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        gf.Task.from_images(IMAGES, CLASSES, test_rows=rows)


def gapped(values: np.ndarray) -> np.ndarray:
    found = values.astype(float)
    found[3] = np.nan
    return found


@pytest.mark.parametrize(
    ("train", "validation", "outputs", "message"),
    [
        ((NUMBERS, gapped(CLASSES)), None, 1, "y of the training part holds values that are not finite"),
        (None, (NUMBERS, gapped(CLASSES)), 2, "y of the validation part holds values that are not finite"),
        ((gapped(NUMBERS), CLASSES), None, 2, "x of the training part holds values that are not finite"),
        (None, (NUMBERS, CLASSES.astype(float)), 2, "y is int64 in the training and float64 in the validation part: both must be"),
        ((NUMBERS, CLASSES.astype(str)), None, 2, "y of the training part is of type <U21: it must hold real numbers"),
        ((NUMBERS.astype(complex), CLASSES), None, 2, "x of the training part is of type complex128"),
        ((NUMBERS, CLASSES[:-1]), None, 2, r"the training part has x \(40, 4\) and y \(39,\): they must be"),
        (None, (NUMBERS, CLASSES[:, None]), 2, r"the validation part has x \(40, 4\) and y \(40, 1\)"),
        (None, (NUMBERS[:, :3], CLASSES), 2, r"have shapes \(4,\) and \(3,\): they must be the same"),
        (None, (NUMBERS[:0], CLASSES[:0]), 2, "need at least one sample each"),
        (None, NUMBERS, 2, r"the validation part is a ndarray: it must be a pair \(x, y\)"),
        (None, None, 0, "outputs is 0: it must be a whole number of 1 or more"), (None, None, "2", "outputs is '2'"),
        (None, None, 1, "y is int64 and outputs is 1: whole numbers are classes, with an output for each"),
    ],
)  # fmt: skip
def test_prepared_data_that_do_not_fit(train: Any, validation: Any, outputs: Any, message: str) -> None:
    parts = [(NUMBERS, CLASSES) if part is None else part for part in (train, validation)]
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        gf.Task.from_prepared(*parts, outputs=outputs)
    assert "\n" not in str(caught.value)


def test_prepared_data_may_be_truth_values_or_tensors() -> None:
    yes = (torch.from_numpy(NUMBERS), CLASSES == 1)
    task = gf.Task.from_prepared(yes, yes, outputs=2)  # type: ignore[arg-type]
    assert task.kind == "binary" and task.truth("train").tolist() == CLASSES.tolist()
    floats = (NUMBERS, NUMBERS[:, 0])
    assert gf.Task.from_prepared(floats, floats, outputs=1).kind == "regression"
    with pytest.raises(gf.GoodfitError, match="y is float64 and outputs is 2"):
        gf.Task.from_prepared(floats, floats, outputs=2)
