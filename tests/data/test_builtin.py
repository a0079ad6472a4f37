"""Built-in data: the bundled ones, the real files, and downloads against a server of our own."""

import gzip
import hashlib
import http.client
import http.server
import io
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goodfit.data import builtin
from goodfit.data.builtin import AIRFOIL, BUILTIN, load_builtin
from goodfit.data.download import RemoteFile, cache_folder, data_folder, fetch
from goodfit.data.idx import read_idx
from goodfit.data.two_scales import two_scales_weights
from goodfit.errors import GoodfitError

BUNDLED = ("digits", "iris", "wine", "breast-cancer", "diabetes", "two-scales")


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_data_are_as_listed(name: str) -> None:
    raw, listed = load_builtin(name), BUILTIN[name]
    rows = len(raw.images) if raw.images is not None else len(raw.frame)
    assert rows == listed.rows and raw.kind == listed.kind
    assert raw.frame is None or raw.target in raw.frame


def test_two_scales_are_what_they_say() -> None:
    frame = load_builtin("two-scales").frame
    x, y = frame.drop(columns="y").to_numpy(), frame["y"].to_numpy()
    np.testing.assert_allclose(x.std(0), np.repeat([1.0, 0.1], [140, 10]), rtol=0.04)
    fitted, residual, *_ = np.linalg.lstsq(x, y, rcond=None)
    np.testing.assert_allclose(fitted * x.std(0), two_scales_weights() * np.repeat([1.0, 0.1], [140, 10]), atol=0.05)
    assert residual[0] / (len(y) - 150) == pytest.approx(0.5, rel=0.07) and y.var() == pytest.approx(6.5, rel=0.07)


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
def real_copy(real_data: Path) -> bytes:
    return (real_data / "scikit-learn" / "cal_housing_py3.pkz").read_bytes()


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


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("no network"), TimeoutError("timed out"), http.client.IncompleteRead(b"")]
)
def test_california_offline(offline: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sklearn.datasets._base.urlretrieve", refuse)
    monkeypatch.setattr("sklearn.datasets._base.time.sleep", lambda _: None)
    with pytest.raises(GoodfitError) as caught:
        load_builtin("california-housing")
    text = str(caught.value)
    assert str(offline / "cache" / "scikit-learn") in text and builtin.CALIFORNIA_ADDRESS in text and "\n" not in text
    assert not [p for p in offline.rglob("*") if p.is_file()]


def test_the_address_of_california_is_the_one_scikit_learn_asks() -> None:
    from sklearn.datasets import _california_housing

    assert (_california_housing.ARCHIVE.url, _california_housing.ARCHIVE.filename) == (
        builtin.CALIFORNIA_ADDRESS,
        "cal_housing.tgz",
    )


@pytest.mark.parametrize("length", [7, 1000, -10])
def test_damaged_california_is_one_line(offline: Path, real_copy: bytes, length: int) -> None:
    stored = offline / "data" / "scikit-learn" / "cal_housing_py3.pkz"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(real_copy[:length])
    with pytest.raises(GoodfitError, match=r"cal_housing_py3\.pkz is damaged \(.*\): delete it to download it again"):
        load_builtin("california-housing")


def test_where_data_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOODFIT_DATA", "GOODFIT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() is None and cache_folder() == tmp_path / ".cache" / "goodfit"
    (tmp_path / "shared" / "data").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data_folder() == Path("../shared/data") and cache_folder() == tmp_path / "xdg" / "goodfit"
    monkeypatch.setenv("GOODFIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOODFIT_CACHE", str(tmp_path / "cache"))
    assert data_folder() == tmp_path / "data" and cache_folder() == tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes], list[str]]]:
    files: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path not in files:
                self.send_error(404)
                return
            content = files[self.path]
            self.send_response(200)
            if self.path.startswith("/chunks"):
                self.send_header("Transfer-Encoding", "chunked")
                content = b"%x\r\n" % (len(content) + 9) + content  # and no end of the chunk
            else:
                self.send_header("Content-Length", str(len(content) + (100 if "cut" in self.path else 0)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", files, asked
        running.shutdown()
        thread.join()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("GOODFIT_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("GOODFIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


Server = tuple[str, dict[str, bytes], list[str]]
CONTENT = b"numbers" * 1000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


def test_download_is_verified_and_kept(server: Server, cache: Path) -> None:
    address, files, asked = server
    files["/good.gz"] = gzip.compress(CONTENT)
    file = RemoteFile("good.gz", f"{address}/good.gz", CHECKSUM)
    path = fetch(file)
    assert path == cache / "good.gz" and gzip.decompress(path.read_bytes()) == CONTENT
    assert fetch(file) == path and asked == ["/good.gz"]
    path.write_bytes(b"spoilt")
    with pytest.raises(GoodfitError, match=r"good\.gz is damaged .*: delete it to download it again"):
        fetch(file)


def test_a_member_of_an_archive_is_kept(server: Server, cache: Path) -> None:
    address, files, _ = server
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("wanted.dat", CONTENT)
        archive.writestr("other.txt", "x")
    files["/a.zip"] = content.getvalue()
    assert fetch(RemoteFile("wanted.dat", f"{address}/a.zip", CHECKSUM)).read_bytes() == CONTENT
    with pytest.raises(GoodfitError, match=r"a\.zip gives is not absent\.dat"):
        fetch(RemoteFile("absent.dat", f"{address}/a.zip", CHECKSUM))
    assert [p.name for p in cache.iterdir()] == ["wanted.dat"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/page", "what http://.*/page gives is not f.gz"),
        ("/cut", r"f.gz is not on this machine and cannot be had from http://.*/cut \(IncompleteRead"),
        ("/chunks", r"cannot be had from http://.*/chunks \(IncompleteRead"),
        ("/absent", r"cannot be had from http://.*/absent \(Not Found\): put f.gz into .*cache"),
    ],
)
def test_broken_transfers_are_tried_again_and_leave_nothing(
    server: Server, cache: Path, path: str, message: str
) -> None:
    address, files, asked = server
    files |= {"/page": b"<html>", "/cut": gzip.compress(CONTENT), "/chunks": gzip.compress(CONTENT)}
    with pytest.raises(GoodfitError, match=message):
        fetch(RemoteFile("f.gz", f"{address}{path}", CHECKSUM))
    assert asked == [path, path] and not list(cache.rglob("*"))


def test_an_interruption_leaves_no_half_file(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    address, files, _ = server
    files["/f"] = CONTENT
    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch(RemoteFile("f", f"{address}/f", CHECKSUM))
    assert not list(cache.iterdir())


def test_a_cache_that_cannot_be_written_is_one_line(server: Server, cache: Path) -> None:
    address, files, _ = server
    files["/f"] = CONTENT
    cache.write_text("a file where the folder should be")
    with pytest.raises(GoodfitError, match=r"cannot be written .*: set GOODFIT_CACHE to a folder that can be"):
        fetch(RemoteFile("f", f"{address}/f", CHECKSUM))


def test_the_data_folder_comes_first(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address, files, asked = server
    files["/f"] = CONTENT
    data = cache.parent / "data"
    data.mkdir()
    (data / "f").write_bytes(CONTENT)
    monkeypatch.setenv("GOODFIT_DATA", str(data))
    assert fetch(RemoteFile("f", f"{address}/f", CHECKSUM)) == data / "f"
    assert not asked and not cache.exists()


def test_the_airfoil_file_here_has_the_checksum_of_the_official_one(real_data: Path) -> None:
    assert hashlib.sha256((real_data / AIRFOIL.name).read_bytes()).hexdigest() == AIRFOIL.sha256


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x00\x08", b"\x00\x00\x08\x01\x00\x00\x00\x05abc", b"\x1f\x8bno", b"\x00\x00\x0d\x01\x00\x00\x00\x01a"],
)
def test_broken_idx_files_are_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(GoodfitError, match="delete it to download it again"):
        read_idx(tmp_path / "f")
