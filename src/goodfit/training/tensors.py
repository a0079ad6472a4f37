"""From a task and a config to the tensors of a training, on a device."""

import numpy as np
import torch

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.losses import find_loss
from goodfit.population import Part, Problem, StreamedPart
from goodfit.task import PartName, Task


def make_problem(task: Task, config: Config, device: torch.device) -> Problem:
    """Return what a config trains on: tensors, or samples that are streamed because they do not fit in memory."""

    def part(name: PartName) -> Part | StreamedPart:
        y = torch.from_numpy(task.code.encode(task.truth(name)))
        x = task.samples(config, name, device)
        if isinstance(x, np.ndarray):
            return Part(torch.from_numpy(x), y).to(device)
        return StreamedPart(x, y.to(device), device)

    if config.fold is not None:
        both = part("development")
        return Problem(both, both, task.code.outputs, find_loss(config.loss, task.kind), lambda c: task.judged_by(c)[1])
    validation = part("validation") if len(task.rows("validation")) else None
    return Problem(part("train"), validation, task.code.outputs, find_loss(config.loss, task.kind))


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` takes a GPU where there is one."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if there["cuda"] else "cpu")
    if name not in there:
        raise GoodfitError(f"device '{name}' is unknown: choose auto, cpu, cuda or mps")
    if not there[name]:
        raise GoodfitError(f"device '{name}' is not there on this machine: choose --device cpu or auto")
    return torch.device(name)
