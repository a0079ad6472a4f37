"""Mean and variance of activations through the depth of an untrained perceptron."""

import torch

from goodfit.config import Config
from goodfit.memory import refuse_too_large
from goodfit.nn.activation_facts import ACTIVATION_FACTS
from goodfit.nn.models import build_model
from goodfit.nn.unit_statistics import UnitStatistics, unit_statistics
from goodfit.randomness import torch_generator

ROWS = 512


def through_depth(
    activation: str, depth: int, *, width: int = 256, init: str = "auto", seed: int = 0
) -> list[UnitStatistics]:
    """Pass standard normal samples through an untrained perceptron; return what each of its activations did.

    Args:
        activation: one that can be trained.
        depth, width: of the perceptron; inputs are as many as units.
        init: initialiser; auto is the one that belongs to the activation (`ActivationFacts.init`).

    Raises:
        GoodfitError: an unknown initialiser, or a perceptron that does not fit into memory.
    """
    needed = 4 * depth * width * (width + 2 * ROWS)
    refuse_too_large(needed, f"signals in a perceptron of depth {depth} and width {width}")
    init = ACTIVATION_FACTS[activation].init if init == "auto" else init
    config = Config(width=width, depth=depth, activation=activation, init=init, seed=seed)
    x = torch.randn(ROWS, width, generator=torch_generator(seed, "samples through depth"))
    found = unit_statistics(build_model(config, (width,), 1), x)
    return [layer for layer in found if layer.name.startswith("activations.")]
