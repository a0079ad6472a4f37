"""What a backbone does to a task: frozen, it gives features that heads are trained on; else its last blocks train too."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from goodfit.data.images import PixelPreparation
from goodfit.errors import GoodfitError
from goodfit.nn.backbones import Backbone, FineTuning, FrozenBackbone
from goodfit.task import Task
from goodfit.training.tensors import choose_device
from goodfit.wording import count

LAYER_RATE = 0.4
"""Factor of the rate from each block to the one before it; Howard & Ruder 2018, section 3.2, take 1 / 2.6."""


def freeze(task: Task, backbone: Backbone, device: str = "auto") -> Task:
    """Return the task with images replaced by features of a frozen backbone, which are computed once.

    Heads are perceptrons on these features; any number of them trains together. A model of them predicts from raw
    images: it holds the backbone.

    Args:
        device: where features are computed.

    Raises:
        GoodfitError: a table, or images that the backbone cannot see.
    """
    images = _images(task, backbone)
    before = PixelPreparation.fit(images[:1], "none")
    frozen = FrozenBackbone(backbone, before, torch.device(choose_device(device)))
    size = " x ".join(map(str, backbone.input.size))
    note = (
        f"networks see {count(backbone.features, 'feature')} of each image, made by the frozen backbone {backbone.name} from "
        f"{size} (channels, height, width)"
    )
    return replace(task, extractor=frozen, notes=[*task.notes, note], _prepared={})


def fine_tune(
    task: Task, backbone: Backbone, unfreeze: int, layer_rate: float = LAYER_RATE, dropout: float = 0.2
) -> dict[str, Any]:
    """Return the settings of a config that trains a backbone's last blocks under a new head.

    Args:
        unfreeze: blocks that train, counted from the output; the others stay frozen.
        layer_rate: factor of the rate from each block to the one before it; the head trains at the full rate.
        dropout: before the head.

    Raises:
        GoodfitError: a table, images that the backbone cannot see, or more blocks than there are.
    """
    images = _images(task, backbone)
    model = FineTuning(backbone, images.shape[1:], task.code.outputs, unfreeze, layer_rate, dropout)
    return {"model": model, "pixels": "none"}


def _images(task: Task, backbone: Backbone) -> np.ndarray:
    if not isinstance(task.inputs, np.ndarray):
        raise GoodfitError(f"{task.name} is a table: a backbone is for images, leave --backbone out")
    values = PixelPreparation.fit(task.inputs[:1], "none").values
    if values != backbone.input.values:
        raise GoodfitError(
            f"the images hold {values} and backbone {backbone.name} was trained on {backbone.input.values} (bytes are whole "
            "numbers 0 ... 255): bring them to the same"
        )
    return task.inputs
