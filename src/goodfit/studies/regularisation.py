"""What each regulariser does to the gap between training and validation, with few and with many samples."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.losses import find_loss
from goodfit.model import Member, forward, load_weights
from goodfit.nn.models import make_module
from goodfit.population.own_data import training_rows
from goodfit.runs import Training
from goodfit.studies.comparison import IN_MEMORY, TUNING_SEEDS, Means, choose
from goodfit.studies.gaps import gap_record, gap_tables, word_gaps
from goodfit.task import Task

HOW_SURE = (
    "Intervals are 95 %, Student's t over the seeds; changes are paired by seed, and those of one number of samples hold"
    " together (Bonferroni)."
)
LOOKED_AT = 5000
"""Training rows on which a finished network is judged, at most."""


@dataclass(frozen=True)
class Regulariser:
    """What it sets, at every strength that is tried, and what it is for."""

    strengths: Sequence[Mapping[str, Any]]
    needs: Literal["", "images", "classes"] = ""

    def suits(self, task: Task) -> bool:
        """Return whether it can be used on a task."""
        return {"": True, "images": not task.is_table, "classes": task.kind != "regression"}[self.needs]


NONE = "none"
REGULARISERS: dict[str, Regulariser] = {
    NONE: Regulariser([{}]),
    "L1": Regulariser([{"l1": v} for v in (1e-5, 1e-4, 1e-3)]),
    "L2": Regulariser([{"l2": v} for v in (1e-4, 1e-3, 1e-2)]),
    "elastic net": Regulariser([{"l1": v, "l2": 10 * v} for v in (1e-5, 1e-4, 1e-3)]),
    "decoupled decay": Regulariser([{"weight_decay": v} for v in (0.1, 0.5, 2.0)]),
    "dropout": Regulariser([{"dropout": v} for v in (0.1, 0.3, 0.6)]),
    "DropConnect": Regulariser([{"dropconnect": v} for v in (0.1, 0.3, 0.6)]),
    "augmentation": Regulariser([{"augment": v} for v in ("flip", "crop(1)", "flip,crop(2)")], "images"),
    "Mixup": Regulariser([{"mixup": v} for v in (0.1, 0.3, 1.0)]),
    "label smoothing": Regulariser([{"label_smoothing": v} for v in (0.05, 0.1, 0.2)], "classes"),
    "early stopping": Regulariser([{"best_weights": True, "patience": v} for v in (3, 10)]),
    "batch norm": Regulariser([{"norm": "batch"}]),
}
"""All others stand against the first, which keeps the weights of the last epoch."""


@dataclass(frozen=True)
class Size:
    """A number of training samples, and how long to train on them."""

    rows: int
    epochs: int


def regularisation_study(
    task: Task, base: Config, sizes: Sequence[Size], *, seeds: int = 8, means: Means = IN_MEMORY
) -> dict[str, Any]:
    """Train with and without every regulariser at every size, and return the record.

    Each regulariser gets the strength with the lowest mean validation loss, found with other seeds. Then `seeds`
    trainings with each are judged, on their own training rows and on the validation part, in evaluation mode and by the
    true labels; differences to no regulariser are paired over the seeds.

    Raises:
        GoodfitError: fewer than two seeds, or no validation part.
    """
    if seeds < 2:
        raise GoodfitError(f"{seeds} seed for each regulariser: differences need at least two to be judged by")
    if len(task.rows("validation")) == 0:
        raise GoodfitError("the validation part has no rows: give it a share above 0, for it judges the regularisers")
    began = time.monotonic()
    suiting = {name: regulariser for name, regulariser in REGULARISERS.items() if regulariser.suits(task)}
    records, trainings = [], 0
    tuning = TUNING_SEEDS * sum(len(r.strengths) for r in suiting.values() if len(r.strengths) > 1)
    judged = len(suiting) * seeds
    # batches are of one size, so the rows that are visited tell the work
    turns = means.in_turn([size.rows * size.epochs * number for size in sizes for number in (tuning, judged)])
    for size in sizes:
        at_size = base.replace(train_rows=size.rows, epochs=size.epochs)
        candidates = [[at_size.replace(**s) for s in regulariser.strengths] for regulariser in suiting.values()]
        means.on_stage(f"strengths, {size.rows:,} samples", f"for {len(suiting)} regularisers, with seeds of their own")
        best = [position for position, _ in choose(task, candidates, next(turns), "strengths")]
        means.on_stage(f"comparison, {size.rows:,} samples", f"{len(suiting)} regularisers, {seeds} seeds each")
        configs = [tried[k] for tried, k in zip(candidates, best, strict=True)]
        values = _measured(task, configs, seeds, next(turns))
        settings = [_words(r.strengths[k]) for r, k in zip(suiting.values(), best, strict=True)]
        found = dict(zip(suiting, zip(settings, values, strict=True), strict=True))
        records.append(gap_record(task.metric, size.rows, found))
        trainings += tuning + judged
    return {
        "answer": [*(sentence for record in records for sentence in word_gaps(record)), HOW_SURE],
        "gaps": records,
        "tables": [table for record in records for table in gap_tables(record)],
        "seeds": [base.seed, base.seed + seeds - 1],
        "base": base.settings(),
        "varied": sorted(
            {name for r in suiting.values() for s in r.strengths for name in s} | {"train_rows", "epochs"}
        ),
        "seconds": time.monotonic() - began,
        "trainings": trainings,
        "notes": _notes(sizes, suiting),
    }


def _measured(task: Task, configs: Sequence[Config], seeds: int, means: Means) -> list[np.ndarray]:
    """Return for each config what `gap_record` takes: [seeds, 4]."""
    every = [c.replace(seed=seed) for c in configs for seed in range(c.seed, c.seed + seeds)]
    runs = means.train(every, task, "comparison", keep_weights=True)
    values = np.array([_values(task, training) for training in runs])
    return list(values.reshape(len(configs), seeds, 4))


def _values(task: Task, training: Training) -> tuple[float, float, float, float]:
    """Return metric and loss on the training's own rows and on the validation part, of the weights that were kept."""
    if training.reason == "diverged":
        return (np.nan,) * 4
    config = training.config
    rows = training_rows(config, len(task.rows("train")))
    rows = rows[:: -(-len(rows) // LOOKED_AT)]
    x, truth = np.ascontiguousarray(task.samples(config, "train")[rows]), task.truth("train")[rows]
    module = make_module(config, x.shape[1:], task.code.outputs)
    output = forward(load_weights(module, Member(config, training.weights)), x)
    row_loss = find_loss(config.loss, task.kind)
    loss = row_loss(torch.from_numpy(output), torch.from_numpy(task.code.encode(truth))).mean()
    metric = task.metric.of(truth, task.code.decode(output))
    return metric, training.validation_metric, float(loss), training.validation_loss


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value is not True)


def _notes(sizes: Sequence[Size], suiting: Mapping[str, Regulariser]) -> list[str]:
    tried = "; ".join(
        f"{name}: {' or '.join(map(_words, r.strengths))}" for name, r in suiting.items() if len(r.strengths) > 1
    )
    lengths = " and ".join(f"{size.epochs} epochs on {size.rows:,}" for size in sizes)
    return [
        f"Samples are drawn by the seed; training takes {lengths}. Without early stopping the weights of the last epoch are kept.",
        f"Each regulariser has the strength with the lowest mean validation loss over {TUNING_SEEDS} other seeds. Tried: {tried}.",
        f"Training samples (at most {LOOKED_AT:,} of a network's own) and validation samples are judged alike: by the true"
        " labels, without dropout, augmentation, mixing, smoothing or penalty.",
        "The learning rate is the same for all. The validation part that judges has also chosen the strengths and the epoch at"
        " which early stopping stops.",
    ]
