"""Variants of one training against each other, over seeds: what was measured, as one record."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from goodfit.config import Config, vary
from goodfit.errors import GoodfitError
from goodfit.paired import Standing, band, rank
from goodfit.runs import Runs, Training
from goodfit.studies.answer import word_answer
from goodfit.studies.time_limit import TooLittleTimeError, check_begun, cut_short, word_cuts
from goodfit.task import Task
from goodfit.training import Progress, RunFolder, train

TUNING_SEEDS = 2
"""Trainings at every rate that is tried where each variant gets a rate of its own; with seeds that judge nothing."""
TUNING_FIRST_SEED = 1_000_000
LEAST_PART = 0.1
"""Of the time that is left, that a stage gets however little it has to do: to begin takes time too. What it does not need
goes to those after it."""


@dataclass(frozen=True)
class Variant:
    """A name, and the settings in which it differs from the base."""

    name: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Means:
    """What a comparison trains with: where results are kept, on what, until when, and who hears of it.

    Attributes:
        deadline: when all must have ended, in seconds of `now`. keep_weights: a comparison needs only losses and metrics.
        stop: see `goodfit.training.train`. on_trained: hears the name of every stage and what it trained.
    """

    folder: RunFolder | None = None
    device: str = "auto"
    deadline: float | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_stage: Callable[[str, str], None] = field(default=lambda name, what: None)
    keep_weights: bool = False
    stop: Callable[[], bool] | None = None
    on_trained: Callable[[str, Runs], None] = field(default=lambda stage, runs: None)
    now: Callable[[], float] = time.monotonic

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - self.now())

    def in_turn(self, work: Sequence[float]) -> Iterator["Means"]:
        """Yield the means of one stage after the other, each with its part of the time that is left when it begins.

        Args:
            work: of every stage, in any unit; the time is shared in proportion to it, so that a limit which does not
                suffice cuts the trainings of all stages alike.
        """
        for number, own in enumerate(work):
            left = self.seconds_left
            part = max(own / sum(work[number:]), LEAST_PART) if own else 0.0
            yield self if left is None else replace(self, deadline=self.now() + part * left)

    def train(
        self, configs: Sequence[Config], task: Task, stage: str, keep_weights: bool = False, kernel: str = "auto"
    ) -> Runs:
        """Train, mostly keeping no weights: a comparison needs only losses and metrics."""
        runs = train(
            configs, task, folder=self.folder, stage=stage, kernel=kernel, device=self.device,
            time_limit=self.seconds_left, stop=self.stop, keep_weights=keep_weights or self.keep_weights,
            on_progress=self.on_progress,
        )  # fmt: skip
        self.on_trained(stage, runs)
        return runs


IN_MEMORY = Means()


def within_time(study: Callable[[Means], dict[str, Any]], means: Means, seeds: Sequence[int]) -> dict[str, Any]:
    """Return a study's record, in which its answer says what the time limit cut short.

    Where the time did not suffice to tell anything, the answer says no more than that.

    Args:
        seeds: the first and the last.
    """
    began = time.monotonic()
    trained: dict[str, list[Training]] = {}

    def hear(stage: str, runs: Runs) -> None:
        trained.setdefault(stage, []).extend(runs)
        check_begun(trained[stage])

    caution = ["What is told holds for trainings of that length."]
    try:
        record = study(replace(means, on_trained=hear))
    except TooLittleTimeError as error:
        record = {
            "answer": [f"The time did not suffice to answer this: {error}."], "seeds": list(seeds), "notes": [],
            "seconds": time.monotonic() - began, "trainings": sum(map(len, trained.values())),
        }  # fmt: skip
        caution = []
    cuts = cut_short(trained)
    if not cuts:
        return record
    first, *others = record["answer"]
    return record | {"answer": [first, word_cuts(cuts), *caution, *others], "cut_short": cuts}


def grid(axes: Mapping[str, Iterable[Any]]) -> list[Variant]:
    """Return every combination of the settings' values, named by their values."""
    base = Config()
    variants = []
    for config in vary(base, **axes):
        settings = {name: getattr(config, name) for name in axes}
        words = [_word(name, config.settings().get(name), alone=len(axes) == 1) for name in axes]
        variants.append(Variant(", ".join(words), settings))
    return variants


