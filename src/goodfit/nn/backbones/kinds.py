"""How a backbone is built again from its description, by kind. Descriptions are JSON: nothing in them is executed.

Adding a kind is adding one entry to `KINDS`.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.errors import GoodfitError, MissingExtraError
from goodfit.nn.dropout import KeyedDropout
from goodfit.nn.mlp import MLP
from goodfit.nn.models import make_module

Build = Callable[[dict[str, Any]], nn.Module]
"""Description -> network [B, C, H, W] -> [B, features], with any weights."""

ATTENTION = "eager"
"""Other implementations draw from a stream of their own, cannot be vectorised, or are fetched from the hub."""


def _goodfit(description: dict[str, Any]) -> nn.Module:
    config = Config(**description["config"])
    return without_head(make_module(config, description["input_shape"], description["outputs"]), str(config.model))


def without_head(module: nn.Module, name: str) -> nn.Module:
    """Return a named model without its last linear layer and the dropout before it.

    Raises:
        GoodfitError: the model is no row of layers that ends in a linear one, or nothing else.
    """
    if isinstance(module, MLP) and len(module.layers) > 1:
        del module.layers[-1], module.connects[-1]
        module.dropouts[-1] = KeyedDropout(0.0)
        return module
    layers = list(module.named_children())
    if not isinstance(module, nn.Sequential) or not isinstance(layers[-1][1], nn.Linear):
        raise GoodfitError(
            f"model '{name}' cannot be a backbone: take a network with hidden layers, such as cnn, resnet-20 or mlp"
        )
    layers.pop()
    while isinstance(layers[-1][1], KeyedDropout):
        layers.pop()
    return nn.Sequential(OrderedDict(layers))


class _Pooled(nn.Module):
    """A model of transformers, and one vector of features for each image out of what it returns."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        found = self.model(pixel_values=x)
        if "logits" in found:  # of a classifier whose last layer is the identity
            return found["logits"].flatten(1)
        if found.get("pooler_output") is not None:
            return found["pooler_output"].flatten(1)
        hidden = found["last_hidden_state"]
        return hidden.mean(1) if hidden.ndim == 3 else hidden.flatten(2).mean(2)


def import_transformers() -> Any:
    """Return the package `transformers`, silent.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise MissingExtraError("transformers", "transfer", "a backbone in Hugging Face format") from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def pooled(model: nn.Module) -> nn.Module:
    """Return a model of transformers as a network from images to features."""
    return _Pooled(model)


def transformers_class(config: Any) -> Any:
    """Return the class that builds a config's network: a classifier of images where there is one."""
    transformers = import_transformers()
    known = type(config) in transformers.AutoModelForImageClassification._model_mapping
    return transformers.AutoModelForImageClassification if known else transformers.AutoModel


def _transformers(description: dict[str, Any]) -> nn.Module:
    config = import_transformers().AutoConfig.for_model(**description["config"])
    return pooled(
        transformers_class(config).from_config(config, trust_remote_code=False, attn_implementation=ATTENTION)
    )


KINDS: dict[str, Build] = {"goodfit": _goodfit, "transformers": _transformers}


def build(kind: str, description: dict[str, Any]) -> nn.Module:
    """Return the network of a description, its weights drawn at random without touching the global generator."""
    if kind not in KINDS:
        raise GoodfitError(f"backbone of kind '{kind}' is unknown: upgrade goodfit")
    with torch.random.fork_rng(devices=[]):
        return KINDS[kind](description)
