"""Backbones from goodfit's own models and from folders in Hugging Face format: heads, fine-tuning, storing, mistakes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import goodfit as gf
from goodfit.nn.backbones import Backbone, FrozenBackbone
from goodfit.nn.backbones.inputs import Adapter
from goodfit.transfer import backbone_of, fine_tune, freeze, open_backbone
from goodfit.transfer.huggingface import read_input

HEADS = gf.Config(depth=0, epochs=10, batch_size=32, lr=0.01)


def striped(channels: int, side: int, classes: int = 4, rows: int = 160) -> gf.Task:
    """Noise with a bright stripe whose place is the class."""
    random = np.random.default_rng(0)
    labels, step = np.arange(rows) % classes, side // classes
    images = random.integers(0, 80, (rows, channels, side, side)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, step * label : step * (label + 1)] += 120
    return gf.Task.from_images(images, labels)


@pytest.fixture(scope="module")
def pretrained() -> gf.Model:
    config = gf.Config(model="cnn", width=4, depth=2, epochs=4, batch_size=32, lr=0.01)
    return gf.train(config, striped(1, 20)).model()


@pytest.fixture(scope="module")
def backbone(pretrained: gf.Model, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    folder = tmp_path_factory.mktemp("pretrained") / "stripes"
    gf.save_model(pretrained, folder)
    return open_backbone(folder)


def test_the_backbone_is_the_network_without_its_head(pretrained: gf.Model, backbone: Backbone) -> None:
    assert backbone.name == "stripes (cnn)" and backbone.features == 8 * 5 * 5
    task = striped(1, 20)
    frozen = freeze(task, backbone).extractor
    assert isinstance(frozen, FrozenBackbone)
    raw = task.raw("test")
    assert isinstance(raw, np.ndarray)
    weights = pretrained.members[0].weights
    logits = frozen.features(raw) @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
    np.testing.assert_allclose(pretrained.code.decode(logits), pretrained.predict(raw), atol=1e-5)


def test_a_perceptron_of_images_is_a_backbone(tmp_path: Path) -> None:
    task = striped(1, 8)
    config = gf.Config(width=(12, 6), activation="selu", epochs=4, batch_size=32, lr=0.01)
    pretrained = gf.train(config, task).model()
    gf.save_model(pretrained, tmp_path / "dense")
    backbone = open_backbone(tmp_path / "dense")
    assert backbone.name == "dense (mlp)" and backbone.features == 6
    frozen, raw = freeze(task, backbone).extractor, task.raw("test")
    assert isinstance(frozen, FrozenBackbone) and isinstance(raw, np.ndarray)
    weights = pretrained.members[0].weights
    logits = frozen.features(raw) @ weights["layers.2.weight"].numpy().T + weights["layers.2.bias"].numpy()
    np.testing.assert_allclose(pretrained.code.decode(logits), pretrained.predict(raw), atol=1e-5)
    tuned = gf.train(gf.Config(**fine_tune(task, backbone, 1), epochs=2, batch_size=32, lr=0.01), task)[0].weights
    for name, value in backbone.weights.items():
        assert torch.equal(tuned[f"trunk.network.{name}"], value) == name.startswith("layers.0")


def test_features_are_computed_once_for_a_population_of_heads(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, seen = freeze(striped(1, 20), backbone), []
    compute: Callable[..., np.ndarray] = FrozenBackbone.features
    monkeypatch.setattr(
        FrozenBackbone, "features", lambda self, images: seen.append(len(images)) or compute(self, images)
    )
    configs = gf.vary(
        HEADS.replace(depth=None, width=(16,)), dropout=[0.0, 0.4], weight_decay=[0.0, 0.1], seed=range(2)
    )
    runs = gf.train(configs, task) + gf.train(HEADS, task)
    assert seen == [len(task.rows("train")), len(task.rows("validation"))]
    x = task.matrix(HEADS, "train")
    assert x.shape == (len(task.rows("train")), backbone.features) and x.dtype == np.float32
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
    assert set(np.round(x.std(0), 4)) <= {0.0, 1.0}
    assert min(t.validation_metric for t in runs) > 0.9
    assert task.fingerprint() != striped(1, 20).fingerprint()


@pytest.mark.parametrize("unfreeze", [0, 2])
def test_a_stored_model_is_complete_and_predicts_from_raw_images(
    backbone: Backbone, unfreeze: int, tmp_path: Path
) -> None:
    """Colour images of another size than the backbone's."""
    task = striped(3, 24)
    if unfreeze:
        runs = gf.train(gf.Config(**fine_tune(task, backbone, unfreeze), epochs=4, batch_size=32, lr=0.01), task)
    else:
        task = freeze(task, backbone)
        runs = gf.train(gf.vary(HEADS, seed=range(2)), task)
    model, raw = runs.model(), task.raw("test")
    assert task.score(model.predict(raw), "test") > 0.9
    gf.save_model(model, tmp_path / "m")
    assert {p.suffix for p in (tmp_path / "m").iterdir()} == {".json", ".safetensors"}
    again = gf.load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(raw), model.predict(raw))
    gf.save_model(again, tmp_path / "copy")
    np.testing.assert_array_equal(gf.load_model(tmp_path / "copy").predict(raw), model.predict(raw))
    with pytest.raises(gf.GoodfitError, match="the images are 3 x 20 x 20: the model was trained on 3 x 24 x 24"):
        again.predict(np.zeros((2, 3, 20, 20), np.uint8))
    message = (
        "backbone again does not see plain images" if not unfreeze else "backbone again stands on a backbone itself"
    )
    with pytest.raises(gf.GoodfitError, match=message):
        backbone_of(again, "again")


