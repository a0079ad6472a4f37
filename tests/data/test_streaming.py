"""Data larger than memory, from the user's side: folders of arrays, image folders, and what is said of them."""

import json
import mmap
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import goodfit as gf
from goodfit import baselines, memory
from goodfit.baselines import fit_baselines
from goodfit.cli import main
from goodfit.data import mapped
from goodfit.data.images import PixelPreparation, read_images
from goodfit.data.mapped import Rows, places_in_file
from goodfit.population import KERNELS, Part, StreamedPart
from goodfit.training.tensors import make_problem
from goodfit.training.train import explain

CPU = torch.device("cpu")
WatchMemory = Callable[[str], AbstractContextManager[Any]]


def pictures(n: int = 240, shape: tuple[int, ...] = (2, 8, 8), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes that differ in brightness."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = random.integers(0, 120, (n, *shape)) + 60 * labels.reshape(-1, *[1] * len(shape))
    return images.astype(np.uint8), labels


def as_folder(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    path.mkdir()
    np.save(path / "images.npy", images)
    np.save(path / "labels.npy", labels)
    return path


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SHARE_FOR_DATA", 0.0)
    monkeypatch.setattr(memory, "PIECE_BYTES", 16 << 10)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOODFIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("order", ["n,H,W", "n,H,W,C", "n,C,H,W"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_folder_of_arrays_is_read_as_the_npz_of_the_same(order: str, dtype: type, tmp_path: Path) -> None:
    images, labels = pictures(shape=(8, 9) if order == "n,H,W" else (8, 9, 3) if order == "n,H,W,C" else (3, 8, 9))
    images = images.astype(dtype)
    folder = as_folder(tmp_path / "d", images, labels)
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    on_disk, in_memory = read_images(folder), read_images(tmp_path / "d.npz")
    assert isinstance(on_disk.images, np.memmap) and not isinstance(in_memory.images, np.memmap)
    np.testing.assert_array_equal(on_disk.images, in_memory.images)
    np.testing.assert_array_equal(on_disk.labels, in_memory.labels)
    tasks = [gf.load(tmp_path / name) for name in ("d", "d.npz")]
    assert tasks[0].fingerprint() == tasks[1].fingerprint()
    config = gf.Config(width=8, epochs=2)
    np.testing.assert_array_equal(*[task.matrix(config, "train") for task in tasks])
    assert tasks[0].preparation(config) == tasks[1].preparation(config)


def test_other_names_and_words_as_labels(tmp_path: Path) -> None:
    images, labels = pictures()
    folder = tmp_path / "d"
    folder.mkdir()
    for name, array in (("x_train", images), ("y_train", np.array(["a", "b", "c"])[labels]), ("x_test", images[:3])):
        np.save(folder / name, array)
    found = read_images(folder)
    assert found.labels[:3].tolist() == ["a", "b", "c"] and found.notes[1] == "d: these arrays are not used: x_test"
    (folder / "y_train.npy").rename(folder / "species.npy")
    assert read_images(folder, "species").labels[:3].tolist() == ["a", "b", "c"]
    assert gf.load(folder, "species").code.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": pictures()[0], "labels": np.arange(5)}, r"240 images but labels of shape \(5,\)"),
        ({"images": pictures()[0]}, "holds images without labels: training needs one label for each"),
        ({"labels": np.arange(5)}, r"needs an array 'images' of .*: it holds labels \(5,\)"),
        ({"images": np.zeros((30, 8)), "labels": np.arange(30)}, r"needs an array 'images' of \[n, H, W\]"),
        ({"images": np.zeros((30, 8, 8)), "labels": np.arange(30)}, "must be uint8 or float32, but they are float64"),
        ({"images": np.zeros((30, 8, 8), int), "labels": np.arange(30)}, r"are int64: write them again with \.astype"),
        ({"images": np.full((30, 8, 8), np.nan, np.float32), "labels": np.arange(30)}, "30 of 30 images hold NaN"),
        ({"images": np.array([{}] * 30, dtype=object), "labels": np.arange(30)}, r"images\.npy is not a readable \.npy"),
        ({"images": pictures()[0], "labels": np.array([{}] * 240, dtype=object)}, r"labels\.npy is not a readable \.npy"),
    ],
)  # fmt: skip
def test_wrong_folders_of_arrays_are_one_line(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    for name, array in arrays.items():
        np.save(tmp_path / name, array)
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        gf.load(tmp_path)
    assert "\n" not in str(caught.value) and "pickle" not in str(caught.value)


def test_damaged_arrays_are_one_line(tmp_path: Path) -> None:
    folder = as_folder(tmp_path / "d", *pictures())
    whole = (folder / "images.npy").read_bytes()
    for content in (whole[: len(whole) // 2], whole[:40], b"no", b""):
        (folder / "images.npy").write_bytes(content)
        with pytest.raises(gf.GoodfitError, match=r"images\.npy is not a readable \.npy file"):
            read_images(folder)


def small_convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))


CONFIG = gf.Config(width=(12,), epochs=3, batch_size=32, lr=1e-2)
CONFIGS = [
    *gf.vary(CONFIG, seed=range(2)), CONFIG.replace(label_noise=0.2, mixup=0.3), CONFIG.replace(train_rows=70),
]  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("model", ["mlp", small_convolution])
def test_a_streamed_training_gives_the_same_bits(
    model: object, kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel == "dense" and model != "mlp":
        pytest.skip("knows perceptrons only")
    images, labels = pictures()
    folder = as_folder(tmp_path / "d", images.transpose(0, 2, 3, 1), labels)
    configs = [config.replace(model=model) for config in CONFIGS]
    monkeypatch.setattr(memory, "PIECE_BYTES", 16 << 10)
    held = gf.load(folder)
    in_memory = gf.train(configs, held, kernel=kernel)
    monkeypatch.setattr(memory, "SHARE_FOR_DATA", 0.0)
    task = gf.load(folder)
    streamed = gf.train(configs, task, kernel=kernel)
    assert isinstance(make_problem(held, CONFIG, CPU).train, Part)
    problem = make_problem(task, CONFIG, CPU)
    assert isinstance(problem.train, StreamedPart) and isinstance(problem.validation, StreamedPart)
    for a, b in zip(in_memory, streamed, strict=True):
        np.testing.assert_array_equal(a.curve.to_numpy(), b.curve.to_numpy())
        assert all(torch.equal(a.weights[name], b.weights[name]) for name in a.weights)
    models = in_memory.model(), streamed.model()
    np.testing.assert_array_equal(models[0].predict(held.raw("test")), models[1].predict(task.raw("test")))
    np.testing.assert_array_equal(models[0].predict(np.asarray(images[:50])), models[1].predict(images[:50]))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 90), piece=st.integers(1, 12), spread=st.floats(0.01, 3), far=st.floats(-50, 50))
def test_pixels_are_prepared_alike_in_pieces_of_any_size(n: int, piece: int, spread: float, far: float) -> None:
    images = np.random.default_rng(n).normal(far, spread, (n, 2, 3, 4)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PIECE_BYTES", piece * 24 * 4)
        fitted = PixelPreparation.fit(images)
        again = PixelPreparation.fit(Rows(images, np.arange(n)))
    assert fitted == again, "in memory or not, to the last bit"
    np.testing.assert_allclose(fitted.mean, images.mean((0, 2, 3), dtype=np.float64), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fitted.scale, images.std((0, 2, 3), dtype=np.float64), rtol=1e-9)


@pytest.mark.parametrize("view", ["whole", "part", "turned", "backwards", "fortran", "in memory"])
def test_rows_of_any_view_of_a_file(view: str, tmp_path: Path) -> None:
    plain = np.random.default_rng(0).integers(0, 256, (300, 5, 40, 30), dtype=np.uint8)
    np.save(tmp_path / "a.npy", np.asfortranarray(plain) if view == "fortran" else plain)
    on_disk = np.load(tmp_path / "a.npy", mmap_mode="r")
    array = {
        "part": on_disk[17:], "turned": on_disk.transpose(0, 2, 3, 1), "backwards": on_disk[::-1], "in memory": plain,
    }.get(view, on_disk)  # fmt: skip
    chosen = np.sort(np.random.default_rng(1).permutation(len(array))[:200])
    rows = Rows(array, chosen)
    assert rows.shape == (200, *array.shape[1:]) and len(rows) == 200
    for which in (slice(0, 0), slice(3, 90), slice(None), np.array([0, 199]), np.arange(0, 200, 7)):
        found = rows[which]
        np.testing.assert_array_equal(found, np.array(array)[chosen[which]])
        assert found.flags.c_contiguous and type(found) is np.ndarray


@pytest.mark.parametrize("skip", [0, 17])
def test_the_places_announced_are_where_the_rows_lie(skip: int, tmp_path: Path) -> None:
    """Rows of 280,000 bytes are announced in stretches of at most `READ_AHEAD`, each from the beginning of a page."""
    plain = np.random.default_rng(0).integers(0, 256, (40, 7, 200, 200), dtype=np.uint8)
    np.save(tmp_path / "a.npy", plain)
    array = np.load(tmp_path / "a.npy", mmap_mode="r")[skip:]
    mapping = array.base if isinstance(array.base, mmap.mmap) else array.base.base
    rows, content = np.array([0, 2, 11]), (tmp_path / "a.npy").read_bytes()
    places = list(places_in_file(array, rows, mapping))
    assert all(start % mmap.ALLOCATIONGRANULARITY == 0 for start, _ in places) and len(places) == 3 * 3
    for i, row in enumerate(rows):
        mine = places[3 * i : 3 * i + 3]
        assert plain[skip + row].tobytes() in content[mine[0][0] : mine[-1][0] + mine[-1][1]]
    assert sum(length for _, length in places) < 3 * (280_000 + 3 * mmap.ALLOCATIONGRANULARITY)
    assert not list(places_in_file(array[:, :3], rows, mapping)), "rows that are no single stretch"


@pytest.mark.usefixtures("little_memory")
def test_an_image_folder_is_decoded_once(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = pictures(60, (8, 8, 3))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = tmp_path / "d" / "abc"[label] / f"{i:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    found = read_images(tmp_path / "d")
    [kept] = (own_cache / "pixels").iterdir()
    assert isinstance(found.images, np.memmap) and found.images.shape == (60, 3, 8, 8)
    assert f"the decoded images (11.5 kB) are kept on disk, in {own_cache / 'pixels'}" in found.notes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "SHARE_FOR_DATA", 0.5)
        np.testing.assert_array_equal(read_images(tmp_path / "d").images, found.images)
    with monkeypatch.context() as patch:
        patch.setattr(mapped, "_write", lambda *arguments: pytest.fail("decoded again"))
        np.testing.assert_array_equal(read_images(tmp_path / "d").images, found.images)
    Image.fromarray(images[0] // 2).save(tmp_path / "d" / "a" / "000.png")
    os.utime(tmp_path / "d" / "a" / "000.png", ns=(1, 1))
    changed = read_images(tmp_path / "d").images
    np.testing.assert_array_equal(changed[0], (images[0] // 2).transpose(2, 0, 1))
    [replaced] = (own_cache / "pixels").iterdir()
    assert replaced != kept, "the old one is removed"
    replaced.write_bytes(replaced.read_bytes()[:200])
    with pytest.raises(gf.GoodfitError, match=r"\.npy is damaged: delete it to have the images decoded again"):
        read_images(tmp_path / "d")
    replaced.unlink()
    (tmp_path / "d" / "b" / "001.png").write_bytes((tmp_path / "d" / "b" / "001.png").read_bytes()[:-30])
    with pytest.raises(gf.GoodfitError, match=r"001\.png cannot be read as an image"):
        read_images(tmp_path / "d")
    assert not list((own_cache / "pixels").iterdir()), "nothing half is left"


@pytest.mark.usefixtures("little_memory")
def test_a_full_disk_is_one_line(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "d" / name / "x.png")
    usage = mapped.shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(mapped.shutil, "disk_usage", lambda path: usage._replace(free=100))
        with pytest.raises(
            gf.GoodfitError, match=r"need 128 bytes of disk, but .* has 100 bytes free: set GOODFIT_CACHE"
        ):
            read_images(tmp_path / "d")
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("GOODFIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(gf.GoodfitError, match=r"\(128 bytes\) cannot be written to .* \(.+\): set GOODFIT_CACHE"):
        read_images(tmp_path / "d")


def test_a_disk_that_fills_up_while_writing(own_cache: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    (tmp_path / "x.png").touch()
    try:
        with pytest.raises(gf.GoodfitError, match="File too large"):
            mapped.keep_pixels(
                [tmp_path / "x.png"], (90, 1, 50, 50), (np.zeros((1, 50, 50), np.uint8) for _ in range(90)), []
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((own_cache / "pixels").iterdir())


@pytest.mark.usefixtures("little_memory")
def test_baselines_say_on_how_many_images_they_are_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = pictures(300)
    labels = np.where(np.arange(300) < 297, labels, 3)  # a rare class, which no sample may lose
    task = gf.load(as_folder(tmp_path / "d", images, labels))
    assert 3 in task.truth("train")
    monkeypatch.setattr(baselines, "SAMPLE_BYTES", 40 * 4 * 2 * 8 * 8)
    fitted = {b.name: b for b in fit_baselines(task, 0)}
    count = int(fitted["linear"].about.split("fitted on ")[1].split()[0])
    assert 40 <= count <= 44 and f"fitted on {count} of 192 images, drawn at random" in fitted["linear"].about
    assert fitted["gradient boosting"].about.endswith(f"fitted on {count} of 192 images, drawn at random")
    assert "fitted on" not in fitted["constant"].about
    for one in fitted.values():
        assert one.test.shape == (60, 4)
    assert task.score(fitted["linear"].test, "test") > 0.8
    monkeypatch.setattr(baselines, "SAMPLE_BYTES", 1 << 30)
    assert all("fitted on" not in b.about for b in fit_baselines(task, 0))


def test_a_number_as_target_is_streamed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = pictures(300)
    folder = as_folder(tmp_path / "d", images, images.mean((1, 2, 3)) + 0.5)
    scores = []
    for share in (0.5, 0.0):
        monkeypatch.setattr(memory, "SHARE_FOR_DATA", share)
        task = gf.load(folder)
        assert task.kind == "regression" and bool(task.why_streamed()) is (share == 0)
        runs = gf.train(CONFIG.replace(epochs=10), task)
        scores.append([runs[0].validation_metric, *(task.score(b.test, "test") for b in fit_baselines(task, 0))])
    assert scores[0] == scores[1]


@pytest.mark.usefixtures("little_memory")
def test_a_user_s_own_memory_map(tmp_path: Path) -> None:
    images, labels = pictures()
    np.save(tmp_path / "a.npy", images)
    on_disk = np.load(tmp_path / "a.npy", mmap_mode="r")
    for task in (gf.Task.from_images(on_disk, labels), gf.Task.from_arrays(on_disk, labels)):
        assert isinstance(task.raw("train"), Rows)
        assert isinstance(task.samples(CONFIG, "train")[:3], np.ndarray)
        assert gf.train(CONFIG, task)[0].reason == "finished"
    table = gf.Task.from_arrays(images[:, 0, 0].astype(float), labels)
    assert table.why_streamed() is None, "tables are held in memory"


def test_the_reason_is_told_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training changes what is free, but not how the data are treated."""
    free = [1_000_000]
    monkeypatch.setattr(memory, "available_memory", lambda device=CPU: free[0])
    task = gf.load(as_folder(tmp_path / "d", *pictures(1200)))
    assert task.why_streamed() == "they take 614 kB, more than 50% of the 1 MB of free memory"
    free[0] = 1 << 40
    assert task.why_streamed() and gf.load(tmp_path / "d").why_streamed() is None


@pytest.mark.usefixtures("little_memory")
def test_streamed_pieces_are_in_the_plan(tmp_path: Path) -> None:
    task = gf.load(as_folder(tmp_path / "d", *pictures()))
    [(population, _)] = explain([CONFIG], task)
    piece = 3 * (memory.PIECE_BYTES + 4 * 32 * 2 * 8 * 8)
    in_memory = gf.Task.from_images(*pictures())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "SHARE_FOR_DATA", 0.5)
        [(held, _)] = explain([CONFIG], in_memory)
    assert population.bytes == held.bytes + piece


def test_training_on_a_file_needs_much_less_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watch_memory: WatchMemory
) -> None:
    """80 MB of bytes, 320 MB in float32: what training holds besides the network is a few pieces of 4 MB."""
    n = 26_000
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (n, 3, 32, 32))
    for start in range(0, n, 1000):
        images[start : start + 1000] = pictures(1000, (3, 32, 32), seed=start)[0]
    images.flush()
    np.save(tmp_path / "labels.npy", np.arange(n) % 1000 % 3)
    del images
    monkeypatch.setattr(memory, "PIECE_BYTES", 4 << 20)
    config = gf.Config(width=(16,), epochs=1, batch_size=100)
    gf.train(config.replace(max_steps=3), gf.Task.from_images(*pictures(300, (3, 32, 32))))  # libraries settle first
    monkeypatch.setattr(memory, "SHARE_FOR_DATA", 0.0)
    with watch_memory("RssAnon") as peak:  # without the pages of files, which the system can drop
        task = gf.load(tmp_path)
        [training] = runs = gf.train(config, task)
        task.fingerprint()
        runs.predict(task.raw("test"))
    assert training.reason == "finished" and training.validation_metric > 0.9
    assert peak.bytes < 60e6, f"{peak.bytes / 1e6:.0f} MB; the file in float32 would take {4 * 3072 * n / 1e6:.0f}"


@pytest.mark.usefixtures("little_memory", "own_cache")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = pictures(300)
    folder = as_folder(tmp_path / "d", images, labels)
    quick = ["--preset", "quick", "--set", "epochs=3", "--set", "width=8"]
    assert main(["train", str(folder), "--dry-run", *quick]) == 0
    out = capsys.readouterr().out
    assert "samples are streamed, prepared when they are needed: they take 154 kB, more than 0% of the" in out
    run = tmp_path / "run"
    assert main(["train", str(folder), "--explain", "-q", "--out", str(run), *quick]) == 0
    assert "samples are streamed" in capsys.readouterr().out
    report = json.loads((run / "report.json").read_text())
    assert report["status"] == "finished" and report["test"]["value"] > 0.9
    assert main(["predict", str(run), str(folder), "--out", str(tmp_path / "p.csv"), "-q"]) == 0
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 301
    for i in range(30):
        path = tmp_path / "files" / "abc"[labels[i]] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[i, 0]).save(path)
    assert main(["train", str(tmp_path / "files"), "-q", "--out", str(tmp_path / "files-run"), *quick]) == 0
    assert "kept on disk" in json.loads((tmp_path / "files-run" / "report.json").read_text())["task"]["notes"][0]
    (folder / "labels.npy").unlink()
    capsys.readouterr()
    assert main(["train", str(folder), *quick]) == 2
    assert capsys.readouterr().err.count("\n") == 1
