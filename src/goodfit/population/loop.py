"""The training loop of a population, in plain sight. It yields what happened; the caller decides what to keep."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.optim.schedules import rate_table
from goodfit.population.kernel import EVALUATION_ROWS, Kernel
from goodfit.population.problem import Part, Problem
from goodfit.randomness import batch_order

Reason = Literal["finished", "early stopped", "diverged", "out of time"]


@dataclass(frozen=True)
class EpochRecord:
    """One member after one epoch. Epoch 0 is the untrained network, its `train_loss` that of the first rows.

    `train_loss` is the mean over the epoch's batches, each before its step, with dropout on.
    """

    member: int
    epoch: int
    step: int
    train_loss: float
    validation_loss: float | None


@dataclass(frozen=True)
class Outcome:
    """How one member ended, with its best weights: lowest validation loss, or the last where nothing is held out.

    `validation_output` is [n_validation, n_out] of those weights; None without a validation part.
    A member that was never finite keeps its initial weights and `best_epoch` 0.
    """

    member: int
    reason: Reason
    best_epoch: int
    epochs: int
    steps: int
    validation_loss: float | None
    validation_output: np.ndarray | None
    weights: dict[str, Tensor]
    seconds: float


@dataclass
class _Member:
    """What the loop remembers of one member while it is present."""

    index: int
    config: Config
    best_loss: float = math.inf
    best_epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    output: np.ndarray | None = None

    def reason_to_leave(self, epoch: int, losses: tuple[float, float], done: bool, late: bool) -> Reason | None:
        if not all(map(math.isfinite, losses)):
            return "diverged"
        if done:
            return "finished"
        if late:
            return "out of time"
        patience = self.config.patience
        return "early stopped" if patience and epoch - self.best_epoch >= patience else None


def train_population(
    configs: Sequence[Config], problem: Problem, kernel_type: type[Kernel], deadline: float | None = None
) -> Iterator[EpochRecord | Outcome]:
    """Train configs of one shape together; yield a record per member and epoch, and an `Outcome` as each leaves.

    Members leave at epoch borders: at the end of their budget, when `patience` epochs brought no lower
    validation loss, when a loss is not finite, or at the deadline (`time.monotonic()` seconds, looked at
    before every step). Those who stay compute exactly what they would have computed without the others.

    The configs must agree in everything but what `goodfit.training.planner` lists as free per member.
    """
    started = time.monotonic()
    steps_per_epoch = math.ceil(len(problem.train) / configs[0].batch_size)
    limit = min(configs[0].epochs * steps_per_epoch, configs[0].max_steps or math.inf)
    rates = torch.from_numpy(np.stack([rate_table(config, int(limit)) for config in configs]))
    kernel = kernel_type(configs, problem)
    members = [_Member(index, config) for index, config in enumerate(configs)]
    train_losses = _mean_loss(kernel, _first_rows(problem.train), problem)[0]
    epoch = step = 0
    late = False
    while True:
        held_out, outputs = _validation(kernel, train_losses, problem)
        present = list(members)
        for k, member in enumerate(present):
            losses = float(train_losses[k]), float(held_out[k])
            validation_loss = losses[1] if problem.validation else None
            yield EpochRecord(member.index, epoch, step, losses[0], validation_loss)
            better = losses[1] < member.best_loss if problem.validation else math.isfinite(losses[0])
            if better or epoch == 0:
                member.best_loss, member.best_epoch, member.weights = losses[1], epoch, kernel.weights(k)
                member.output = outputs[k] if outputs is not None else None
            reason = member.reason_to_leave(epoch, losses, step >= limit, late)
            if reason:
                members.remove(member)
                best_loss = member.best_loss if problem.validation else None
                spent = time.monotonic() - started
                yield Outcome(
                    member.index, reason, member.best_epoch, epoch, step, best_loss, member.output, member.weights, spent
                )  # fmt: skip
        if not members:
            return
        if len(members) < len(present):
            kernel.keep([k for k, member in enumerate(present) if member in members])
            rates = rates[[k for k, member in enumerate(present) if member in members]]
        epoch += 1
        until = int(min(step + steps_per_epoch, limit))
        seeds = [member.config.seed for member in members]
        train_losses, step = _one_epoch(
            kernel, problem, seeds, epoch, step, until, rates, configs[0].batch_size, deadline
        )
        late = step < until or _is_past(deadline)


def _one_epoch(
    kernel: Kernel, problem: Problem, seeds: Sequence[int], epoch: int, step: int, until: int, rates: Tensor,
    batch_size: int, deadline: float | None,
) -> tuple[Tensor, int]:  # fmt: skip
    """Step through one epoch (or to `until`, or the deadline); return the mean batch losses [K] and the step reached."""
    orders = {seed: batch_order(seed, epoch, len(problem.train)) for seed in set(seeds)}
    order = torch.stack([orders[seed] for seed in seeds]).to(problem.device)
    total, seen = torch.zeros(len(seeds), dtype=torch.float64, device=problem.device), 0
    for rows in order.split(batch_size, dim=1):
        if step >= until or _is_past(deadline):
            break
        total += kernel.step(rows, step, rates[:, step]).double() * rows.shape[1]
        seen += rows.shape[1]
        step += 1
    return total / max(seen, 1), step


def _mean_loss(kernel: Kernel, part: Part, problem: Problem) -> tuple[Tensor, np.ndarray]:
    """Return every member's mean loss [K] and output [K, n, n_out] on a part."""
    output = kernel.output(part)
    losses = problem.row_loss(output, part.y.expand(len(output), -1)).double().mean(1)
    return losses, output.cpu().numpy()


def _validation(kernel: Kernel, train_losses: Tensor, problem: Problem) -> tuple[Tensor, np.ndarray | None]:
    if problem.validation is None:
        return train_losses, None
    return _mean_loss(kernel, problem.validation, problem)


def _first_rows(part: Part) -> Part:
    return Part(part.x[:EVALUATION_ROWS], part.y[:EVALUATION_ROWS])


def _is_past(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
