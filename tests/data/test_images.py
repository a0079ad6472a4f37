from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goodfit.data.images import PixelPreparation, read_image_folder, read_npz
from goodfit.errors import GoodfitError


def picture(path: Path, size: tuple[int, int] = (6, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(abs(hash(path.name)) % 2**32)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    Image.fromarray(random.integers(0, 255, shape, dtype=np.uint8)).save(path)


def test_folder_of_class_folders(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for i in range(3):
            picture(tmp_path / name / f"{i}.png")
    found = read_image_folder(tmp_path)
    assert found.images.shape == (6, 1, 4, 6) and found.labels.tolist() == ["cat"] * 3 + ["dog"] * 3
    np.testing.assert_array_equal(found.images[1, 0], np.asarray(Image.open(tmp_path / "cat" / "1.png")))
    picture(tmp_path / "dog" / "9.png", size=(8, 8), mode="RGB")
    mixed = read_image_folder(tmp_path)
    assert mixed.images.shape == (7, 3, 4, 6) and "1 of 7 images are resized" in mixed.notes[0]


def test_wrong_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(GoodfitError, match="holds no images: expected a folder of class folders"):
        read_image_folder(tmp_path)
    picture(tmp_path / "cat" / "1.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(GoodfitError, match=r"dog holds no images"):
        read_image_folder(tmp_path)
    (tmp_path / "dog" / "x.png").write_bytes(b"no image")
    with pytest.raises(GoodfitError, match=r"x\.png cannot be read as an image"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize(
    ("shape", "expected"), [((5, 8, 9), (5, 1, 8, 9)), ((5, 8, 9, 3), (5, 3, 8, 9)), ((5, 3, 8, 9), (5, 3, 8, 9))]
)
def test_npz_axes(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros(shape, np.uint8), labels=np.arange(5))
    found = read_npz(tmp_path / "a.npz", None)
    assert (
        found.images.shape == expected and found.labels.tolist() == list(range(5)) and "are read as" in found.notes[0]
    )


def test_npz_errors(tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", images=np.zeros((5, 8)), labels=np.arange(5))
    np.savez(tmp_path / "few.npz", images=np.zeros((5, 8, 8)), labels=np.arange(4))
    np.savez(tmp_path / "pickled.npz", images=np.array([{}], dtype=object))
    (tmp_path / "text.npz").write_text("no")
    for name, message in (
        ("flat", "needs an array 'images'"),
        ("few", "one label each"),
        ("pickled", "plain arrays"),
        ("text", "plain arrays"),
    ):
        with pytest.raises(GoodfitError, match=message):
            read_npz(tmp_path / f"{name}.npz", None)
    with pytest.raises(GoodfitError, match=r"no array 'label' \(did you mean 'labels'\?\)"):
        read_npz(tmp_path / "flat.npz", "label")


def test_pixels_are_centred_and_scaled_by_channel_and_survive_storage() -> None:
    images = np.random.default_rng(0).integers(0, 255, (50, 3, 4, 5), dtype=np.uint8)
    preparation = PixelPreparation.fit(images)
    prepared = preparation.transform(images)
    np.testing.assert_allclose(prepared.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std((0, 2, 3)), 1, atol=1e-4)
    np.testing.assert_array_equal(PixelPreparation.restore(preparation.to_json()).transform(images), prepared)
    with pytest.raises(GoodfitError, match="the images are 3 x 5 x 4: the model was trained on 3 x 4 x 5"):
        preparation.transform(images.transpose(0, 1, 3, 2))
    with pytest.raises(GoodfitError, match="not written by goodfit"):
        PixelPreparation.restore({"mean": 1})
