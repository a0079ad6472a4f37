"""The study `transfer`: what is pretrained, how many images and seeds there are, and what the record holds."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.paired import LEVEL, band
from goodfit.studies.comparison import IN_MEMORY, TUNING_SEEDS, Means
from goodfit.studies.options import StudyOption
from goodfit.studies.time_limit import steps_to_take
from goodfit.studies.transfer.classes import read_classes, split_classes
from goodfit.studies.transfer.gains import measure_gains
from goodfit.studies.transfer.ways import (
    EPOCHS,
    FROZEN,
    SCRATCH,
    STEPS,
    TUNED,
    Way,
    best_rates,
    errors_by_size,
    steps_for,
    ways_to_learn,
)
from goodfit.studies.transfer.words import answer, comparison_table
from goodfit.task import Task
from goodfit.transfer import backbone_of
from goodfit.wording import count

SIZES = (5, 10, 20, 50, 100, 200, 1000)
"""Labelled images of each held-back class."""
FEW = 20
"""Up to so many the seeds decide which images there are, and differ much: there are twice as many of them."""
RATES = (1e-3, 3e-3, 1e-2)
PRETRAINING = {
    "model": "mlp", "optimiser": "adam", "lr": 3e-3, "schedule": "cosine", "batch_size": 64, "epochs": 3, "train_rows": 30000,
}  # fmt: skip
PERCEPTRON = {"width": (300, 100, 50, 50, 50), "activation": "selu", "init": "lecun-normal"}
"""The protocol's own network (Géron 2019, chapter 11); of another model nothing but its name is needed."""


def read_sizes(text: str) -> list[int]:
    """Return the numbers of images that `5,10,50` names, in ascending order."""
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isdecimal() and int(piece) for piece in pieces):
        raise GoodfitError(f"--sizes {text} is no list of numbers of images: write whole numbers, --sizes 5,10,50")
    return sorted({int(piece) for piece in pieces})


OPTIONS: dict[str, StudyOption] = {
    "held-back": StudyOption(
        "CLASSES", "classes that are learnt from few images; default Sandal,Shirt where the data have them, else the last two", read_classes,
    ),
    "sizes": StudyOption("NUMBERS", f"labelled images of each class, default {','.join(map(str, SIZES))}", read_sizes),
}  # fmt: skip


