"""The training loop of a population, in plain sight. It yields what happened; the caller decides what to keep."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from goodfit import memory
from goodfit.config import Config
from goodfit.optim.restarts import cosine_ends
from goodfit.optim.schedules import rate_table
from goodfit.population.augmented import augmented, most_steps
from goodfit.population.kernel import Batches, Kernel, Snapshot
from goodfit.population.own_data import OwnData
from goodfit.population.problem import Part, Problem, StreamedPart
from goodfit.population.workers import for_each, one_ahead

SECONDS_AT_ONCE = 0.25
"""About how long the kernel runs between two looks at the clock and at Ctrl-C."""

FIRST_STEPS = 100
"""Steps at the start of every training whose losses are kept one by one."""

Reason = Literal["finished", "early stopped", "pruned", "diverged", "out of time", "interrupted"]

Prune = Callable[[Mapping[int, tuple[int, float]]], Collection[int]]
"""Hears (epoch, lowest loss so far) of the members whose epoch has just ended, infinite for one that diverged, and names
those that are to leave. It is the only way in which members can tell upon each other, and it comes from outside."""


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
class Kept:
    """A member as it was at the end of an epoch, beside its best weights; fields as in `Outcome`."""

    epoch: int
    validation_loss: float | None
    validation_output: np.ndarray | None
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class Outcome:
    """How one member ended, with its best weights: lowest validation loss, or the last where nothing is held out or
    `Config.best_weights` is off.

    `validation_output` is [n_validation, n_out] of those weights; None without a validation part. `first_losses` are
    those of the first `FIRST_STEPS` batches, each before its step.
    A member that was never finite keeps its initial weights and `best_epoch` 0. `snapshots` are of the last epoch before
    the end of each cosine of `cosine-restarts` (Huang et al. 2017).
    """

    member: int
    reason: Reason
    best_epoch: int
    epochs: int
    steps: int
    validation_loss: float | None
    validation_output: np.ndarray | None
    weights: dict[str, Tensor]
    first_losses: np.ndarray
    seconds: float
    snapshots: Sequence[Kept] = ()


@dataclass
class _Member:
    """What the loop remembers of one member while it is present.

    Members take their steps together, but each has epochs of its own length (`Config.train_rows`).
    """

    index: int
    config: Config
    data: OwnData
    limit: int
    rates: np.ndarray
    epoch: int = 0
    began: int = 0
    border: int = 0
    """The step at which the member's epoch ends."""
    loss_sum: float = 0.0
    rows_seen: int = 0
    first_losses: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_epoch: int = 0
    kept_loss: float = math.inf
    kept_epoch: int = 0
    weights: Snapshot = dict
    output: np.ndarray | None = None
    cosine_ends: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    snapshots: list[tuple[tuple[int, float | None, np.ndarray | None], Snapshot]] = field(default_factory=list)

    def begin_epoch(self) -> None:
        """Start the next epoch where the last one ended."""
        self.epoch, self.began = self.epoch + 1, self.border
        self.border = min(self.began + self.data.steps_per_epoch, self.limit)
        self.loss_sum, self.rows_seen = 0.0, 0
        self.data.begin_epoch(self.epoch)

    @property
    def train_loss(self) -> float:
        """Mean loss of the epoch so far."""
        return self.loss_sum / max(self.rows_seen, 1)

    def is_to_be_kept(self, loss: float, problem: Problem) -> bool:
        """Return whether the present weights replace those that were kept, by their validation loss."""
        if problem.validation is None or not self.config.best_weights:
            return math.isfinite(loss)
        return loss < self.kept_loss

    def ends_a_cosine(self) -> bool:
        """Return whether a cosine of the schedule ends now, or before the next epoch does."""
        following = max(min(self.border + self.data.steps_per_epoch, self.limit), self.border + 1)
        return self.epoch > 0 and bool(((self.border <= self.cosine_ends) & (self.cosine_ends < following)).any())

    def reason_to_leave(self, losses: tuple[float, float], step: int, over: Reason | None) -> Reason | None:
        """Say why the member leaves at this border, or None if it stays."""
        if not all(map(math.isfinite, losses)):
            return "diverged"
        if step >= self.limit:
            return "finished"
        if over:
            return over
        patience = self.config.patience
        return "early stopped" if patience and self.epoch - self.best_epoch >= patience else None


