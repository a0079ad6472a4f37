"""Where a finished training goes: memory, or a run folder that remembers it by what it is.

A training is identified by a digest of its config, the data and the kernel; equal digests give equal results,
so a run folder never trains the same thing twice.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.identity import identity
from goodfit.population import Kept, Outcome
from goodfit.runs import Training
from goodfit.task import Task
from goodfit.training.folder import RunFolder
from goodfit.training.store import Curve

Loaded = tuple[dict[str, Tensor], np.ndarray | None]
Load = Callable[[], Loaded]
OUTPUT = "validation output"
"""Name of the outputs beside the weights in a training's file; no module can have a parameter of that name."""
PRUNED, CUT = "pruned", "out of time"
"""Reasons for which a training ends that not every call may take for what its config gives."""


class Keeper(Protocol):
    """Keeps finished trainings of one stage."""

    stage: str

    def find(self, config: Config, kernel: str) -> Training | None:
        """Return the training if it was done before."""
        ...

    def keep(self, config: Config, kernel: str, outcome: Outcome, curve: Curve) -> Training:
        """Keep a training that has just ended."""
        ...


class MemoryKeeper:
    """Keeps trainings only as long as the `Runs` that holds them."""

    def __init__(self, task: Task, stage: str, keep_weights: bool) -> None:
        self.stage = stage
        self._task, self._keep_weights, self._count = task, keep_weights, 0

    def find(self, config: Config, kernel: str) -> Training | None:
        return None

    def keep(self, config: Config, kernel: str, outcome: Outcome, curve: Curve) -> Training:
        self._count += 1
        record = _record(self._task, config, kernel, outcome)
        loads = [partial(_same, loaded) if self._keep_weights else _dropped for loaded in _all_weights(outcome)]
        return _training(self._count, self.stage, config, record, curve, loads)


class FolderKeeper:
    """Keeps trainings in a run folder: weights as a file, then the record in one transaction.

    Args:
        pruned_by: rule that stops trainings early; those that it stopped before are found.
        limited: whether time is; where it is not, trainings that a time limit cut are not found.
    """

    def __init__(
        self, task: Task, stage: str, folder: RunFolder, keep_weights: bool, pruned_by: str | None = None,
        limited: bool = True,
    ) -> None:  # fmt: skip
        self.stage = stage
        self._pruned_by = pruned_by
        self._found = ["", *([PRUNED] if pruned_by else []), *([CUT] if limited else [])]
        self._task, self._folder, self._store, self._keep_weights = task, folder, folder.store, keep_weights
        self._number = 0
        self._identities: dict[int, str] = {}

    def find(self, config: Config, kernel: str) -> Training | None:
        for reason in self._found:
            digest = self._digest(config, kernel, reason)
            stored = self._store.find(digest)
            if stored is not None:
                number, stage, record, curve = stored
                return _training(number, stage, config, record, curve, self._loaders(digest, record))
        return None

    def keep(self, config: Config, kernel: str, outcome: Outcome, curve: Curve) -> Training:
        digest = self._digest(config, kernel, outcome.reason)
        record = _record(self._task, config, kernel, outcome)
        if outcome.reason == "interrupted":
            # not what this config gives: when the run is resumed, it is trained again
            loads = [partial(_same, loaded) for loaded in _all_weights(outcome)]
            self._number = max(self._number, self._store.last_number()) + 1
            return _training(self._number, self.stage, config, record, curve, loads)
        if self._keep_weights:
            records = [record, *record["snapshots"]]
            for name, kept, loaded in zip(_files(digest, record), records, _all_weights(outcome), strict=True):
                kept["weights_sha256"] = self._folder.keep_tensors(name, _with_output(loaded))
        # the file of a training that was cut stays: who was given that training may still read its weights
        cut = "" if outcome.reason == PRUNED else self._digest(config, kernel, CUT)
        self._number = self._store.add(digest, self.stage, record, curve, replaces=cut, after=self._number)
        return _training(self._number, self.stage, config, record, curve, self._loaders(digest, record))

    def _digest(self, config: Config, kernel: str, reason: str) -> str:
        what: list[Any] = [
            config.identity(self._identity),
            self._task.fingerprint(),
            self._task.metric.name,
            kernel,
            self._keep_weights,
        ]
        if reason == PRUNED:
            what.append(self._pruned_by)  # it ended as it did because of the others: no other call may find it
        if reason == CUT:
            what.append(CUT)  # with more time it becomes another
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]

    def _identity(self, function: Any) -> str:
        """Return a function's identity (once: of one that holds large tensors it takes long)."""
        if id(function) not in self._identities:
            self._identities[id(function)] = identity(function)
        return self._identities[id(function)]

    def _loaders(self, digest: str, record: dict[str, Any]) -> list[Load]:
        kept = [record, *record.get("snapshots", [])]
        if "weights_sha256" not in record:
            return [_dropped] * len(kept)
        files = _files(digest, record)
        return [partial(_load, self._folder, name, k["weights_sha256"]) for name, k in zip(files, kept, strict=True)]


