"""Transfer against training from scratch, by the number of labelled images of each class.

A network is pretrained on all classes but two; those two are then learnt from few images: from scratch, by a head on the
frozen backbone's features, and by training the whole backbone further with rates that fall from block to block.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.model import Member, forward, load_weights
from goodfit.nn.backbones import Backbone
from goodfit.nn.backbones.backbone import blocks
from goodfit.nn.models import make_module
from goodfit.paired import LEVEL, band, t_interval
from goodfit.runs import Runs, Training
from goodfit.studies.comparison import IN_MEMORY, TUNING_FIRST_SEED, TUNING_SEEDS, Means
from goodfit.task import Task
from goodfit.training import train
from goodfit.transfer import backbone_of, fine_tune, freeze
from goodfit.wording import figure

HELD_BACK = ("Sandal", "Shirt")
"""Classes that are held back where the data have them (Géron 2019, chapter 11); else the last two."""
SIZES = (5, 10, 50, 100, 200, 1000, 4000)
"""Labelled images of each held-back class."""
TOLD = 100
"""The size that the answer begins with."""
RATES = (1e-3, 3e-3, 1e-2)
PRETRAINING = {
    "model": "cnn", "width": 8, "optimiser": "adam", "lr": 3e-3, "schedule": "cosine", "batch_size": 64, "epochs": 3,
    "train_rows": 30000,
}  # fmt: skip
NETWORK = ("model", "width", "depth", "activation", "norm", "skip", "optimiser", "batch_size")
"""Settings that the trainings on the held-back classes share with the pretraining."""
STEPS = 300
SCRATCH, FROZEN, TUNED = "from scratch", "frozen, new head", "fine-tuned"


@dataclass(frozen=True)
class _Way:
    """A way to learn the held-back classes."""

    name: str
    task: Task
    config: Config
    kernel: str = "auto"


def transfer_study(
    task: Task, settings: Mapping[str, Any], *, seeds: int = 8, seed: int = 0, means: Means = IN_MEMORY
) -> dict[str, Any]:
    """Pretrain, learn the held-back classes in three ways from ever more images, and return the record.

    Args:
        settings: in place of `PRETRAINING`'s; those in `NETWORK`, and `max_steps`, hold for all trainings.
    """
    began = time.monotonic()
    known, target, names = split_classes(task)
    base = Config(**{**PRETRAINING, **settings, "seed": seed})
    means.on_stage("pretraining", f"on {len(known.code.classes)} classes")
    pretrained = _train([base], known, "pretraining", means)
    ways = _ways(target, base, backbone_of(pretrained.model(), "pretrained"), seed, means)
    pool = len(target.rows("train")) // len(names)
    sizes = [size for size in SIZES if size < pool]
    if not sizes:
        raise GoodfitError(f"{pool} training images of each held-back class: at least {SIZES[0] + 1} are needed")
    errors, rates, trainings = {}, {}, 1
    for way in ways:
        rates[way.name] = _tune(way, sizes, means)
        means.on_stage(way.name, f"{len(sizes)} numbers of images, {seeds} seeds each")
        configs = [
            way.config.replace(train_rows=size * len(names), lr=rate, seed=s)
            for size, rate in zip(sizes, rates[way.name], strict=True)
            for s in range(seed, seed + seeds)
        ]
        found = [1 - judged(way.task, t)[0] for t in _train(configs, way.task, way.name, means, way.kernel)]
        errors[way.name] = np.array(found).reshape(len(sizes), seeds)
        trainings += len(configs) + len(sizes) * len(RATES) * TUNING_SEEDS
    gains = {name: _gains(errors[SCRATCH] - errors[name], 2 * len(sizes)) for name in (FROZEN, TUNED)}
    return {
        "answer": _answer(sizes, errors, gains, names),
        "seeds": [seed, seed + seeds - 1],
        "base": base.settings(),
        "seconds": time.monotonic() - began,
        "trainings": trainings,
        "lines": [_errors_drawn(sizes, errors), _gains_drawn(sizes, errors)],
        "tables": [_table(sizes, errors, gains, rates)],
        "notes": [
            f"Held back: {' and '.join(names)}. The pretraining saw {len(known.rows('train')):,} images of the other "
            f"{len(known.code.classes)} classes at most; the intervals hold for this one backbone.",
            f"Every training takes at most {ways[0].config.max_steps} steps with the same images of a seed; those of both classes are drawn "
            "together, so the numbers of a class hold on average.",
            f"No training sees the {len(target.rows('test')):,} judging images, its last weights count. Its rate is the best "
            f"of {len(RATES)} in {TUNING_SEEDS} trainings with other seeds, by their loss on the judging images.",
            f"Intervals of the gains are paired by seed and hold together for all numbers and both ways (Bonferroni, {LEVEL:.0%}).",
        ],
    }


def split_classes(task: Task) -> tuple[Task, Task, tuple[str, ...]]:
    """Return the task of the known classes, that of the two held-back ones, and the names of the latter.

    The held-back task's training part comes from the task's, its test part is the task's validation part.

    Raises:
        GoodfitError: no images, fewer than four classes, or nothing to judge by.
    """
    classes = [str(c) for c in task.code.classes]
    if task.is_table or len(classes) < 4:
        raise GoodfitError(f"the study 'transfer' needs images of at least 4 classes: {task.name} has none, or fewer")
    if not len(task.rows("validation")):
        raise GoodfitError("the validation part has no rows: give it a share above 0, for it judges the trainings")
    names = HELD_BACK if set(HELD_BACK) <= set(classes) else tuple(classes[-2:])
    held_back = np.isin(task.target, [classes.index(name) for name in names])
    assert isinstance(task.inputs, np.ndarray)

    def make(rows: np.ndarray, judging: int, name: str) -> Task:
        labels = np.array(classes)[task.target[rows]]
        assert isinstance(task.inputs, np.ndarray)
        return Task.from_images(
            task.inputs[rows], labels, name=name, metric="accuracy", test=0, validation=0,
            test_rows=np.arange(len(rows) - judging, len(rows)),
        )  # fmt: skip

    train_rows, judges = task.rows("train"), task.rows("validation")
    judges = judges[held_back[judges]]
    known = make(train_rows[~held_back[train_rows]], 0, "known classes")
    target = make(np.concatenate([train_rows[held_back[train_rows]], judges]), len(judges), "held-back classes")
    return known, target, names


def judged(task: Task, training: Training) -> tuple[float, float]:
    """Return accuracy and mean cross-entropy of a training's last weights on the test part; features serve again."""
    x = task.matrix(training.config, "test")
    module = make_module(training.config, x.shape[1:], task.code.outputs)
    probabilities = task.code.decode(forward(load_weights(module, Member(training.config, training.weights)), x))
    truth = task.truth("test")
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float((probabilities.argmax(1) == truth).mean()), float(-np.log(np.maximum(of_truth, 1e-12)).mean())


