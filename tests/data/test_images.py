import io
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from goodfit.data.images import PixelPreparation, read_arrays, read_image_folder, read_images
from goodfit.errors import GoodfitError, MissingExtraError


def picture(path: Path, size: tuple[int, int] = (6, 4), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(path.name.encode()))
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


@pytest.mark.parametrize("channels", [1, 3])
def test_files_to_predict_are_brought_to_what_the_model_was_trained_on(channels: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number, side in enumerate((6, 9, 9)):
        Image.fromarray(random.integers(0, 256, (side, side, 3)).astype(np.uint8)).save(tmp_path / f"{number}.png")
    found = read_images(tmp_path, shape=(channels, 6, 4))
    assert found.images.shape == (3, channels, 6, 4)
    assert found.notes[0] == "3 of 3 images are resized to what the model was trained on, 4 x 6"
    assert found.notes[1:] == ["colour images are turned to grey, which the model was trained on"] * (channels == 1)
    expected = Image.open(tmp_path / "1.png").convert("L" if channels == 1 else "RGB").resize((4, 6))
    np.testing.assert_array_equal(found.images[1], np.asarray(expected).reshape(6, 4, channels).transpose(2, 0, 1))


def test_images_stand_upright_as_their_camera_says(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :4] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise by a quarter
    for ending in ("jpg", "png"):
        Image.fromarray(pixels).save(tmp_path / "a" / f"x.{ending}", exif=turned)
    images = read_image_folder(tmp_path).images
    assert images.shape == (2, 3, 8, 4)
    np.testing.assert_array_equal(images[1], np.rot90(pixels, -1).transpose(2, 0, 1))
    np.testing.assert_allclose(images[0], images[1], atol=12)


def test_sixteen_bits_keep_their_order_and_32_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    deep = (np.arange(64).reshape(8, 8) * 1000).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a" / "x.png")
    found = read_image_folder(tmp_path)
    np.testing.assert_array_equal(found.images[0, 0], deep // 256)
    assert found.notes == ["1 of 1 images have 16 bits a pixel: their upper 8 bits are used"]
    Image.fromarray(deep.astype(np.float32)).save(tmp_path / "a" / "y.tif")
    with pytest.raises(GoodfitError, match=r"y\.tif has 32 bits a pixel"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("RGBA", 3)])
def test_grey_stays_one_channel(tmp_path: Path, mode: str, channels: int) -> None:
    (tmp_path / "a").mkdir()
    Image.new(mode, (3, 2)).save(tmp_path / "a" / "x.png", **({"transparency": b"\0"} if mode == "P" else {}))
    assert read_image_folder(tmp_path).images.shape == (1, channels, 2, 3)


def test_other_files_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "1.png")
    for name in ("list.txt", ".hidden"):
        (tmp_path / "cat" / name).write_text("x")
    found = read_image_folder(tmp_path)
    assert len(found.images) == 1 and found.notes == ["cat: 1 of 2 files are no images and left out (list.txt)"]


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "cat" / "1.png")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match=r"reading image files needs Pillow.*pip install 'goodfit\[images\]'"):
        read_image_folder(tmp_path)


def test_wrong_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(GoodfitError, match="holds no images: expected a folder of class folders"):
        read_image_folder(tmp_path)
    picture(tmp_path / "cat" / "1.png")
    (tmp_path / "dog").mkdir()
    with pytest.raises(GoodfitError, match=r"dog holds no images"):
        read_image_folder(tmp_path)
    (tmp_path / "dog" / "x.png").write_bytes(b"no image")
    with pytest.raises(GoodfitError, match=r"x\.png cannot be read as an image \(.*\): mend or remove it"):
        read_image_folder(tmp_path)
    (tmp_path / "dog" / "y.png").write_bytes((tmp_path / "cat" / "1.png").read_bytes()[:20])
    with pytest.raises(GoodfitError, match=r"x\.png cannot be read .*, nor can 1 more: mend or remove it"):
        read_image_folder(tmp_path)
    for wrong in (tmp_path / "none", tmp_path / "dog" / "x.png"):
        with pytest.raises(GoodfitError, match="is not a folder: expected a folder of class folders"):
            read_image_folder(wrong)
    picture(tmp_path / "stray.png")
    with pytest.raises(GoodfitError, match="holds both images and folders"):
        read_image_folder(tmp_path)


def written(ending: str) -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, {"jpg": "jpeg", "tif": "tiff"}.get(ending, ending))
    return content.getvalue()


WRITTEN = {ending: written(ending) for ending in ("png", "jpg", "gif", "webp", "tif", "bmp")}


@settings(max_examples=150, deadline=None)
@given(ending=st.sampled_from(sorted(WRITTEN)), data=st.data())
def test_damaged_images_are_read_or_named(ending: str, data: st.DataObject) -> None:
    content = bytearray(WRITTEN[ending])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(content)))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd tags
        path = Path(folder) / f"x.{ending}"
        path.write_bytes(content[:kept])
        try:
            assert read_image_folder(Path(folder)).images.dtype == np.uint8
        except GoodfitError as error:
            assert str(path) in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8, 9), (5, 1, 8, 9)),
        ((5, 8, 9, 3), (5, 3, 8, 9)),
        ((5, 3, 8, 9), (5, 3, 8, 9)),
        ((5, 8, 9, 2), (5, 2, 8, 9)),
        ((5, 2, 8, 9), (5, 2, 8, 9)),
    ],
)
def test_npz_axes(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros(shape, np.uint8), labels=np.arange(5))
    found = read_arrays(tmp_path / "a.npz", None)
    assert (
        found.images.shape == expected and found.labels.tolist() == list(range(5)) and "are read as" in found.notes[0]
    )