def _word(name: str, value: Any, alone: bool) -> str:
    """Name a value: `gelu` speaks for itself, `64` and `none` need their setting's name beside others."""
    speaks = isinstance(value, str) and value not in ("none", "default", "auto")
    return str(value) if alone or speaks else f"{name} {value}"


def compare_variants(
    task: Task, base: Config, variants: Sequence[Variant], *, seeds: int = 8, rates: Sequence[float] = (),
    means: Means = IN_MEMORY, by: str = "metric",
) -> dict[str, Any]:  # fmt: skip
    """Train every variant with the same seeds and return what was found, as JSON values.

    Args:
        seeds: number of trainings of each variant, with seeds `base.seed`, `base.seed` + 1, ...; a variant's training
            with a seed starts from the same random numbers as the others' with it, so differences are paired.
        rates: learning rates of which each variant gets the one that suits it best, found with other seeds; none
            leaves the base's rate to all.
        by: judge by the task's `metric` or by the `loss`, on the validation part; the test part is not looked at.

    Raises:
        GoodfitError: fewer than two variants or seeds, names that are not unique, a setting that does not fit.
    """
    _check(task, variants, seeds)
    compared = partial(_compare, task, base, variants, seeds, rates, by)
    return within_time(compared, means, (base.seed, base.seed + seeds - 1))


def _compare(
    task: Task, base: Config, variants: Sequence[Variant], seeds: int, rates: Sequence[float], by: str, means: Means
) -> dict[str, Any]:
    """Return the record of `compare_variants`."""
    began = time.monotonic()
    configs = [base.replace(**variant.settings) for variant in variants]
    # a variant's trainings take as many steps in either stage, so their numbers tell the work
    turns = means.in_turn([len(rates) * TUNING_SEEDS, seeds])
    tuning = next(turns)
    tuned = _tune(task, configs, rates, tuning) if rates else None
    if tuned:
        configs = [config.replace(lr=rate) for config, (rate, _) in zip(configs, tuned, strict=True)]
    means.on_stage("comparison", f"{len(variants)} variants, {seeds} seeds each")
    first = base.seed
    runs = next(turns).train(
        [config.replace(seed=seed) for config in configs for seed in range(first, first + seeds)], task, "comparison"
    )
    groups = [runs.trainings[i * seeds : (i + 1) * seeds] for i in range(len(variants))]
    smaller = by == "loss" or not task.metric.greater_is_better
    values = {
        variant.name: {t.config.seed: _value(t, by) for t in group} for variant, group in zip(variants, groups, strict=True)
    }  # fmt: skip
    standings = rank(values, smaller_is_better=smaller)
    named = {variant.name: (variant, group) for variant, group in zip(variants, groups, strict=True)}
    record = {
        "judged_by": "validation loss" if by == "loss" else f"validation {task.metric.name}",
        "smaller_is_better": smaller,
        "seeds": [first, first + seeds - 1],
        "base": base.settings(),
        "varied": sorted({name for variant in variants for name in variant.settings}),
        "standings": [_describe(standing, *named[str(standing.name)]) for standing in standings],
        "curves": {name: _curves(group) for name, (_, group) in named.items()},
        "rates": {variant.name: found for variant, (_, found) in zip(variants, tuned, strict=True)} if tuned else None,
        "seconds": time.monotonic() - began,
        "trainings": len(runs) + (len(configs) * len(rates) * TUNING_SEEDS if rates else 0),
    }
    return record | {"answer": word_answer(record)}