def _files(digest: str, record: dict[str, Any]) -> list[str]:
    """Return the names of the weights' files: the training's, then those of its snapshots."""
    return [digest, *(f"{digest}-{number}" for number in range(1, len(record.get("snapshots", [])) + 1))]


def _all_weights(outcome: Outcome) -> list[Loaded]:
    everyone: list[Outcome | Kept] = [outcome, *outcome.snapshots]
    return [(kept.weights, kept.validation_output) for kept in everyone]


def _with_output(loaded: Loaded) -> dict[str, Tensor]:
    weights, output = loaded
    return dict(weights) if output is None else weights | {OUTPUT: torch.from_numpy(np.ascontiguousarray(output))}


def _same(loaded: Loaded) -> Loaded:
    return loaded


def _load(folder: RunFolder, digest: str, checksum: str) -> Loaded:
    tensors = folder.tensors(digest, checksum)
    output = tensors.pop(OUTPUT, None)
    return tensors, None if output is None else output.numpy()


def _dropped() -> Loaded:
    raise GoodfitError("the weights of this training were not kept: train with keep_weights=True")


def _record(task: Task, config: Config, kernel: str, outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of a training beside curve and weights, as JSON values; null where a number is not finite."""
    return {
        "config": config.settings(),
        "kernel": kernel,
        "reason": outcome.reason,
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "steps": outcome.steps,
        **_validation(task, config, outcome),
        "snapshots": [{"epoch": kept.epoch, **_validation(task, config, kept)} for kept in outcome.snapshots],
        "first_losses": [float(f"{loss:.6g}") if np.isfinite(loss) else None for loss in outcome.first_losses],
        "seconds": outcome.seconds,
    }


def _validation(task: Task, config: Config, kept: Outcome | Kept) -> dict[str, float | None]:
    metric = None
    if kept.validation_output is not None and np.isfinite(kept.validation_output).all():
        part, judging = task.judged_by(config)
        metric = task.metric.of(task.truth(part)[judging], task.code.decode(kept.validation_output[judging]))
    loss = kept.validation_loss if np.isfinite(kept.validation_loss or 0.0) else None
    return {"validation_loss": loss, "validation_metric": metric}


def _training(
    number: int, stage: str, config: Config, record: dict[str, Any], curve: Curve, loads: Sequence[Load]
) -> Training:
    training = Training(
        id=f"t{number:04d}",
        stage=stage,
        config=config,
        reason=record["reason"],
        best_epoch=record["best_epoch"],
        epochs=record["epochs"],
        steps=record["steps"],
        validation_loss=_or_nan(record["validation_loss"]),
        validation_metric=_or_nan(record["validation_metric"]),
        first_losses=np.array(record["first_losses"], dtype=np.float64),
        seconds=record["seconds"],
        kernel=record["kernel"],
        curve=pd.DataFrame(curve, columns=["epoch", "step", "train_loss", "validation_loss"]).astype(
            {"train_loss": float, "validation_loss": float}
        ),
        load=loads[0],
    )
    snapshots = [
        replace(
            training, id=f"{training.id}.{k}", best_epoch=kept["epoch"], snapshot=k, load=load,
            validation_loss=_or_nan(kept["validation_loss"]), validation_metric=_or_nan(kept["validation_metric"]),
        )
        for k, (kept, load) in enumerate(zip(record.get("snapshots", []), loads[1:], strict=True), start=1)
    ]  # fmt: skip
    return replace(training, snapshots=snapshots)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
