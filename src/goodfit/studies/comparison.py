"""Variants of one training against each other, over seeds: what was measured, as one record."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from goodfit.config import Config, vary
from goodfit.errors import GoodfitError
from goodfit.paired import Standing, band, rank
from goodfit.runs import Runs, Training
from goodfit.studies.answer import word_answer
from goodfit.task import Task
from goodfit.training import Progress, RunFolder, train

TUNING_SEEDS = 2
"""Trainings at every rate that is tried where each variant gets a rate of its own; with seeds that judge nothing."""
TUNING_FIRST_SEED = 1_000_000


@dataclass(frozen=True)
class Variant:
    """A name, and the settings in which it differs from the base."""

    name: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Means:
    """What a comparison trains with: where results are kept, on what, for how long, and who hears of it.

    Attributes:
        keep_weights: a comparison needs only losses and metrics. stop: see `goodfit.training.train`.
    """

    folder: RunFolder | None = None
    device: str = "auto"
    time_limit: float | None = None
    on_progress: Callable[[Progress], None] | None = None
    on_stage: Callable[[str, str], None] = field(default=lambda name, what: None)
    keep_weights: bool = False
    stop: Callable[[], bool] | None = None

    def train(self, configs: Sequence[Config], task: Task, stage: str, keep_weights: bool = False) -> Runs:
        """Train, mostly keeping no weights: a comparison needs only losses and metrics."""
        return train(
            configs, task, folder=self.folder, stage=stage, device=self.device, time_limit=self.time_limit,
            stop=self.stop, keep_weights=keep_weights or self.keep_weights, on_progress=self.on_progress,
        )  # fmt: skip


IN_MEMORY = Means()


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
    began = time.monotonic()
    configs = [base.replace(**variant.settings) for variant in variants]
    tuned = _tune(task, configs, rates, means) if rates else None
    if tuned:
        configs = [config.replace(lr=rate) for config, (rate, _) in zip(configs, tuned, strict=True)]
    means.on_stage("comparison", f"{len(variants)} variants, {seeds} seeds each")
    first = base.seed
    runs = means.train(
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
