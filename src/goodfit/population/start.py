"""A member's network with its first weights, the same on every kernel."""

from torch import nn

from goodfit.config import Config
from goodfit.nn.initialisers import Sample, needs_data
from goodfit.nn.models import build_model
from goodfit.population.own_data import OwnData
from goodfit.population.problem import Problem

SAMPLE_ROWS = 256
"""Training rows shown to initialisers that look at data."""


def first_network(config: Config, problem: Problem) -> nn.Module:
    """Return the network of a config as it is before its first step, on the CPU."""
    sample = first_sample(config, problem) if needs_data(config.init) else None
    return build_model(config, problem.input_shape, problem.outputs, sample)


def first_sample(config: Config, problem: Problem) -> Sample:
    """Return training samples drawn by the member's seed from the rows that it trains on, as it sees them."""
    data = OwnData(config, problem)
    data.begin_epoch(0)  # no training has an epoch 0, so its order is free
    rows = data.rows(0, data.steps_per_epoch).ravel()[: min(SAMPLE_ROWS, data.count)]
    part, [places] = problem.train.fetch([rows])
    targets = problem.train.y if data.targets is None else data.targets
    return Sample(part.x[places].cpu(), targets[rows].cpu(), problem.row_loss)
