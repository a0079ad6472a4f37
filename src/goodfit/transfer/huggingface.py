"""Backbones in Hugging Face format: `config.json`, safetensors, and `preprocessor_config.json` for what they want to see."""

import json
from pathlib import Path
from typing import Any

import torch

from goodfit.errors import GoodfitError, MissingExtraError
from goodfit.nn.backbones import Backbone, ImageInput
from goodfit.nn.backbones.kinds import ATTENTION, import_transformers, pooled, transformers_class

IMAGENET_MEAN, IMAGENET_SCALE = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Taken where a folder does not say how its images were normalised; likewise the size."""
USUAL_SIZE = 224
BICUBIC = 3
"""Pillow's number, which is how these files name it."""
WANTED = ["*.json", "*.safetensors"]


def download(name: str) -> Path:
    """Return the local folder of a model on the hub, fetched if it is not there.

    Raises:
        GoodfitError: no such model, or no connection.
        MissingExtraError: transformers, which brings the hub's client, is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("transformers", "transfer", "a backbone from the Hugging Face hub") from None
    try:
        return Path(snapshot_download(name, allow_patterns=WANTED))
    except Exception as error:  # connection, permission, name: the client has an exception for each
        reason = str(error).split("\n")[0].rstrip(". ") or type(error).__name__
        raise GoodfitError(
            f"backbone {name} is no folder here and cannot be had from the Hugging Face hub ({reason}): check name and "
            "connection, or give a folder with config.json and safetensors"
        ) from None


def open_transformers(folder: Path, name: str) -> Backbone:
    """Read a model of transformers without its head.

    Raises:
        GoodfitError: no safetensors, a config that this version of transformers does not know, or missing weights.
        MissingExtraError: transformers is not installed.
    """
    transformers = import_transformers()
    if not any(folder.glob("*.safetensors")):
        raise GoodfitError(
            f"backbone {name} has no .safetensors file: other formats can execute code and are not read, convert it with "
            "model.save_pretrained of transformers"
        )
    try:
        # without labels a classifier's last layer is the identity
        # trust_remote_code: unless it is said, transformers asks on the terminal whether to run a folder's code
        config = transformers.AutoConfig.from_pretrained(
            folder, num_labels=0, local_files_only=True, trust_remote_code=False
        )
        with torch.random.fork_rng(devices=[]):
            model, report = transformers_class(config).from_pretrained(
                folder, config=config, use_safetensors=True, local_files_only=True, trust_remote_code=False,
                output_loading_info=True, attn_implementation=ATTENTION, dtype=torch.float32,
            )  # fmt: skip
    except Exception as error:  # damaged files and unknown configs make transformers raise nearly anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        if "custom code" in reason:
            raise GoodfitError(
                f"backbone {name} is built by code of its own, and goodfit runs no code that comes with a model: take a "
                "network that transformers knows"
            ) from None
        raise GoodfitError(f"backbone {name} cannot be read by transformers ({reason}): check the folder") from None
    missing = [key for key in report["missing_keys"] if "pooler" not in key]
    if missing:
        raise GoodfitError(f"backbone {name} lacks weights ({missing[0]}, {len(missing)} in all): it cannot be used")
    wanted = read_input(folder, config.to_dict())
    network = pooled(model).eval()
    features = feature_count(network, wanted, name)
    description = {"config": json.loads(json.dumps(config.to_dict(), default=str))}
    # a copy each: tensors that share memory cannot be written
    weights = {key: value.detach().clone() for key, value in network.state_dict().items()}
    return Backbone(f"{name} ({type(model).__name__})", "transformers", description, wanted, features, weights)


def feature_count(network: torch.nn.Module, wanted: ImageInput, name: str) -> int:
    """Return how many features a network makes of an image."""
    try:
        with torch.no_grad():
            found = network(torch.zeros(2, *wanted.size))
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        size = " x ".join(map(str, wanted.size))
        raise GoodfitError(f"backbone {name} cannot make features of images {size} ({reason}): take another") from None
    return int(found.shape[1])


def read_input(folder: Path, config: dict[str, Any]) -> ImageInput:
    """Return what a model wants to see, out of `preprocessor_config.json` and its config.

    Raises:
        GoodfitError: the file is no JSON, or says what cannot be.
    """
    path = folder / "preprocessor_config.json"
    try:
        told = dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
        return _told_input(told, config)
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError) as error:  # pydantic's is a ValueError
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise GoodfitError(f"{path} cannot be read ({reason}): restore it from a copy") from None


def _told_input(told: dict[str, Any], config: dict[str, Any]) -> ImageInput:
    channels = int(config.get("num_channels") or 3)
    normalises = told.get("do_normalize", True)
    mean = told.get("image_mean", IMAGENET_MEAN) if normalises else 0.0
    scale = told.get("image_std", IMAGENET_SCALE) if normalises else 1.0
    # EfficientNet divides by the deviation a second time
    twice = 2 if normalises and told.get("include_top") else 1
    # (factor * bytes - mean) / scale, in terms of bytes / 255
    factor = float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0
    return ImageInput(
        size=(channels, *_side_lengths(told, config)),
        values="bytes",
        mean=tuple(value / (255 * factor) for value in _each(mean, channels)),
        scale=tuple(value**twice / (255 * factor) for value in _each(scale, channels)),
        resample="bicubic" if told.get("resample") == BICUBIC else "bilinear",
        order="bgr" if told.get("do_flip_channel_order") else "rgb",
    )


def _side_lengths(told: dict[str, Any], config: dict[str, Any]) -> tuple[int, int]:
    """Return height and width: what is cut out of the middle, else what is resized to, else the model's own."""
    cut = told.get("crop_size") if told.get("do_center_crop") else None
    for size in (cut, told.get("size"), config.get("image_size"), USUAL_SIZE):
        if isinstance(size, dict):
            size = (size["height"], size["width"]) if "height" in size else size.get("shortest_edge")
        if isinstance(size, int):
            return size, size
        if isinstance(size, list | tuple) and len(size) == 2:
            return int(size[0]), int(size[1])
    return USUAL_SIZE, USUAL_SIZE


def _each(values: float | list[float] | tuple[float, ...], channels: int) -> tuple[float, ...]:
    """Return a value for each channel; where their number differs, their mean."""
    listed = [float(v) for v in values] if isinstance(values, list | tuple) else [float(values)]
    return tuple(listed) if len(listed) == channels else (sum(listed) / len(listed),) * channels
