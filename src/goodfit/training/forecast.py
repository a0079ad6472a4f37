"""How long a training will take, from a few steps of it."""

import math
from collections.abc import Sequence

from goodfit.config import Config
from goodfit.population.own_data import OwnData
from goodfit.population.problem import Problem
from goodfit.task import Task
from goodfit.training.measure import LONG_ENOUGH, measure, seconds_per_step
from goodfit.training.planner import group_by_data, plan
from goodfit.training.tensors import choose_device, make_problem

FORWARD_SHARE = 1 / 3
"""What an output costs of a training step with the same rows, which also goes back and finds the weights' gradient."""


def forecast(configs: Sequence[Config], task: Task, device: str = "auto", measuring: float = 0.0) -> float:
    """Return about how many seconds `goodfit.training.train` takes for configs if none of them stops early.

    Measured by some steps of the first members of every population, on the kernel that trains it (compiled before).
    Nothing is remembered: the machine may have been quieter an hour ago. Left out: the time to make networks
    and keep results.

    Args:
        measuring: seconds of these steps together, more or less; the more, the less it hangs on chance.
    """
    where, total = choose_device(device), 0.0
    populations = []
    for positions in group_by_data(configs, task.is_table):
        problem = make_problem(task, configs[positions[0]], where)
        populations += [(problem, found) for found in plan(configs, positions, problem, measure=seconds_per_step)]
    long_enough = max(LONG_ENOUGH, measuring / len(populations))
    for problem, population in populations:
        members = [configs[position] for position in population.positions]
        each = measure(members, problem, population.kernel, long_enough)
        total += each * sum(_steps(config, problem) for config in members)
    return total


def steps_to_look(rows: int, batch_size: int) -> float:
    """Return how many training steps it costs to look at so many rows once."""
    return FORWARD_SHARE * rows / batch_size


def _steps(config: Config, problem: Problem) -> float:
    """Return a training's optimiser steps, looking at the validation part counted as such."""
    per_epoch = OwnData(config, problem).steps_per_epoch
    looking = 0.0 if problem.validation is None else steps_to_look(len(problem.validation), config.batch_size)
    epochs = min(config.epochs, (config.max_steps or math.inf) / per_epoch)
    return epochs * (per_epoch + looking)