def test_fine_tuning_starts_from_the_pretrained_weights(backbone: Backbone) -> None:
    task = striped(1, 20)
    config = gf.Config(**fine_tune(task, backbone, 1), epochs=2, batch_size=32, lr=0.01)
    weights = gf.train(config, task)[0].weights
    for name, value in backbone.weights.items():
        assert torch.equal(weights[f"trunk.network.{name}"], value) == name.startswith("block1")


def test_what_cannot_be_combined_is_refused(backbone: Backbone, house_task: gf.Task) -> None:
    task = striped(1, 20)
    with pytest.raises(gf.GoodfitError, match="setting 'augment' changes images, but the networks see features"):
        gf.train(HEADS.replace(augment="flip"), freeze(task, backbone))
    with pytest.raises(gf.GoodfitError, match="setting 'decorrelate' changes images"):
        gf.train(HEADS.replace(decorrelate="zca"), freeze(task, backbone))
    with pytest.raises(gf.GoodfitError, match="table is a table: a backbone is for images"):
        freeze(house_task, backbone)
    floats = gf.Task.from_images(np.random.default_rng(0).random((40, 1, 20, 20)), np.arange(40) % 2)
    with pytest.raises(
        gf.GoodfitError, match=r"the images hold floats and backbone stripes \(cnn\) was trained on bytes"
    ):
        fine_tune(floats, backbone, 1)


def test_what_is_no_backbone_is_named(house_task: gf.Task, tmp_path: Path) -> None:
    linear = gf.train(gf.Config(epochs=1, depth=0), striped(1, 8)).model()
    with pytest.raises(gf.GoodfitError, match="model 'mlp' cannot be a backbone"):
        backbone_of(linear, "x")
    table = gf.train(gf.Config(epochs=1, width=4), house_task).model()
    with pytest.raises(gf.GoodfitError, match="backbone x does not see plain images"):
        backbone_of(table, "x")
    with pytest.raises(gf.GoodfitError, match=r"it holds no manifest.json and no config.json"):
        open_backbone(tmp_path)
    with pytest.raises(gf.GoodfitError, match="backbone not/at/all is not there: give a run folder"):
        open_backbone("not/at/all")


def test_without_transformers_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        gf.GoodfitError, match=r"needs transformers, which is not installed: pip install 'goodfit\[transfer\]'"
    ):
        open_backbone(tmp_path)


