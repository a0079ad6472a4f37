"""Files from their official address, verified, kept in a cache; found in a data folder where there is one."""

import gzip
import hashlib
import os
import tempfile
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

from goodfit.errors import GoodfitError

TIMEOUT_SECONDS = 30
TRIES = 2
CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A file, its official address, the SHA-256 of its unpacked content (None: not published), its folder."""

    name: str
    address: str
    sha256: str | None
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

    Raises:
        GoodfitError: not here and not to be had, or damaged; says which file is wanted where.
    """
    here = data_folder()
    cached = cache_folder() / file.folder / file.name
    for path in (*([here / file.folder / file.name] if here else []), cached):
        if path.is_file():
            _verify(path, file)
            return path
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        _download(file, cached)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise GoodfitError(
            f"{file.name} is not on this machine and {file.address} cannot be reached ({reason}): put the file into {cached.parent}"
            f" (or into {Path('$GOODFIT_DATA') / file.folder})"
        ) from None
    return cached


def _download(file: RemoteFile, path: Path) -> None:
    """Download beside the place, verify, then rename; a transfer that breaks leaves nothing."""
    for attempt in range(1, TRIES + 1):
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with (
                os.fdopen(handle, "wb") as out,
                urllib.request.urlopen(file.address, timeout=TIMEOUT_SECONDS) as source,
            ):
                wanted = source.headers.get("Content-Length")
                size = 0
                while chunk := source.read(CHUNK):
                    size += out.write(chunk)
            if wanted is not None and size != int(wanted):
                raise OSError(f"the transfer ended after {size} of {wanted} bytes")
            _verify(Path(beside), file)
            Path(beside).replace(path)
            return
        except OSError:
            if attempt == TRIES:
                raise
        finally:
            Path(beside).unlink(missing_ok=True)


def _verify(path: Path, file: RemoteFile) -> None:
    if file.sha256 is None:
        return
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != file.sha256:
        name = file.name if path.name.endswith(".part") else str(path)
        raise GoodfitError(
            f"{name} from {file.address} is damaged (its unpacked SHA-256 is not {file.sha256[:12]}...): delete it to download it again"
        )