def _check(task: Task, variants: Sequence[Variant], seeds: int) -> None:
    names = [variant.name for variant in variants]
    if len(names) < 2:
        raise GoodfitError(f"{len(names)} variant to compare: give at least two values")
    if len(set(names)) < len(names):
        raise GoodfitError(f"variant '{next(n for n in names if names.count(n) > 1)}' is there twice: leave one out")
    if seeds < 2:
        raise GoodfitError(f"{seeds} seed for each variant: differences need at least two to be judged by")
    if len(task.rows("validation")) == 0:
        raise GoodfitError("the validation part has no rows: give it a share above 0, for it judges the variants")


def _tune(
    task: Task, configs: Sequence[Config], rates: Sequence[float], means: Means
) -> list[tuple[float, list[list[float | None]]]]:
    """Return for each config its best rate, and [rate, mean validation loss] of all that were tried."""
    means.on_stage("learning rates", f"{len(rates)} for each of {len(configs)} variants, with seeds of their own")
    candidates = [[config.replace(lr=rate) for rate in rates] for config in configs]
    return [
        (float(rates[best]), [[float(r), v] for r, v in zip(rates, losses, strict=True)])
        for best, losses in choose(task, candidates, means, "rates")
    ]


def choose(
    task: Task, candidates: Sequence[Sequence[Config]], means: Means, stage: str
) -> list[tuple[int, list[float | None]]]:
    """Return for each list of configs the position of the best one, and the mean validation loss of all of them.

    Each is trained with `TUNING_SEEDS` seeds of their own, which judge nothing afterwards. One alone is not trained. The
    loss is None where a training diverged.
    """
    seeds = range(TUNING_FIRST_SEED, TUNING_FIRST_SEED + TUNING_SEEDS)
    tried = [c.replace(seed=seed) for configs in candidates if len(configs) > 1 for c in configs for seed in seeds]
    trainings = iter(means.train(tried, task, stage)) if tried else iter(())
    found: list[tuple[int, list[float | None]]] = []
    for configs in candidates:
        if len(configs) == 1:
            found.append((0, [None]))
            continue
        losses = np.array([[_tuning_loss(next(trainings)) for _ in seeds] for _ in configs]).mean(1)
        found.append((int(losses.argmin()), [float(v) if np.isfinite(v) else None for v in losses]))
    return found


def _tuning_loss(training: Training) -> float:
    diverged = training.reason == "diverged" or not np.isfinite(training.validation_loss)
    return np.inf if diverged else training.validation_loss


def _value(training: Training, by: str) -> float | None:
    value = training.validation_loss if by == "loss" else training.validation_metric
    return None if training.reason == "diverged" or not np.isfinite(value) else value


def _describe(standing: Standing, variant: Variant, group: Sequence[Training]) -> dict[str, Any]:
    config = group[0].config.settings()
    final = [t.curve["train_loss"].iloc[-1] for t in group if t.reason != "diverged"]
    return {
        "name": standing.name,
        "settings": {name: config.get(name) for name in variant.settings},
        "lr": config["lr"],
        "n": len(standing.values),
        "diverged": standing.diverged,
        "value": standing.mean,
        "interval": list(standing.interval),
        "difference": standing.difference,
        "difference_interval": list(standing.difference_interval),
        "verdict": standing.verdict,
        "train_loss": float(np.mean(final)) if final else None,
        "seconds": float(np.mean([t.seconds for t in group])),
        "values": {str(seed): value for seed, value in standing.values.items()},
    }


def _curves(group: Sequence[Training]) -> dict[str, Any]:
    """Return mean and interval over the seeds: losses against epoch, and of the first batches against step."""
    longest = max(len(t.curve) for t in group)
    losses = np.full((2, len(group), longest), np.nan)
    first = np.full((len(group), max(len(t.first_losses) for t in group)), np.nan)
    for k, training in enumerate(group):
        for row, name in enumerate(("train_loss", "validation_loss")):
            losses[row, k, : len(training.curve)] = training.curve[name].to_numpy(np.float64)
        first[k, : len(training.first_losses)] = training.first_losses
    return {"train": band(losses[0]), "validation": band(losses[1]), "first_losses": band(first)}