# --- folders in Hugging Face format: tiny networks with random weights

TINY: dict[str, dict[str, Any]] = {
    "ResNet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
    "ConvNext": {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2, "image_size": 32, "patch_size": 4},
    "ViT": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32,
        "patch_size": 8,
    },
}  # fmt: skip
SEEN = {"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2], "resample": 3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'goodfit[transfer]'")
    transformers.logging.disable_progress_bar()
    home = tmp_path_factory.mktemp("hub")
    torch.manual_seed(0)
    for name, settings in TINY.items():
        config = getattr(transformers, f"{name}Config")(num_labels=5, **settings)
        transformers.AutoModelForImageClassification.from_config(config).save_pretrained(home / name)
        (home / name / "preprocessor_config.json").write_text(json.dumps(SEEN))
    return home


@pytest.mark.parametrize("name", TINY)
def test_features_are_what_the_classifier_sees(folders: Path, name: str) -> None:
    """The pretrained classifier's last layer on our features gives its own logits."""
    import transformers

    backbone = open_backbone(folders / name)
    assert backbone.input.model_dump() == {
        "size": (3, 32, 32), "values": "bytes", "mean": (0.5, 0.4, 0.3), "scale": (0.2, 0.2, 0.2), "resample": "bicubic",
        "order": "rgb",
    }  # fmt: skip
    task = striped(3, 32, rows=20)
    frozen = freeze(task, backbone).extractor
    assert frozen is not None and isinstance(task.inputs, np.ndarray)
    whole = transformers.AutoModelForImageClassification.from_pretrained(folders / name).eval()
    x = (torch.from_numpy(task.inputs) / 255 - torch.tensor(SEEN["image_mean"])[:, None, None]) / 0.2
    head = [layer for layer in whole.modules() if isinstance(layer, torch.nn.Linear)][-1]
    with torch.no_grad():
        expected, found = whole(pixel_values=x).logits, head(torch.from_numpy(frozen.features(task.inputs)))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "kernel"), [("ResNet", "generic"), ("ConvNext", "side-by-side"), ("ViT", "sequential")]
)
def test_heads_and_fine_tuning_on_grey_images_of_another_size(
    folders: Path, name: str, kernel: str, tmp_path: Path
) -> None:
    backbone, task = open_backbone(folders / name), striped(1, 24, rows=80)
    seen = freeze(task, backbone)
    heads = gf.train(gf.vary(HEADS, seed=range(2)), seen)
    assert heads.frame()["kernel"].tolist() == ["resident"] * 2
    config = gf.Config(**fine_tune(task, backbone, 2), epochs=1, batch_size=24, lr=1e-3)
    tuned = gf.train(gf.vary(config, seed=range(2)), task, kernel=kernel)
    raw = task.raw("test")
    for label, model in (("heads", heads.model()), ("tuned", tuned.model())):
        gf.save_model(model, tmp_path / label)
        np.testing.assert_array_equal(gf.load_model(tmp_path / label).predict(raw), model.predict(raw))


