import numpy as np
import pandas as pd
import pytest

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
