"""Columns and preparation: against scikit-learn and closed forms; robust to what new rows bring."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfinv
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from goodfit.data.cells import as_seconds
from goodfit.data.columns import infer_columns
from goodfit.data.number_codes import NumberMethod
from goodfit.data.preparation import OrdinalPreparation, TablePreparation
from goodfit.data.tables import read_table
from goodfit.errors import GoodfitError

METHODS = get_args(NumberMethod)


def fit(frame: pd.DataFrame, **options: object) -> TablePreparation:
    return TablePreparation.fit(frame, infer_columns(frame), **options)  # type: ignore[arg-type]


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {column.name: column.kind for column in infer_columns(frame)}


def test_column_kinds() -> None:
    n = 200
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n) * 3 + 5, "row": np.arange(n), "rooms": random.integers(1, 9, n), "size": random.normal(size=n),
            "town": random.choice(["a", "b", "c"], n), "garden": random.choice(["yes", "no"], n), "flag": random.random(n) > 0.5,
            "built": pd.date_range("1990-01-01", periods=n).strftime("%Y-%m-%d"), "note": [f"text {i} {i * 7}" for i in range(n)],
            "same": 1, "gone": np.nan, "sold": pd.date_range("1990-01-01", periods=n),
        }
    )  # fmt: skip
    assert kinds(frame) == {
        "customer_id": "identifier", "row": "identifier", "rooms": "number", "size": "number", "town": "category",
        "garden": "boolean", "flag": "boolean", "built": "date", "note": "text", "same": "constant", "gone": "empty", "sold": "date",
    }  # fmt: skip
    reasons = {column.name: column.reason for column in infer_columns(frame)}
    assert "200 different texts" in reasons["note"] and reasons["rooms"] == ""


def test_infinite_and_missing_are_counted() -> None:
    column = infer_columns(pd.DataFrame({"v": [1.0, np.inf, -np.inf, np.nan, 2.0]}))[0]
    assert (column.infinite, column.missing) == (2, 1)


def test_standard_equals_scikit_learn() -> None:
    x = np.random.default_rng(0).gamma(2, 5, (300, 3))
    frame = pd.DataFrame(x, columns=list("abc"))
    np.testing.assert_allclose(
        fit(frame, numeric="standard").transform(frame).matrix, StandardScaler().fit_transform(x), rtol=2e-5, atol=1e-6
    )


def test_quantile_equals_scikit_learn_inside_the_range() -> None:
    x = np.random.default_rng(0).gamma(2, 5, (1500, 1))
    ours = fit(pd.DataFrame({"a": x[:, 0]}), numeric="quantile").transform(pd.DataFrame({"a": x[:, 0]})).matrix[:, 0]
    theirs = QuantileTransformer(n_quantiles=1000, output_distribution="normal").fit_transform(x)[:, 0]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_robust_clips_smoothly_to_three() -> None:
    frame = pd.DataFrame({"a": np.r_[np.linspace(0, 1, 101), 1e9]})
    coded = fit(frame, numeric="robust").transform(frame).matrix[:, 0]
    assert (
        abs(coded).max() <= 3.0 and coded[-1] == pytest.approx(3, abs=1e-4) and coded[50] == pytest.approx(0, abs=0.02)
    )


def test_piecewise_is_the_papers_formula() -> None:
    frame = pd.DataFrame({"a": np.linspace(0, 10, 1001)})
    preparation = fit(frame, numeric="piecewise", bins=5)
    coded = preparation.transform(pd.DataFrame({"a": [0.0, 3.0, 7.5, 10.0, 12.0, -99.0, 99.0]})).matrix
    expected = [
        [0, 0, 0, 0, 0],
        [1, 0.5, 0, 0, 0],
        [1, 1, 1, 0.75, 0],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 2],
        [-1, 0, 0, 0, 0],
        [1, 1, 1, 1, 2],
    ]
    np.testing.assert_allclose(coded, expected, atol=1e-6)
    assert preparation.feature_names == [f"a bin {i}" for i in range(1, 6)]


def test_periodic_is_sine_and_cosine_of_the_quantile_code() -> None:
    values = np.random.default_rng(0).gamma(2, 5, 400)
    frame = pd.DataFrame({"a": values})
    preparation = fit(frame, numeric="periodic")
    coded = preparation.transform(frame).matrix
    z = fit(frame, numeric="quantile").transform(frame).matrix[:, 0]
    # medians of 16 equal shares of |c|, c ~ N(0, 0.2^2): a share p of them lies below 0.2 sqrt(2) erfinv(p)
    c = 0.2 * np.sqrt(2) * erfinv((np.arange(16) + 0.5) / 16)
    expected = np.c_[z, np.sin(2 * np.pi * z[:, None] * c), np.cos(2 * np.pi * z[:, None] * c)]
    np.testing.assert_allclose(coded, expected, atol=1e-5)
    names = preparation.feature_names
    assert len(names) == 33 and (names[0], names[1], names[-1]) == ("a quantile", "a sin 1", "a cos 16")


def test_new_rows_in_any_order_with_extra_missing_and_unseen() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"a": random.normal(size=100), "b": random.choice(["x", "y"], 100), "c": random.integers(0, 50, 100)}
    )
    preparation = fit(frame)
    plain = preparation.transform(frame)
    moved = preparation.transform(frame[["c", "b", "a"]].assign(more=1))
    np.testing.assert_array_equal(plain.matrix, moved.matrix)
    assert plain.notes == [] and moved.notes == ["columns not used: more"]
    odd = preparation.transform(pd.DataFrame({"a": ["1.5", "word"], "b": ["z", None], "c": [np.inf, 3]}))
    assert np.isfinite(odd.matrix).all()
    assert any("unseen" in n and "(z)" in n for n in odd.notes) and sum("no finite number" in n for n in odd.notes) == 2
    with pytest.raises(GoodfitError, match=r"lack 2 columns that the model needs: a, b \(did you mean 'A'\?\)"):
        preparation.transform(pd.DataFrame({"A": [1], "c": [2]}))
    for rows, kind in ((frame.to_numpy(), "ndarray"), (None, "NoneType")):
        with pytest.raises(
            GoodfitError, match=f"the rows are a {kind}: give a pandas DataFrame with the columns a, b, c"
        ):
            preparation.transform(rows)  # type: ignore[arg-type]
    with pytest.raises(GoodfitError, match="the rows have 2 columns named 'a': rename all but one"):
        preparation.transform(pd.concat([frame, frame[["a"]]], axis=1))


@pytest.mark.parametrize(
    "values", [[1, 2, 1, 2], [1.0, 2.0, 1.0, 2.0], ["1", "2", "1", "2"], ["1.0", "2.0", "1.0", "2.0"]]
)
def test_a_category_is_the_same_in_every_type(values: list[object]) -> None:
    frame = pd.DataFrame({"k": ["1", "2"] * 20, "v": np.arange(40.0) ** 2})
    columns = [c.model_copy(update={"kind": "category"}) if c.name == "k" else c for c in infer_columns(frame)]
    preparation = TablePreparation.fit(frame, columns)
    assert (
        preparation.transform(pd.DataFrame({"k": values, "v": [1.0] * 4})).matrix[:, :2].tolist()
        == [[1, 0], [0, 1]] * 2
    )


def test_missing_has_its_own_feature_only_if_training_had_any() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0] * 10, "b": np.arange(40) * 1.5, "k": ["x", "y", None, "x"] * 10})
    preparation = fit(frame, numeric="standard")
    assert preparation.feature_names == ["a", "a missing", "b", "k=x", "k=y", "k=(missing)"]
    assert preparation.transform(frame).matrix[2, [1, 3, 4, 5]].tolist() == [1, 0, 0, 1]


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.one_of(st.floats(width=64), st.none()), min_size=2, max_size=30),
    method=st.sampled_from(METHODS), bins=st.integers(2, 40),
)  # fmt: skip
def test_always_finite_and_bit_identical_after_storage(numbers: list[float | None], method: str, bins: int) -> None:
    frame = pd.DataFrame({"a": pd.Series(numbers, dtype=float), "b": np.arange(len(numbers)) * 1.5})
    preparation = fit(frame, numeric=method, bins=bins)
    matrix = preparation.transform(frame).matrix
    assert np.isfinite(matrix).all() and matrix.shape == (len(frame), len(preparation.feature_names))
    stored = json.loads(json.dumps(preparation.to_json()))
    again = TablePreparation.restore(stored, preparation.arrays())
    np.testing.assert_array_equal(again.transform(frame).matrix, matrix)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"numeric": "standard", "steps": [], "x": 1},
        {"numeric": "no", "steps": []},
        {"numeric": "standard", "steps": [{"column": "a", "kind": "number"}]},
    ],
)
def test_foreign_json_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(GoodfitError, match="restore the model folder"):
        TablePreparation.restore(stored, {})


def test_dates_carry_season_and_weekday() -> None:
    frame = pd.DataFrame(
        {"d": pd.date_range("2020-01-01", periods=800).strftime("%Y-%m-%d"), "v": np.arange(800) * 1.1}
    )
    matrix = fit(frame, numeric="standard").transform(frame).matrix
    np.testing.assert_allclose(matrix[7:, 3], matrix[:-7, 3], atol=1e-6)
    assert matrix[:, 0].std() == pytest.approx(1, abs=1e-3)


def test_dates_of_every_year_are_read() -> None:
    days = ["0001-01-01", "1600-01-01", "2020-01-01", "9999-12-31"]
    expected = np.array(days, dtype="datetime64[s]").astype(np.int64)
    np.testing.assert_array_equal(as_seconds(pd.Series(days)), expected)
    np.testing.assert_array_equal(as_seconds(pd.Series(np.array(days, dtype="datetime64[us]"))), expected)
    fine = pd.Series(["2020-01-01 00:00:00.123456789", None, "no date"])
    np.testing.assert_allclose(as_seconds(fine), [1577836800.123456789, np.nan, np.nan])


@pytest.mark.parametrize("day", ["0001-01-01", "1677-09-21", "2262-04-12", "9999-12-31"])
def test_dates_far_outside_training_count_as_nearer_ones_and_are_noted(day: str) -> None:
    days = pd.Series(pd.date_range("2020-01-01", periods=200).strftime("%Y-%m-%d"), name="d")
    preparation = fit(days.to_frame())
    known = preparation.transform(days.to_frame())
    new = preparation.transform(pd.DataFrame({"d": [day, "2019-06-16", "2021-02-02", "2020-02-01"]}))
    far, *reach = new.matrix[:3, 0]
    assert far == reach[0 if day < "2020" else 1] and reach[0] < known.matrix[0, 0] and reach[1] > known.matrix[-1, 0]
    assert not known.notes and new.notes == [
        "column 'd': 1 dates are far outside those of training (2020-01-01 to 2020-07-18) "
        "and count, but for season and weekday, as the nearest from 2019-06-16 to 2021-02-02"
    ]


def test_dates_never_known_in_training_say_nothing() -> None:
    frame = pd.DataFrame({"d": [None] * 8 + ["2020-01-01", "2021-01-01"], "v": np.arange(10) * 1.1})
    preparation = TablePreparation.fit(frame[:8], infer_columns(frame))
    found = preparation.transform(frame)
    assert not found.notes and (found.matrix[:, 0] == 0).all()


def test_unreadable_dates_are_noted() -> None:
    frame = pd.DataFrame({"d": pd.date_range("2020-01-01", periods=50).strftime("%Y-%m-%d")})
    new = fit(frame).transform(pd.DataFrame({"d": ["nonsense", "2020-02-30", None, "2020-02-01"]}))
    assert new.notes == ["column 'd': 2 values are no date and count as missing"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([np.inf, -np.inf, np.nan] * 10, "no value is a finite number"),
        ([f"{2000 + i}-02-30" for i in range(30)], "no value is a date of the calendar"),
    ],
)
def test_columns_without_one_usable_value_are_empty(values: list[object], reason: str) -> None:
    column = infer_columns(pd.DataFrame({"v": values}))[0]
    assert (column.kind, column.used, column.reason) == ("empty", False, reason)


@pytest.mark.parametrize(("cell", "what"), [([1, 2], "list"), (np.zeros(2), "ndarray"), ({"a": 1}, "dict")])
def test_cells_that_hold_many_values_are_refused(cell: object, what: str) -> None:
    with pytest.raises(GoodfitError, match=f"column 'v' holds cells of type {what}: give one number, text or date"):
        infer_columns(pd.DataFrame({"v": pd.Series([cell, None, cell], dtype=object)}))


def test_real_tables(real_data: Path) -> None:
    frame = read_table(real_data / "titanic.csv").frame
    assert kinds(frame)["Name"] == "text" and kinds(frame)["PassengerId"] == "identifier"
    for method in METHODS:
        assert np.isfinite(fit(frame, numeric=method).transform(frame).matrix).all()
    ordinal = OrdinalPreparation.fit(frame, infer_columns(frame))
    assert ordinal.transform(frame).shape == (len(frame), sum(c.used for c in infer_columns(frame)))
    housing = read_table(real_data / "housing.csv").frame
    assert housing["total_bedrooms"].isna().sum() == 207 and kinds(housing)["ocean_proximity"] == "category"
