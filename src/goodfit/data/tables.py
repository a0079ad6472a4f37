"""From a file or stream to a DataFrame: CSV in its many dialects, or Parquet.

Whatever was guessed (encoding, delimiter, decimal commas) is said in a note; whatever cannot be read is one
line that names file, line and remedy.
"""

import csv
import gzip
import io
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from goodfit.data.text_columns import parse_column
from goodfit.errors import GoodfitError, did_you_mean

DELIMITERS = (",", "\t", ";", "|")
SNIFFED_LINES = 200
BINARY_FORMATS = {
    b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"GIF8": "a GIF image", b"BM": "a BMP image",
    b"%PDF": "a PDF document", b"PK\x03\x04": "a ZIP archive or spreadsheet (save the sheet as CSV)",
    b"\xd0\xcf\x11\xe0": "an old Excel file (save the sheet as CSV)", b"\x93NUMPY": "a NumPy array",
    b"SQLite": "a SQLite database", b"\x89HDF": "an HDF5 file",
}  # fmt: skip


@dataclass(frozen=True)
class TableFile:
    """A table as read: its columns, what was guessed on the way, and what to call it in messages."""

    frame: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    label: str = "table"


def read_table(source: str | Path | BinaryIO, *, label: str | None = None) -> TableFile:
    """Read CSV, TSV or the like (also gzipped), or Parquet.

    Args:
        source: a path, or a binary stream such as `sys.stdin.buffer`.
        label: what to call it in notes and errors; the file's name by default.

    Raises:
        GoodfitError: missing, empty, a directory, not a table, ragged rows, duplicate names, unreadable.
    """
    if isinstance(source, str | Path):
        label = label or Path(source).name
        content = _read_file(Path(source))
    else:
        label = label or "stdin"
        content = source.read()
    if content[:2] == b"\x1f\x8b":
        content = _unpack(content, label)
    if not content.strip():
        raise GoodfitError(f"{label} is empty: a table needs a header line and rows")
    if content[:4] == b"PAR1":
        return TableFile(_read_parquet(content, label), [], label)
    if label.lower().endswith(".parquet"):
        raise GoodfitError(
            f"{label} is not a readable Parquet file: write it again, or give it the ending of what it is"
        )
    notes: list[str] = []
    text = _decode(content, label, notes)
    return TableFile(_read_text(text, label, notes), notes, label)


def _read_file(path: Path) -> bytes:
    if path.is_dir():
        raise GoodfitError(
            f"{path} is a directory, not a table: name a file in it, or for images a folder of class folders"
        )
    try:
        return path.read_bytes()
    except FileNotFoundError:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise GoodfitError(f"there is no file {path}{did_you_mean(path.name, beside)}: check the path") from None
    except OSError as error:
        raise GoodfitError(f"cannot read {path}: {error.strerror}; check the permissions") from None


def _unpack(content: bytes, label: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise GoodfitError(f"{label} is a damaged gzip file: fetch or pack it again") from None


def _read_parquet(content: bytes, label: str) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(io.BytesIO(content))
    except Exception as error:  # pyarrow raises many kinds, OSError to ArrowInvalid
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GoodfitError(f"{label} is not a readable Parquet file ({reason}): write it again") from None
    frame.columns = [str(name) for name in frame.columns]
    _check_names(list(frame.columns), label)
    if not len(frame):
        raise GoodfitError(f"{label} has no rows: a table needs a header line and rows")
    return frame.reset_index(drop=True)


def _decode(content: bytes, label: str, notes: list[str]) -> str:
    """Decode by byte-order mark, else UTF-8, else Windows' Latin-1; refuse what is no text."""
    for magic, what in BINARY_FORMATS.items():
        if content.startswith(magic):
            raise GoodfitError(f"{label} is {what}, not a table: give a CSV or Parquet file")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        notes.append(f"{label} is read as UTF-16")
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise GoodfitError(f"{label} begins like UTF-16 but is not: save it as UTF-8") from None
    if b"\x00" in content[:4096]:
        raise GoodfitError(f"{label} holds binary data, not a table: give a CSV or Parquet file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append(f"{label} is not UTF-8; read as Latin-1 (Windows-1252)")
        return content.decode("cp1252", errors="replace")


def _read_text(text: str, label: str, notes: list[str]) -> pd.DataFrame:
    if not text.strip():
        raise GoodfitError(f"{label} is empty: a table needs a header line and rows")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = _find_delimiter(text)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        header = _header(next(row for row in rows if row), label, notes)
        count = _check_rows(rows, header, delimiter, label)
    except csv.Error as error:
        raise GoodfitError(f"{label}, line {rows.line_num}: {error}; check the quotes") from None
    if not count:
        raise GoodfitError(f"{label} has a header but no rows: a table needs both")
    if delimiter != ",":
        notes.append(f"{label}: columns are separated by {_name(delimiter)}")
    cells = pd.read_csv(
        io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False, na_filter=False, header=0, names=header,
        index_col=False, skip_blank_lines=True, engine="c",
    )  # fmt: skip
    columns = {}
    for name in header:
        columns[name], note = parse_column(cells[name], decimal_comma_likely=delimiter == ";")
        if note:
            notes.append(f"column '{name}': {note}")
    return pd.DataFrame(columns)


def _find_delimiter(text: str) -> str:
    """Return the delimiter under which most of the first lines have as many fields as the header, at least two."""
    sample = text[: 200 * SNIFFED_LINES]
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(io.StringIO(sample), delimiter=delimiter) if row][:SNIFFED_LINES]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        agreeing = sum(len(row) == width for row in rows) / len(rows)
        if (agreeing, width) > best_score:
            best, best_score = delimiter, (agreeing, width)
    return best


def _header(cells: list[str], label: str, notes: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for index, name in enumerate(names):
        if not name:
            names[index] = f"column_{index + 1}"
            notes.append(f"{label}: column {index + 1} has no name and is called '{names[index]}'")
    _check_names(names, label)
    if len(names) > 1 and all(_is_number(name) for name in names):
        notes.append(f"{label}: the first line holds only numbers; it is taken as the header")
    return names


def _check_names(names: list[str], label: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise GoodfitError(f"{label} has {Counter(names)[twice[0]]} columns named '{twice[0]}': rename all but one")


def _check_rows(rows: Any, header: list[str], delimiter: str, label: str) -> int:
    """Count the rows; the first with another number of fields is an error."""
    count = 0
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise GoodfitError(
                f"{label}, line {rows.line_num}: {len(row)} fields where the header has {len(header)} "
                f"(separated by {_name(delimiter)}): mend the line or the quotes"
            )
        count += 1
    return count


def _name(delimiter: str) -> str:
    return {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}[delimiter]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
