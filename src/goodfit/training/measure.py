"""A short measurement of which kernel is fastest for a make of network, remembered between processes."""

import hashlib
import json
import math
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from goodfit._version import __version__
from goodfit.config import Config
from goodfit.data.download import cache_folder
from goodfit.nn.models import make_module
from goodfit.population import KERNELS, Problem
from goodfit.population.augmented import augmented, most_steps
from goodfit.population.kernel import Batches
from goodfit.population.workers import worker_count
from goodfit.training.files import write_json

WORTH_STEPS = 500
"""Network-steps of work below which alternatives are not measured."""
MEMBERS, STEPS = 8, 3
"""Networks and steps of a measurement, after a first step that is not counted."""
LONG_ENOUGH, MOST_STEPS = 0.03, 200
"""Seconds below which more steps are taken, for a call costs time of its own; up to so many."""


def worth_measuring(configs: Sequence[Config], problem: Problem) -> bool:
    """Return whether the work is long enough for a measurement to pay."""
    per_epoch = math.ceil(len(problem.train) / configs[0].batch_size)
    return len(configs) * min(configs[0].epochs * per_epoch, configs[0].max_steps or math.inf) >= WORTH_STEPS


def seconds_per_step(configs: Sequence[Config], problem: Problem, kernels: Sequence[str]) -> dict[str, float]:
    """Return seconds per network and step on each kernel, from memory where this make was measured before."""
    path = cache_folder() / "kernels.json"
    known = _read(path)
    members = list(configs[:MEMBERS])
    found = {}
    for name in kernels:
        mark = _mark(members, problem, name)
        if mark not in known:
            known[mark] = measure(members, problem, name, LONG_ENOUGH)
            _write(path, known)
        found[name] = known[mark]
    return found


def measure(configs: Sequence[Config], problem: Problem, kernel: str, long_enough: float) -> float:
    """Return seconds per network and step as they are now, found by work of at least so many seconds."""
    configs = configs[:MEMBERS]
    alike = [configs[0].replace(seed=config.seed) for config in configs]
    members = KERNELS[kernel].make(alike, problem)
    batch, held = min(configs[0].batch_size, len(problem.train)), most_steps(alike, problem.input_shape)
    most = min(MOST_STEPS, held or MOST_STEPS)

    def batches(steps: int) -> Batches:
        rows = np.arange(steps * batch).reshape(steps, batch) % len(problem.train)
        part, places = problem.train.fetch([rows] * len(alike))
        if held is not None:
            part, places = augmented(part, places, alike, 0)
        shape = (len(alike), steps)
        return Batches(part, places, np.full(shape, batch), np.ones(shape, np.float32), np.full(shape, 1e-4), 0)

    members.advance(batches(1))
    steps = min(STEPS, most)
    while True:
        started = time.perf_counter()
        members.advance(batches(steps))
        seconds = time.perf_counter() - started
        if seconds >= long_enough or steps == most:
            return seconds / steps / len(alike)
        steps = min(4 * steps, most)


def _mark(configs: Sequence[Config], problem: Problem, kernel: str) -> str:
    """Return a digest of all that the speed depends on."""
    config = configs[0]
    module = make_module(config, problem.input_shape, problem.outputs)
    what = [
        __version__, torch.__version__, platform.node(), platform.processor(), worker_count(), str(problem.device),
        kernel, len(configs), repr(module), config.optimiser, config.precision, config.batch_size, problem.input_shape,
        sum(p.numel() for p in module.parameters()),
    ]  # fmt: skip
    return hashlib.sha256(repr(what).encode()).hexdigest()[:24]


def _read(path: Path) -> dict[str, float]:
    try:
        return {str(mark): float(seconds) for mark, seconds in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # not there, or not readable: measured again


def _write(path: Path, known: dict[str, float]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known)
    except OSError:
        return  # a read-only home: the measurement serves this process
