"""Files that are either the old or the new, never half of one, whenever the process or machine stops."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_bytes(path: Path, content: bytes) -> None:
    """Write beside the file, flush to disk, rename over it, flush the folder."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with `write_bytes`; numbers that JSON lacks (NaN, infinity) become null."""
    write_bytes(path, (json.dumps(plain_json(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def flush_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut (where the system can)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # Windows does not open folders
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain_json(value: Any) -> Any:
    """Return a value as plain JSON: arrays and tuples as lists, numbers that JSON lacks as null."""
    if isinstance(value, dict):
        return {str(name): plain_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if hasattr(value, "tolist"):
        return plain_json(value.tolist())
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return None
    return value