def train_population(
    configs: Sequence[Config],
    problem: Problem,
    make_kernel: Callable[[Sequence[Config], Problem], Kernel],
    deadline: float | None = None,
    stop: Callable[[], bool] | None = None,
    prune: Prune | None = None,
) -> Iterator[EpochRecord | Outcome]:
    """Train configs of one shape together; yield a record per member and epoch, and an `Outcome` as each leaves.

    Members leave at the borders of their epochs: at the end of their budget, when `patience` epochs brought no lower
    validation loss, when `prune` names them, when a loss is not finite, at the deadline (`time.monotonic()` seconds), or
    when `stop` says so (both looked at about every `SECONDS_AT_ONCE`). Those who stay compute exactly what they would have
    computed without the others.

    The configs may differ in what the kernel allows (`goodfit.training.planner`).
    """
    started = time.monotonic()
    members = [_new_member(index, config, problem) for index, config in enumerate(configs)]
    labels = _own_labels(members, problem)
    kernel = make_kernel(configs, problem)
    first = problem.train.head(memory.rows_at_once(problem.input_shape))
    losses, _ = _mean_loss(kernel, first, range(len(members)), problem)
    for member, loss in zip(members, losses, strict=True):
        member.loss_sum, member.rows_seen = float(loss), 1
    end = partial(_why_end, deadline, stop)
    step, over, pace = 0, end(), _Pace()
    while True:
        # members whose epoch ends here (all of them at the start, and when time is up)
        ended = [k for k, member in enumerate(members) if over or step == member.border]
        held_out, outputs = _validation(kernel, ended, members, problem)
        judgements: dict[int, tuple[float, float]] = {}
        for i, k in enumerate(ended):
            member = members[k]
            train_loss = member.train_loss
            validation_loss = float(held_out[i]) if problem.validation else None
            yield EpochRecord(member.index, member.epoch, step, train_loss, validation_loss)
            judged = train_loss if validation_loss is None else validation_loss
            if member.epoch == 0 or member.is_to_be_kept(judged, problem):
                member.kept_loss, member.kept_epoch, member.weights = judged, member.epoch, kernel.snapshot(k)
                member.output = outputs[i] if outputs is not None else None
            if validation_loss is None or judged < member.best_loss:
                member.best_loss, member.best_epoch = judged, member.epoch
            judgements[k] = train_loss, judged
            if step == member.border and member.ends_a_cosine() and math.isfinite(judged):
                output = outputs[i] if outputs is not None else None
                member.snapshots.append(((member.epoch, validation_loss, output), kernel.snapshot(k)))
        over = over or end()  # an epoch that begins has at least one step
        hopeless = _pruned(members, judgements, prune) if prune and not over else set()
        leaving = set()
        for k, losses_now in judgements.items():
            member = members[k]
            reason = member.reason_to_leave(losses_now, step, over) or ("pruned" if k in hopeless else None)
            if reason:
                leaving.add(k)
                kept_loss = member.kept_loss if problem.validation else None
                spent = time.monotonic() - started
                yield Outcome(
                    member.index, reason, member.kept_epoch, member.epoch, step, kept_loss, member.output,
                    member.weights(), np.array(member.first_losses), spent,
                    [Kept(*seen, weights()) for seen, weights in member.snapshots],
                )  # fmt: skip
        if leaving:
            stay = [k for k in range(len(members)) if k not in leaving]
            members, labels = [members[k] for k in stay], None if labels is None else labels[stay]
            if not members:
                return
            kernel.keep(stay)
        for_each(_Member.begin_epoch, [member for member in members if member.border == step])
        until = min(member.border for member in members)
        step = _advance(kernel, members, problem, labels, step, until, pace, end)
        over = over or end()


def _pruned(members: Sequence[_Member], judgements: Mapping[int, tuple[float, float]], prune: Prune) -> set[int]:
    """Return the places of the members that are to leave because others do better."""
    borders = {
        members[k].index: (members[k].epoch, members[k].best_loss if all(map(math.isfinite, losses)) else math.inf)
        for k, losses in judgements.items()
    }
    named = prune(borders)
    return {k for k in judgements if members[k].index in named}


def _new_member(index: int, config: Config, problem: Problem) -> _Member:
    data = OwnData(config, problem)
    limit = int(min(config.epochs * data.steps_per_epoch, config.max_steps or math.inf))
    rates = rate_table(config, limit)
    return _Member(index, config, data, limit, rates, cosine_ends=cosine_ends(config, rates))


def _own_labels(members: Sequence[_Member], problem: Problem) -> Tensor | None:
    """Return the training targets of every member [K, n], or None where all see the same."""
    if not any(member.config.label_noise for member in members):
        return None
    return torch.stack([problem.train.y if member.data.targets is None else member.data.targets for member in members])