def _ways(target: Task, base: Config, backbone: Backbone, seed: int, means: Means) -> list[_Way]:
    steps = base.max_steps or STEPS
    shared = {"epochs": steps, "max_steps": steps, "schedule": "cosine", "seed": seed}
    network = {name: getattr(base, name) for name in NETWORK if name in base.model_fields_set}
    training = {name: network[name] for name in ("optimiser", "batch_size") if name in network}
    tuned = fine_tune(target, backbone, len(blocks(backbone.network())), dropout=0.0)
    return [
        _Way(SCRATCH, target, Config(**network, **shared)),
        _Way(FROZEN, freeze(target, backbone, means.device), Config(depth=0, **training, **shared)),
        # not vectorised: convolutions under torch.func take ten times as long
        _Way(TUNED, target, Config(**tuned, **training, **shared), "side-by-side"),
    ]


def _train(configs: Sequence[Config], task: Task, stage: str, means: Means, kernel: str = "auto") -> Runs:
    return train(
        configs, task, kernel=kernel, folder=means.folder, stage=stage, device=means.device, time_limit=means.time_limit,
        on_progress=means.on_progress,
    )  # fmt: skip


def _tune(way: _Way, sizes: Sequence[int], means: Means) -> list[float]:
    """Return the best rate for every size."""
    means.on_stage(way.name, f"{len(RATES)} learning rates for each number of images")
    classes = len(way.task.code.classes)
    seeds = range(TUNING_FIRST_SEED, TUNING_FIRST_SEED + TUNING_SEEDS)
    configs = [
        way.config.replace(train_rows=size * classes, lr=rate, seed=seed)
        for size in sizes
        for rate in RATES
        for seed in seeds
    ]
    losses = [judged(way.task, t)[1] for t in _train(configs, way.task, f"{way.name}, rates", means, way.kernel)]
    return [RATES[int(row.argmin())] for row in np.reshape(losses, (len(sizes), len(RATES), len(seeds))).mean(2)]