def transfer_study(
    task: Task, settings: Mapping[str, Any], options: Mapping[str, Any], *, seeds: int = 16, seed: int = 0,
    means: Means = IN_MEMORY,
) -> dict[str, Any]:  # fmt: skip
    """Pretrain, learn the held-back classes in three ways from ever more images, and return the record.

    Args:
        settings: in place of `PRETRAINING`'s. `epochs` and `train_rows` are the pretraining's alone, `max_steps` the
            other trainings'; `lr` fixes the rate of all, so that none is chosen.
        options: values of `OPTIONS`; None takes the default.
        seeds: trainings at every size, twice as many at sizes up to `FEW`.

    Raises:
        GoodfitError: fewer than two seeds, no such classes, or too few images of them.
    """
    if seeds < 2:
        raise GoodfitError(f"{seeds} seed for each number of images: gains need at least two to be judged by")
    began = time.monotonic()
    known, target, names = split_classes(task, options.get("held-back"))
    own = {} if "model" in settings else PERCEPTRON
    base = Config(**{**PRETRAINING, **own, **settings, "seed": seed})
    sizes = _sizes(options.get("sizes"), len(target.rows("train")) // len(names))
    its_seeds = [range(seed, seed + seeds * (2 if size <= FEW else 1)) for size in sizes]
    offered = (base.lr,) if "lr" in settings else RATES
    tuning = TUNING_SEEDS * len(offered) if len(offered) > 1 else 0
    pretraining = base.replace(max_steps=None)
    steps = [base.max_steps or steps_for(size * len(names), base.batch_size) for size in sizes]
    judged = sum(each * len(its) for each, its in zip(steps, its_seeds, strict=True))
    ways_work = [sum(steps) * tuning, judged] * len((SCRATCH, FROZEN, TUNED))
    turns = means.in_turn([steps_to_take(pretraining, known), *ways_work])
    means.on_stage("pretraining", f"on {len(known.code.classes)} classes")
    pretrained = next(turns).train([pretraining], known, "pretraining", keep_weights=True)
    ways = ways_to_learn(target, base, backbone_of(pretrained.model(), "pretrained"), means)
    errors, rates = {}, {}
    for way in ways:
        rates[way.name] = best_rates(way, sizes, offered, next(turns))
        errors[way.name] = errors_by_size(way, sizes, rates[way.name], its_seeds, next(turns))
    gains = {name: measure_gains(errors[SCRATCH], errors[name], 2 * len(sizes)) for name in (FROZEN, TUNED)}
    return {
        "answer": answer(sizes, errors, gains, len(names)),
        "seeds": [seed, max(its[-1] for its in its_seeds)],
        "base": base.settings(),
        "seconds": time.monotonic() - began,
        "trainings": 1 + len(ways) * (sum(map(len, its_seeds)) + len(sizes) * tuning),
        "lines": [_errors_drawn(sizes, errors), _gains_drawn(sizes, errors)],
        "tables": [comparison_table(sizes, errors, gains, rates)],
        "notes": _protocol(known, ways[0], names, offered, seeds),
    }


def _sizes(wanted: Sequence[int] | None, pool: int) -> list[int]:
    sizes = [size for size in wanted or SIZES if size <= pool]
    if not sizes:
        raise GoodfitError(
            f"{pool} training images of each held-back class: at least {min(wanted or SIZES)} are needed, give more "
            "images or smaller --sizes"
        )
    return sizes


def _protocol(known: Task, way: Way, names: Sequence[str], offered: Sequence[float], seeds: int) -> list[str]:
    pretrained, judges = len(known.rows("train")), len(way.task.rows("test")) - way.tuning
    rate = (
        f"The rate is {offered[0]:g} for all."
        if len(offered) == 1
        else f"At every number of images each way has the best of {len(offered)} rates, by the loss on {way.tuning:,} other "
        f"images in {TUNING_SEEDS} trainings with seeds of their own."
    )
    steps = f"{way.steps} steps" if way.steps else f"{STEPS} steps, or {EPOCHS} epochs where these are more"
    return [
        f"Held back: {', '.join(names)}. The pretraining saw {pretrained:,} images of the other "
        f"{len(known.code.classes)} classes at most; the intervals hold for this one backbone.",
        f"Every training takes {steps}, with the same labelled images of a seed; those of all classes are drawn together, so "
        "the numbers of a class hold on average. Pixels and features are standardised with all training images, which "
        "needs no labels.",
        f"Accuracy is that of the last weights on {judges:,} images that no training saw and no choice was made by. {rate}",
        f"{count(seeds, 'seed')} for each number of images, {2 * seeds} up to {FEW}. Intervals of the gains are paired by seed "
        f"and hold together for all numbers and both ways (Bonferroni, {LEVEL:.0%}): a gain is beyond doubt where its "
        "interval lies above zero, undecided where it contains zero.",
    ]


def _errors_drawn(sizes: Sequence[int], errors: Mapping[str, Sequence[np.ndarray]]) -> dict[str, Any]:
    return {
        "name": "errors", "title": "Wrong of 100 images, against labelled images of each class", "x": list(sizes),
        "x_label": "labelled images of each class", "y_label": "wrong of 100", "log_x": True, "whole": True,
        "series": {name: _band(found) for name, found in errors.items()},
    }  # fmt: skip


def _gains_drawn(sizes: Sequence[int], errors: Mapping[str, Sequence[np.ndarray]]) -> dict[str, Any]:
    series = {
        name: _band([scratch - other for scratch, other in zip(errors[SCRATCH], errors[name], strict=True)])
        for name in (FROZEN, TUNED)
    }
    return {
        "name": "gains", "title": "What transfer gains over training from scratch", "x": list(sizes),
        "x_label": "labelled images of each class", "y_label": "points of accuracy", "log_x": True, "whole": True,
        "series": series, "level": ["no gain", 0.0], "caption": "Paired by seed; here each interval stands for itself.",
    }  # fmt: skip


def _band(found: Sequence[np.ndarray]) -> dict[str, list[float | None]]:
    """Return means and intervals in points, of sizes with different numbers of seeds."""
    longest = max(map(len, found))
    columns = [np.pad(100 * values, (0, longest - len(values)), constant_values=np.nan) for values in found]
    return band(np.stack(columns, axis=1))
