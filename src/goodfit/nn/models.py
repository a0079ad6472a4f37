"""From a `Config` to a network with its initial weights."""

import contextlib
import random
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from goodfit.config import Config, ModelFactory
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.nn.activation_facts import ACTIVATION_FACTS
from goodfit.nn.activations import ACTIVATIONS
from goodfit.nn.architecture import Architecture
from goodfit.nn.cnn import CNN
from goodfit.nn.densenet import DENSENETS
from goodfit.nn.initialisers import Sample, Start, initialise, read_initialiser, scale_weights
from goodfit.nn.lenet import LENET
from goodfit.nn.mean_field import gain
from goodfit.nn.mlp import PERCEPTRON
from goodfit.nn.norm_layers import NORMS
from goodfit.nn.resnet import RESNETS
from goodfit.randomness import key, torch_generator

MODELS: dict[str, Architecture] = {"mlp": PERCEPTRON, "cnn": CNN, "lenet": LENET, **RESNETS, **DENSENETS}

STRUCTURE = ("model", "width", "depth", "activation", "norm", "skip")
"""Settings that decide which layers a network has and of which shapes."""


def settled(config: Config) -> Config:
    """Return a config with its model's own values in place of `auto` and None; an own module's config as it is."""
    return MODELS[config.model].settled(config) if isinstance(config.model, str) else config


def check_names(config: Config) -> None:
    """Raise `GoodfitError` where model, activation, normalisation or initialiser is not in its registry."""
    _check_structure(config)
    if isinstance(config.init, str):
        read_initialiser(config.init)


def _check_structure(config: Config) -> None:
    facts = ACTIVATION_FACTS.get(config.activation)
    if facts and facts.untrainable:
        raise GoodfitError(f"activation '{config.activation}' cannot be trained: {facts.untrainable}")
    registries: dict[str, Collection[str]] = {
        "activation": ["auto", *ACTIVATIONS],
        "norm": ["auto", *NORMS],
    }
    if isinstance(config.model, str):
        registries["model"] = MODELS
    for setting, registry in registries.items():
        name = getattr(config, setting)
        if name not in registry:
            own = " (a model of your own is passed as a factory from Python)" if setting == "model" else ""
            raise GoodfitError(
                f"setting '{setting}' is '{name}'{did_you_mean(name, registry)}: choose one of {', '.join(registry)}{own}"
            )


def make_module(config: Config, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """Return the network of a config as its class makes it, before the initialiser.

    Args:
        input_shape: shape of one prepared sample, [n_in] or [C, H, W].
        outputs: number of outputs: 1 for regression, C for classes.

    Raises:
        GoodfitError: an unknown name, a setting without meaning for the model, samples it cannot take, or a factory
            that does not return a module, or one with nothing to train.
    """
    _check_structure(config)
    with _seeded(key(config.seed, "module")):
        if isinstance(config.model, str):
            architecture = MODELS[config.model]
            return architecture.build(architecture.settled(config), input_shape, outputs)
        module = _from_factory(config.model)
        if not isinstance(module, nn.Module):
            raise GoodfitError(f"the model factory returned {type(module).__name__}: it must return a torch.nn.Module")
        _materialise(module, input_shape)
        if not any(p.requires_grad for p in module.parameters()):
            raise GoodfitError("the model has no parameters to train: return a module with at least one layer")
    return module


def check_factory(factory: object) -> None:
    """Raise `GoodfitError` where a network is given instead of what makes one."""
    if isinstance(factory, nn.Module):
        raise GoodfitError(
            "the module is one network: give a function that makes it, for every training needs its own weights"
        )


def _from_factory(factory: ModelFactory) -> Any:
    check_factory(factory)
    try:
        return factory()
    except GoodfitError:
        raise
    except Exception as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:160]
        raise GoodfitError(
            f"the model factory raises {type(error).__name__} ({said}): it is called without arguments and must return a "
            "torch.nn.Module"
        ) from None


@contextlib.contextmanager
def _seeded(stream: int) -> Iterator[None]:
    """Seed the global generators that a constructor may draw from, and put them back afterwards."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also queue a call for every GPU library that is not loaded yet
        torch.default_generator.manual_seed(stream >> 1)
        random.seed(stream)
        np.random.seed(stream >> 32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


def build_model(config: Config, input_shape: Sequence[int], outputs: int, sample: Sample | None = None) -> nn.Module:
    """Return the network of a config with its initial weights, all drawn from `config.seed`.

    Args:
        input_shape, outputs: see `make_module`.
        sample: training samples, for initialisers that look at data.
    """
    module = make_module(config, input_shape, outputs)
    # a module of the user's own does not say what its activation is: ReLU is taken
    activation = settled(config).activation if isinstance(config.model, str) else "relu"
    start = Start(module, lambda name: torch_generator(config.seed, "initial weights", name), gain(activation), sample)
    if isinstance(config.model, str) or config.init != "default":
        initialise(start, config.init, config.init_scale)
    else:
        # a user's own module keeps the weights its constructor drew, unless an initialiser is asked for
        scale_weights(start, config.init_scale)
    return module


def _materialise(module: nn.Module, input_shape: Sequence[int]) -> None:
    """Let lazy layers find their sizes."""
    if any(isinstance(p, UninitializedParameter) for p in module.parameters()):
        with torch.no_grad():
            module(torch.zeros(2, *input_shape))