def _gains(differences: np.ndarray, comparisons: int) -> list[tuple[float, float, float]]:
    """Return mean and interval of paired differences [sizes, seeds]; all intervals hold together."""
    return [t_interval(row.tolist(), 1 - (1 - LEVEL) / comparisons) for row in differences]


def advantage_ends(sizes: Sequence[int], gains: Sequence[tuple[float, float, float]]) -> int | None:
    """Return the smallest size from which on no gain is beyond doubt; None if the largest size still has one."""
    sure = [k for k, (_, low, _) in enumerate(gains) if low > 0]
    if not sure:
        return sizes[0]
    return None if sure[-1] == len(sizes) - 1 else sizes[sure[-1] + 1]


def _answer(
    sizes: Sequence[int], errors: Mapping[str, np.ndarray], gains: Mapping[str, list[tuple[float, float, float]]],
    names: Sequence[str],
) -> list[str]:  # fmt: skip
    told = sizes.index(TOLD) if TOLD in sizes else 0
    right = {name: t_interval((100 * (1 - found[told])).tolist()) for name, found in errors.items()}
    words = [f"{name} {m:.2f} % ({low:.2f} to {high:.2f})" for name, (m, low, high) in right.items()]
    sentences = [
        f"With {sizes[told]} labelled images of each class ({sizes[told] * len(names)} in all) accuracy, with its 95 % "
        f"interval over {errors[SCRATCH].shape[1]} seeds, is {', '.join(words)}."
    ]
    for name, found in gains.items():
        end = advantage_ends(sizes, found)
        mean, low, high = (100 * v for v in found[0])
        first = f"{name}: at {sizes[0]} images of each class {mean:.1f} points better ({low:.1f} to {high:.1f}), "
        if end is None:
            sentences.append(f"{first}and still better beyond doubt at {sizes[-1]}: the advantage does not end here.")
        elif end == sizes[0]:
            sentences.append(f"{first}which is not beyond doubt, nor is any gain at more images.")
        else:
            sentences.append(f"{first}and the advantage ends at {end}: from there on no gain is beyond doubt.")
        worse = [str(size) for size, (_, _, above) in zip(sizes, found, strict=True) if above < 0]
        if worse:
            sentences.append(
                f"{name} is worse than from scratch beyond doubt at {', '.join(worse)} images of each class."
            )
    return sentences


def _errors_drawn(sizes: Sequence[int], errors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "name": "errors", "title": "Wrong of 100 images, against labelled images of each class", "x": list(sizes),
        "x_label": "labelled images of each class", "y_label": "wrong of 100", "log_x": True,
        "series": {name: band(100 * found.T) for name, found in errors.items()},
    }  # fmt: skip


def _gains_drawn(sizes: Sequence[int], errors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "name": "gains", "title": "What transfer gains over training from scratch", "x": list(sizes),
        "x_label": "labelled images of each class", "y_label": "points of accuracy", "log_x": True,
        "series": {name: band(100 * (errors[SCRATCH] - errors[name]).T) for name in (FROZEN, TUNED)},
        "caption": "Paired by seed; here each interval stands for itself.",
    }  # fmt: skip


def _table(
    sizes: Sequence[int], errors: Mapping[str, np.ndarray], gains: Mapping[str, list[tuple[float, float, float]]],
    rates: Mapping[str, Sequence[float]],
) -> dict[str, Any]:  # fmt: skip
    rows = []
    for k, size in enumerate(sizes):
        row: list[object] = [size, *(f"{100 * (1 - found[k].mean()):.2f}" for found in errors.values())]
        for found in gains.values():
            mean, low, high = (100 * v for v in found[k])
            row.append(f"{mean:+.2f} ({low:+.2f} to {high:+.2f})")
        rows.append([*row, ", ".join(figure(found[k]) for found in rates.values())])
    header = ["images of each class", *(f"{name}, %" for name in errors), *(f"gain, {name}" for name in gains), "rates"]
    return {"title": "Accuracy, and what transfer gains (points)", "header": header, "rows": rows}
