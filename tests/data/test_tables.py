"""Reading tables: the dialects that are understood, and one line for each that is not."""

import gzip
import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import goodfit as gf
from goodfit.data.tables import read_table
from goodfit.errors import GoodfitError


def read(text: str | bytes, label: str = "t.csv") -> pd.DataFrame:
    return table(text, label).frame


def table(text: str | bytes, label: str = "t.csv"):
    return read_table(io.BytesIO(text.encode() if isinstance(text, str) else text), label=label)


PLAIN = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, 2.5], "c": ["x", "y, z", "é"]})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    pd.testing.assert_frame_equal(read(PLAIN.to_csv(index=False, sep=delimiter)), PLAIN, check_dtype=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    found = table(PLAIN.to_csv(index=False).encode(encoding))
    pd.testing.assert_frame_equal(found.frame, PLAIN, check_dtype=False)
    assert bool(found.notes) == (encoding in ("utf-16", "cp1252"))


def test_gzip_parquet_and_line_ends() -> None:
    text = PLAIN.to_csv(index=False)
    pd.testing.assert_frame_equal(read(gzip.compress(text.encode())), PLAIN, check_dtype=False)
    pd.testing.assert_frame_equal(read(text.replace("\n", "\r\n")), PLAIN, check_dtype=False)
    out = io.BytesIO()
    PLAIN.to_parquet(out)
    pd.testing.assert_frame_equal(read(out.getvalue(), "t.parquet"), PLAIN, check_dtype=False)


@pytest.mark.parametrize(
    ("cells", "expected", "word"),
    [
        (["1,234.5", "12", "1,000,000"], [1234.5, 12, 1e6], "thousands"),
        (["3,14", "2", "-0,5"], [3.14, 2, -0.5], "decimal comma"),
        (["1.234,5", "1.000.000", "7"], [1234.5, 1e6, 7], "thousands"),
        (["1 234,5", "1 000 000", "7"], [1234.5, 1e6, 7], "spaces"),
        (["1'234", "22", "3'000"], [1234, 22, 3000], "apostrophes"),
        (["1e3", "-2.5E-1", "+4"], [1000, -0.25, 4], ""),
    ],
)  # fmt: skip
def test_numbers_of_the_world(cells: list[str], expected: list[float], word: str) -> None:
    found = table("v\tw\n" + "\n".join(f"{c}\tx{i}" for i, c in enumerate(cells)))
    np.testing.assert_allclose(found.frame["v"].to_numpy(float), expected)
    assert not word or any(word in note for note in found.notes)


def test_doubtful_commas_follow_the_delimiter_and_are_said() -> None:
    for delimiter, expected in ((";", 1.234), ("\t", 1234.0)):
        found = table(f"v{delimiter}w\n1,234{delimiter}a\n5,678{delimiter}b\n")
        assert found.frame["v"].iloc[0] == expected
        assert any("check this" in note for note in found.notes)


@pytest.mark.parametrize("written", ["2020-01-{:02d}", "{:02d}.01.2020", "2020-02-{:02d}"])
def test_dates_are_not_said_to_be_text(written: str) -> None:
    assert table("d,v\n" + "".join(f"{written.format(1 + i % 31)},{i}\n" for i in range(40))).notes == []
    spans = table("d,v\n" + "".join(f"{i}-{i + 1},{i}\n" for i in range(40)))
    assert spans.notes == ["column 'd': 0% of the values are numbers; kept as text"]


def test_missing_markers_codes_and_odd_values() -> None:
    values = [str(i) for i in range(98)] + ["unknown", "NA"]
    found = table("v,zip,words\n" + "\n".join(f"{v},0{i:04d},w{i}" for i, v in enumerate(values)))
    assert found.frame["v"].isna().sum() == 2 and found.frame["zip"].iloc[3] == "00003"
    assert any("'unknown' in data row 99" in note for note in found.notes)
    mixed = table("v,w\n1,a\nb,b\n3,c\n4,d\n5,e\n")
    assert mixed.frame["v"].tolist() == ["1", "b", "3", "4", "5"] and "kept as text" in mixed.notes[0]


@pytest.mark.parametrize(
    ("content", "label", "message"),
    [
        (b"", "t.csv", "t.csv is empty"),
        (b" \n \n", "t.csv", "t.csv is empty"),
        (b"a,b\n", "t.csv", "header but no rows"),
        (b"a,b\n1,2\n3\n4,5\n", "t.csv", "t.csv, line 3: 1 fields where the header has 2"),
        (b"a,b,a\n1,2,3\n", "t.csv", "2 columns named 'a'"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "t.csv", "t.csv is a PNG image, not a table"),
        (b"PK\x03\x04abc", "t.xlsx", "spreadsheet"),
        (b"a,b\n1,\x00\x00\x00\n", "t.csv", "binary data"),
        (b"PAR1 nonsense PAR1", "t.parquet", "not a readable Parquet file"),
        (b"a,b\n1,2\n", "t.parquet", "not a readable Parquet file"),
        (b"\x1f\x8b broken", "t.csv.gz", "damaged gzip"),
        (b'a,b\n1,"2\n3,4\n', "t.csv", "t.csv, line"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(content: bytes, label: str, message: str) -> None:
    with pytest.raises(GoodfitError) as caught:
        read_table(io.BytesIO(content), label=label)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_paths_that_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "house.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GoodfitError, match=r"there is no file .*houses\.csv \(did you mean 'house\.csv'\?\)"):
        read_table(tmp_path / "houses.csv")
    with pytest.raises(GoodfitError, match="is a directory"):
        read_table(tmp_path)


def test_row_number_counts_quoted_line_breaks() -> None:
    with pytest.raises(GoodfitError, match="line 5: 3 fields"):
        read('a,b\n1,"x\ny"\n2,z\n3,4,5\n')


NAMES = st.lists(st.text("abcdefgh_", min_size=1, max_size=5), min_size=2, max_size=4, unique_by=str.lower)
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)


@settings(max_examples=60, deadline=None)
@given(names=NAMES, data=st.data())
def test_any_csv_that_pandas_writes_is_read_back(names: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*[CELLS] * len(names)), min_size=1, max_size=6))
    frame = pd.DataFrame([["text:" + cell for cell in row] for row in rows], columns=names)
    found = read(frame.to_csv(index=False))
    assert list(found.columns) == names and len(found) == len(frame)
    for name in names:
        assert found[name].tolist() == [cell.strip() for cell in frame[name]]


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_table_or_one_line(content: bytes) -> None:
    try:
        frame = read_table(io.BytesIO(content), label="x").frame
    except GoodfitError as error:
        assert "\n" not in str(error)
    else:
        assert len(frame) >= 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_numbers_survive_exactly(values: list[float]) -> None:
    found = read("v,w\n" + "".join(f"{v!r},k\n" for v in values))["v"]
    assert all(math.isclose(a, b, rel_tol=1e-15, abs_tol=5e-324) for a, b in zip(found, values, strict=True))


def test_the_warning_of_a_rare_class_knows_the_metric() -> None:
    frame = pd.DataFrame({"a": np.arange(300.0), "t": ["rare"] * 3 + ["common"] * 297})
    for metric in ("accuracy", "balanced-accuracy"):
        task = gf.Task.from_frame(frame, "t", metric=metric)
        [text] = [w.text for w in task.warnings() if w.kind == "imbalance"]
        assert ("choose --metric balanced-accuracy" in text) == (metric == "accuracy")
