"""Where backbones come from: a run or model folder of goodfit, a folder in Hugging Face format, the hub."""

import re
from pathlib import Path

from goodfit.data.images import PixelPreparation
from goodfit.errors import GoodfitError
from goodfit.model import Model
from goodfit.nn.backbones import Backbone, ImageInput
from goodfit.nn.backbones.kinds import build
from goodfit.training.model_folder import MANIFEST, load_model
from goodfit.transfer.huggingface import download, open_transformers

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def open_backbone(where: str | Path) -> Backbone:
    """Read a backbone; only JSON and safetensors are read, nothing is executed.

    Args:
        where: run folder of `goodfit train`, model folder, folder with `config.json` and safetensors, or a name on the
            Hugging Face hub, such as microsoft/resnet-18.

    Raises:
        GoodfitError: none of these, weights that do not fit, or a network that cannot be a backbone; one line each.
        MissingExtraError: a backbone in Hugging Face format, and transformers is not installed.
    """
    folder = Path(where)
    name = folder.resolve().name
    if (folder / "model" / MANIFEST).is_file():
        folder = folder / "model"
    if (folder / MANIFEST).is_file():
        return backbone_of(load_model(folder), name)
    if (folder / "config.json").is_file():
        return open_transformers(folder, name)
    if folder.exists():
        raise GoodfitError(
            f"backbone {where} is neither a goodfit run nor in Hugging Face format: it holds no {MANIFEST} and no config.json"
        )
    if not _HUB_NAME.fullmatch(str(where)):
        raise GoodfitError(
            f"backbone {where} is not there: give a run folder, a folder with config.json and safetensors, or a name on the "
            "hub such as microsoft/resnet-18"
        )
    return open_transformers(download(str(where)), str(where))


def backbone_of(model: Model, name: str) -> Backbone:
    """Return the first network of a model without its head.

    Raises:
        GoodfitError: a model of columns, one on a backbone itself, or a network that is no row of layers.
    """
    member = model.members[0]
    [preparation] = {id(p): p for p in model.preparations.values()}.values() if len(model.preparations) == 1 else [None]
    if not isinstance(preparation, PixelPreparation):
        raise GoodfitError(
            f"backbone {name} does not see plain images: take a network that was trained on images themselves"
        )
    if not isinstance(member.config.model, str):
        raise GoodfitError(f"backbone {name} stands on a backbone itself: take that one")
    description = {
        "config": member.config.settings(), "input_shape": list(preparation.size), "outputs": model.code.outputs,
    }  # fmt: skip
    network = build("goodfit", description)
    kept = network.state_dict().keys()
    wanted = ImageInput(
        size=preparation.size, values=preparation.values, mean=preparation.mean, scale=preparation.scale
    )  # fmt: skip
    [head] = [w for n, w in reversed(member.weights.items()) if n.endswith("weight") and n not in kept][:1]
    weights = {n: w for n, w in member.weights.items() if n in kept}
    return Backbone(f"{name} ({member.config.model})", "goodfit", description, wanted, head.shape[1], weights)
