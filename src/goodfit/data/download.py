"""Files from their official address, verified, kept in a cache; found in a data folder where there is one."""

import gzip
import hashlib
import http.client
import io
import os
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from goodfit.errors import GoodfitError

TIMEOUT_SECONDS = 30
TRIES = 2
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True)
class RemoteFile:
    """A file, the official address of it or of a zip archive that holds it, and where it is kept.

    `sha256` is that of the unpacked content: the same content may be gzipped in different ways.
    """

    name: str
    address: str
    sha256: str
    folder: str = ""


def data_folder() -> Path | None:
    """Return $GOODFIT_DATA, or ../shared/data where that exists, or None."""
    given = os.environ.get("GOODFIT_DATA")
    if given:
        return Path(given)
    beside = Path("../shared/data")
    return beside if beside.is_dir() else None


def cache_folder() -> Path:
    """Return $GOODFIT_CACHE, or `goodfit` in the user's cache folder."""
    given = os.environ.get("GOODFIT_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "goodfit"


def fetch(file: RemoteFile) -> Path:
    """Return the file's path: from the data folder, the cache, or its address; its content is verified each time.

    The data folder is only read.

    Raises:
        GoodfitError: not here and not to be had, or damaged; says which file is wanted where.
    """
    here = data_folder()
    cached = cache_folder() / file.folder / file.name
    for path in (*([here / file.folder / file.name] if here else []), cached):
        if path.is_file():
            _verify(path, file)
            return path
    content = _download(file, cached.parent)
    try:
        with written_beside(cached) as out:
            out.write(content)
    except OSError as error:
        raise GoodfitError(
            f"{cached} cannot be written ({error.strerror}): set GOODFIT_CACHE to a folder that can be"
        ) from None
    return cached


def _download(file: RemoteFile, wanted_in: Path) -> bytes:
    where = f"put {file.name} into {wanted_in} (or into {Path('$GOODFIT_DATA') / file.folder})"
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(file.address, timeout=TIMEOUT_SECONDS) as source:
                content: bytes = source.read()
        except (OSError, http.client.HTTPException) as error:  # an answer that breaks off is no OSError
            if attempt == TRIES:
                reason = " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__
                raise GoodfitError(
                    f"{file.name} is not on this machine and cannot be had from {file.address} ({reason}): {where}"
                ) from None
            continue
        content = _unzip(content, file.name) if content[:4] == ZIP else content
        if _sha256(content) == file.sha256:
            return content
    raise GoodfitError(
        f"what {file.address} gives is not {file.name} (its unpacked SHA-256 is not {file.sha256[:12]}...): {where}"
    )


def _unzip(content: bytes, name: str) -> bytes:
    """Return a member of a zip archive; nothing where it cannot be had."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError):
        return b""


@contextmanager
def written_beside(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write beside the path, renamed at the end: whoever is stopped before leaves no half file there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)


def _verify(path: Path, file: RemoteFile) -> None:
    try:
        intact = _sha256(path.read_bytes()) == file.sha256
    except OSError as error:
        raise GoodfitError(f"{path} cannot be read ({error.strerror}): mend its permissions") from None
    if not intact:
        raise GoodfitError(
            f"{path} is damaged (its unpacked SHA-256 is not {file.sha256[:12]}...): delete it to download it again"
        )


def _sha256(content: bytes) -> str:
    """Return the SHA-256 of the unpacked content; nothing where it cannot be unpacked."""
    try:
        return hashlib.sha256(gzip.decompress(content) if content[:2] == GZIP else content).hexdigest()
    except (OSError, EOFError, zlib.error):
        return ""