def test_kernels_agree_on_a_network_with_norms_of_its_own(folders: Path) -> None:
    task = striped(3, 32, rows=60)
    config = gf.Config(**fine_tune(task, open_backbone(folders / "ConvNext"), 3), epochs=2, batch_size=16, lr=1e-2)
    losses = [
        gf.train([config, config.replace(seed=1)], task, kernel=k)[0].validation_loss for k in ("generic", "sequential")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_without_their_description_images_are_taken_as_those_of_imagenet(folders: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((folders / "ConvNext" / name).read_bytes())
    found = open_backbone(folder).input
    assert found.size == (3, 32, 32) and found.mean == (0.485, 0.456, 0.406) and found.resample == "bilinear"
    told = {
        "size": {"shortest_edge": 40},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
        "do_normalize": False,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    found = open_backbone(folder).input
    assert found.size == (3, 32, 32) and found.mean == (0, 0, 0) and found.scale == (1, 1, 1)


@pytest.mark.parametrize(
    "told",
    [
        {"image_processor_type": "ViTImageProcessor", "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]},
        {"image_processor_type": "ViTImageProcessor", "rescale_factor": 1 / 127.5, "image_mean": [0.5] * 3, "image_std": [0.2] * 3},
        {"image_processor_type": "ViTImageProcessor", "do_rescale": False, "image_mean": [120, 110, 100], "image_std": [50, 51, 52]},
        {"image_processor_type": "MobileViTImageProcessor", "do_flip_channel_order": True, "do_center_crop": False},
        {"image_processor_type": "EfficientNetImageProcessor", "include_top": True, "image_mean": [0.5] * 3, "image_std": [0.2, 0.3, 0.4]},
    ],
    ids=["usual", "other factor", "unscaled", "blue first", "twice"],
)  # fmt: skip
def test_images_are_prepared_as_transformers_does(told: dict[str, Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'goodfit[transfer]'")
    told |= {"size": {"height": 32, "width": 32}, "resample": 2, "do_normalize": "image_mean" in told}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    image = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    expected = transformers.AutoImageProcessor.from_pretrained(tmp_path)(image, return_tensors="pt")["pixel_values"]
    found = Adapter(read_input(tmp_path, {}), (3, 32, 32))(torch.from_numpy(image)[None] / 255)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "told",
    [
        "[1, 2]", '{"image_mean": "grey"}', '{"image_std": null}', '{"image_std": [0, 0, 0]}', '{"rescale_factor": 0}',
        '{"size": {"height": 3}}', '{"size": -1}', '{"image_mean": [NaN, 0, 0]}', "{",
    ],
)  # fmt: skip
def test_a_damaged_description_of_images_is_one_line(told: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(told)
    with pytest.raises(gf.GoodfitError, match=r"preprocessor_config.json cannot be read \(.*\): restore it") as caught:
        read_input(tmp_path, {})
    assert "\n" not in str(caught.value)


def test_code_that_comes_with_a_model_is_neither_run_nor_asked_about(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("the user was asked"))
    auto_map = {"AutoConfig": "own.OwnConfig", "AutoModelForImageClassification": "own.Own"}
    for kind in ("resnet", "own"):
        folder = tmp_path / kind
        folder.mkdir()
        config = json.loads((folders / "ResNet" / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"model_type": kind, "auto_map": auto_map}))
        (folder / "model.safetensors").write_bytes((folders / "ResNet" / "model.safetensors").read_bytes())
        (folder / "own.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w').close()")
    assert open_backbone(tmp_path / "resnet").name == "resnet (ResNetForImageClassification)"
    with pytest.raises(gf.GoodfitError, match="backbone own is built by code of its own, and goodfit runs no code"):
        open_backbone(tmp_path / "own")
    assert not (tmp_path / "run").exists()


def test_damaged_folders_are_one_line(folders: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_bytes((folders / "ResNet" / "config.json").read_bytes())
    with pytest.raises(gf.GoodfitError, match=r"has no \.safetensors file: other formats can execute code"):
        open_backbone(folder)
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(gf.GoodfitError, match="backbone broken cannot be read by transformers"):
        open_backbone(folder)
    (folder / "model.safetensors").write_bytes((folders / "ViT" / "model.safetensors").read_bytes())
    with pytest.raises(gf.GoodfitError, match="backbone broken lacks weights"):
        open_backbone(folder)
    (folder / "config.json").write_text('{"model_type": "from-the-future"}')
    with pytest.raises(gf.GoodfitError, match="backbone broken cannot be read by transformers") as caught:
        open_backbone(folder)
    assert "\n" not in str(caught.value)


def test_the_hub_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="needs transformers: pip install 'goodfit[transfer]'")

    def unreachable(*_: object, **__: object) -> str:
        raise OSError("Got: ConnectError: no network\nmore words")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(
        gf.GoodfitError, match=r"cannot be had from the Hugging Face hub \(Got: ConnectError: no network\)"
    ):
        open_backbone("somebody/resnet")
