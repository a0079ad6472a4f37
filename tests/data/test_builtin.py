"""Built-in data: the bundled ones, the real files, and downloads against a server of our own."""

import gzip
import hashlib
import http.server
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goodfit.data.builtin import BUILTIN, load_builtin
from goodfit.data.download import RemoteFile, fetch
from goodfit.data.idx import read_idx
from goodfit.errors import GoodfitError

BUNDLED = ("digits", "iris", "wine", "breast-cancer", "diabetes")


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_are_as_listed(name: str) -> None:
    raw, listed = load_builtin(name), BUILTIN[name]
    rows = len(raw.images) if raw.images is not None else len(raw.frame)
    assert rows == listed.rows and raw.kind == listed.kind
    assert raw.frame is None or raw.target in raw.frame


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(GoodfitError, match=r"built-in data 'iriss' \(did you mean 'iris'\?\): built-in are digits"):
        load_builtin("iriss")


def test_fashion_mnist(real_data: Path) -> None:
    raw = load_builtin("fashion-mnist")
    assert raw.images.shape == (70000, 1, 28, 28) and len(raw.test_rows) == 10000
    assert set(np.unique(raw.labels, return_counts=True)[1]) == {7000}


def test_california_and_airfoil(real_data: Path) -> None:
    assert load_builtin("california-housing").frame.shape == (20640, 9)
    frame = load_builtin("airfoil").frame
    assert frame.shape == (1503, 6) and frame["sound_pressure"].iloc[0] == pytest.approx(126.201)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setenv("GOODFIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOODFIT_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"), [("fashion-mnist", "train-images-idx3-ubyte.gz"), ("airfoil", "airfoil_self_noise.dat")]
)
def test_offline_says_which_file_is_wanted_where(offline: Path, name: str, file: str) -> None:
    with pytest.raises(GoodfitError) as caught:
        load_builtin(name)
    text = str(caught.value)
    assert file in text and str(offline / "cache") in text and "http" in text and "\n" not in text
    assert not [p for p in offline.rglob("*") if p.is_file()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    files: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) + (100 if "cut" in self.path else 0)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", files
        running.shutdown()
        thread.join()


def test_download_verifies_keeps_and_leaves_nothing_broken(
    server: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOODFIT_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("GOODFIT_CACHE", str(tmp_path / "cache"))
    address, files = server
    content = b"numbers" * 1000
    checksum = hashlib.sha256(content).hexdigest()
    files |= {"/good.gz": gzip.compress(content), "/bad.gz": gzip.compress(b"other"), "/cut.gz": gzip.compress(content)}
    path = fetch(RemoteFile("good.gz", f"{address}/good.gz", checksum))
    assert gzip.decompress(path.read_bytes()) == content
    del files["/good.gz"]
    assert fetch(RemoteFile("good.gz", f"{address}/good.gz", checksum)) == path
    with pytest.raises(GoodfitError, match="is damaged"):
        fetch(RemoteFile("bad.gz", f"{address}/bad.gz", checksum))
    with pytest.raises(GoodfitError, match="cannot be reached"):
        fetch(RemoteFile("cut.gz", f"{address}/cut.gz", checksum))
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["good.gz"]
    path.write_bytes(b"spoilt")
    with pytest.raises(GoodfitError, match="delete it to download it again"):
        fetch(RemoteFile("good.gz", f"{address}/good.gz", checksum))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x00\x08", b"\x00\x00\x08\x01\x00\x00\x00\x05abc", b"\x1f\x8bno", b"\x00\x00\x0d\x01\x00\x00\x00\x01a"],
)
def test_broken_idx_files_are_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(GoodfitError, match="delete it to download it again"):
        read_idx(tmp_path / "f")