def test_npz_errors(tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", images=np.zeros((5, 8)), labels=np.arange(5))
    np.savez(tmp_path / "few.npz", images=np.zeros((5, 8, 8)), labels=np.arange(4))
    np.savez(tmp_path / "pickled.npz", images=np.array([{}], dtype=object))
    np.savez(tmp_path / "nan.npz", images=np.full((5, 8, 8), np.nan))
    np.savez(tmp_path / "wide.npz", images=np.full((5, 8, 8), 300))
    np.savez(tmp_path / "words.npz", images=np.full((5, 8, 8), "x"))
    np.savez(tmp_path / "none.npz", images=np.zeros((0, 8, 8)))
    np.savez(tmp_path / "good.npz", images=np.zeros((5, 8, 8), np.uint8), labels=np.arange(5))
    good = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(good[: len(good) // 2])
    (tmp_path / "flipped.npz").write_bytes(good.replace(b"\0" * 20, b"\0" * 19 + b"\1", 1))
    np.save(tmp_path / "array.npy", np.zeros((5, 8, 8)))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("no")
    for name, message in (
        ("flat", "needs an array 'images'"),
        ("few", "one label each"),
        ("pickled", "plain arrays"),
        ("text", "plain arrays"),
        ("cut", "plain arrays: give a folder of images, or write arrays of numbers or text with numpy.savez"),
        ("flipped", "plain arrays"),
        ("array", "holds a single array: write images and labels with numpy.savez"),
        ("nan", "5 of 5 images hold NaN or infinite pixels"),
        ("wide", r"whole numbers must be bytes, 0 \.\.\. 255, but they are 300 \.\.\. 300"),
        ("words", "pixels must be bytes or floats, but they are <U1"),
        ("none", r"needs an array 'images' of .*: it holds images \(0, 8, 8\)"),
        ("godo", r"there is no file .*godo\.npz \(did you mean 'good\.npz'\?\)"),
    ):
        with pytest.raises(GoodfitError, match=message) as caught:
            read_arrays(tmp_path / f"{name}.npz", None)
        assert "pickle" not in str(caught.value).replace("pickled.npz", "")
    with pytest.raises(GoodfitError, match=r"no array 'label' \(did you mean 'labels'\?\)"):
        read_arrays(tmp_path / "flat.npz", "label")


@pytest.mark.parametrize("name", ["x.png", "x.JPG"])
def test_a_picture_alone_is_told_how_images_are_given(name: str, tmp_path: Path) -> None:
    picture(tmp_path / name)
    with pytest.raises(GoodfitError) as caught:
        read_images(tmp_path / name)
    assert str(caught.value) == (
        f"{tmp_path / name} is a picture alone: give the folder that it is in, or an .npz file of images"
    )


def test_npz_of_a_keras_kind(tmp_path: Path) -> None:
    parts = {"x_train": np.zeros((5, 8, 8), int), "y_train": np.arange(5)[:, None], "x_test": np.zeros((2, 8, 8))}
    np.savez(tmp_path / "k.npz", **parts)
    found = read_arrays(tmp_path / "k.npz", None)
    assert found.images.dtype == np.uint8 and found.labels.tolist() == list(range(5))
    assert found.notes[1] == "k.npz: these arrays are not used: x_test"


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
    with pytest.raises(GoodfitError, match="the images are a list: the model was trained on 3 x 4 x 5"):
        preparation.transform(images.tolist())


def test_bytes_and_floats_are_not_taken_for_one_another() -> None:
    images = np.random.default_rng(0).integers(0, 255, (9, 1, 4, 5), dtype=np.uint8)
    of_bytes, of_floats = PixelPreparation.fit(images), PixelPreparation.fit(images / 255)
    np.testing.assert_array_equal(of_bytes.transform(images.astype(int)), of_bytes.transform(images))
    np.testing.assert_allclose(of_floats.transform(images / 255), of_bytes.transform(images), atol=1e-5)
    with pytest.raises(GoodfitError, match="the images hold floats: the model was trained on bytes"):
        of_bytes.transform(images / 255)
    with pytest.raises(GoodfitError, match="the images hold bytes: the model was trained on floats"):
        of_floats.transform(images)
    with pytest.raises(GoodfitError, match="the images: 9 of 9 images hold NaN"):
        of_floats.transform(images * np.nan)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.0, 0.0]},
        {"mean": [float("nan")]},
        {"scale": [0.0]},
        {"scale": [float("inf")]},
        {"size": [0, 2, 2]},
        {"size": ["1", 2, 2]},
        {"values": "words"},
        {"more": 1},
    ],
)
def test_foreign_preparations_are_refused(change: dict[str, object]) -> None:
    stored = PixelPreparation.fit(np.zeros((3, 1, 2, 2), np.uint8)).to_json()
    with pytest.raises(GoodfitError, match="not written by goodfit: restore the model folder from a copy"):
        PixelPreparation.restore(stored | change)