def _advance(
    kernel: Kernel, members: Sequence[_Member], problem: Problem, labels: Tensor | None, step: int, until: int,
    pace: "_Pace", end: Callable[[], Reason | None],
) -> int:  # fmt: skip
    """Step on to `until` or an early end, a few steps at once and once at least; return the step reached."""
    with contextlib.closing(_batches(members, problem, labels, step, until, pace)) as coming:
        for batches in coming:
            began = time.monotonic()
            losses = kernel.advance(batches)
            pace.learn(batches.steps, time.monotonic() - began)
            if step < FIRST_STEPS:
                for member, first in zip(members, losses[:, : FIRST_STEPS - step].tolist(), strict=True):
                    member.first_losses += first
            # one loss is added after the other, however many come at once
            sums = losses * batches.counts
            sums[:, 0] += [member.loss_sum for member in members]
            totals, rows = np.add.accumulate(sums, axis=1)[:, -1].tolist(), batches.counts.sum(axis=1).tolist()
            for member, total, seen in zip(members, totals, rows, strict=True):
                member.loss_sum, member.rows_seen = total, member.rows_seen + seen
            step += batches.steps
            if end():
                break
    return step


class _Pace:
    """How many steps the kernel takes at once, so that it answers about every `SECONDS_AT_ONCE`."""

    def __init__(self) -> None:
        self.steps = 8

    def learn(self, steps: int, seconds: float) -> None:
        """Adapt to the time that some steps took; at most double, for the first ones may have been slow or lucky."""
        fitting = steps * SECONDS_AT_ONCE / max(seconds, 1e-9)
        self.steps = max(1, int(min(fitting, 16 * steps)))


def _batches(
    members: Sequence[_Member], problem: Problem, labels: Tensor | None, step: int, until: int, pace: _Pace
) -> Generator[Batches]:
    """Yield what the members see from `step` to `until`; streamed samples are fetched one piece ahead."""
    configs = [member.config for member in members]
    held = most_steps(configs, problem.input_shape)

    def fetch(borders: tuple[int, int]) -> Batches:
        start, stop = borders
        spans = [(member, start - member.began, stop - member.began) for member in members]
        part, rows = problem.train.fetch([member.data.rows(i, j) for member, i, j in spans], labels)
        if held is not None:
            part, rows = augmented(part, rows, configs, start)
        return Batches(
            part,
            rows,
            np.stack([member.data.counts(i, j) for member, i, j in spans]),
            np.stack([member.data.mix(start, stop - start) for member in members]),
            np.stack([member.rates[start:stop] for member in members]),
            start,
        )

    if not isinstance(problem.train, StreamedPart):
        while step < until:
            stop = min(step + min(pace.steps, held or pace.steps), until)
            yield fetch((step, stop))
            step = stop
        return
    bytes_per_step = 4 * math.prod(problem.input_shape) * sum(member.config.batch_size for member in members)
    at_once = max(1, memory.PIECE_BYTES // bytes_per_step)
    borders = itertools.pairwise([*range(step, until, min(at_once, held or at_once)), until])
    with contextlib.closing(one_ahead(fetch, borders)) as coming:
        for piece in coming:
            done = 0
            while done < piece.steps:
                some = piece.between(done, done + pace.steps)
                yield some
                done += some.steps


def _mean_loss(
    kernel: Kernel,
    part: Part | StreamedPart,
    members: Sequence[int],
    problem: Problem,
    judging: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return these members' mean loss [len(members)] and output [len(members), n, n_out] on a part.

    Args:
        judging: rows over which each member's mean goes, bool [len(members), n]; None takes all.
    """
    sums, outputs, done = np.zeros(len(members)), [], 0
    for chunk in part.chunks():
        output = kernel.output(chunk, members)
        losses = problem.row_loss(output, chunk.y.expand(len(output), -1)).double()
        if judging is not None:
            here = torch.from_numpy(judging[:, done : done + len(chunk)]).to(losses.device)
            losses = torch.where(here, losses, torch.zeros_like(losses))
        sums += losses.sum(1).cpu().numpy()
        outputs.append(output.cpu().numpy())
        done += len(chunk)
    means = sums / (len(part) if judging is None else judging.sum(1))
    return means, np.concatenate(outputs, axis=1) if len(outputs) > 1 else outputs[0]


def _validation(
    kernel: Kernel, ended: Sequence[int], members: Sequence[_Member], problem: Problem
) -> tuple[np.ndarray, np.ndarray | None]:
    if problem.validation is None:
        return np.full(len(ended), np.nan), None
    found = [members[k].data.judging for k in ended]
    judging = np.stack([rows for rows in found if rows is not None]) if problem.judging and found else None
    return _mean_loss(kernel, problem.validation, ended, problem, judging)


def _why_end(deadline: float | None, stop: Callable[[], bool] | None) -> Reason | None:
    """Say why all members must end now, or return None; once it has said so, it always does."""
    if stop is not None and stop():
        return "interrupted"
    return "out of time" if deadline is not None and time.monotonic() >= deadline else None
