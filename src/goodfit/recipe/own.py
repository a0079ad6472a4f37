"""The seven steps on a PyTorch module of one's own, with its own loss and loaders."""

import functools
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.config import Config, ModelFactory
from goodfit.data.loaders import LoadedArrays, read_loader
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.nn.models import check_factory, make_module
from goodfit.recipe.clock import Clock
from goodfit.recipe.improvement import best_setting
from goodfit.recipe.one_step import described, step_record
from goodfit.recipe.own_loss import is_binary_logit, is_log_probability, read_loss
from goodfit.recipe.plan import SILENT, Listener
from goodfit.recipe.presets import PRESETS, Preset
from goodfit.recipe.steps import IMPROVEMENT_SHARE, Steps
from goodfit.runs import Runs, Training
from goodfit.task import Task
from goodfit.training import RunFolder
from goodfit.training.folder import environment
from goodfit.training.trial import TRIED_ROWS, try_module

NOT_OF_A_MODULE = (
    "model", "width", "depth", "activation", "norm", "skip", "dropout", "numeric", "bins", "pixels", "decorrelate", "augment",
    "train_rows",
)  # fmt: skip
"""Settings that a module, and data that are prepared, decide themselves."""
LONGEST = 150
"""Epochs at most."""


@dataclass(frozen=True)
class OwnResult:
    """What the steps found on a module of one's own.

    Attributes:
        steps: each step's evidence by name, as JSON values; `text` is its verdict, `ok` whether it passed.
        module: the user's module with the weights that had the lowest validation loss, in evaluation mode.
        best: that training. runs: all that were trained to the end. record: what `report.json` holds.
        folder: run folder, if one was asked for.
    """

    steps: dict[str, dict[str, Any]]
    module: nn.Module
    best: Training
    runs: Runs
    record: dict[str, Any]
    folder: Path | None

    @property
    def verdict(self) -> list[str]:
        """One line for each step."""
        return [f"{name.replace('_', ' ')}: {found['text']}" for name, found in self.steps.items()]


def run_own_recipe(
    module_factory: ModelFactory, loss: Any, train_loader: Any, val_loader: Any, *, folder: Path | str | None = None,
    preset: str = "quick", seed: int = 0, settings: dict[str, Any] | None = None, metric: str | None = None,
    time_limit: float | None = None, device: str = "auto", listener: Listener = SILENT,
) -> OwnResult:  # fmt: skip
    """Take a module of one's own through the seven steps and return each step's evidence and the best weights.

    The loaders are read out into memory once (`goodfit.data.loaders.read_loader`); batches are drawn anew in every epoch,
    of the size that `train_loader` has.

    Args:
        module_factory: function or class without arguments that makes the module with fresh weights.
        loss: a name, a loss of `torch.nn`, or a function that gives one value for each row
            (`goodfit.recipe.own_loss.read_loss`).
        train_loader, val_loader: give batches (x [B, ...], y [B]); classes as whole numbers.
        folder: run folder to make for trainings and record (`report.json`); one of an interrupted call with the same
            arguments is gone on with, one of another call is refused.
        preset: how much work: quick, default or best. settings: of `goodfit.Config`, which no step changes.
        metric: what trainings are judged by beside the loss. time_limit: in seconds.

    Raises:
        GoodfitError: loaders, loss, module or settings do not fit together; one line each.
    """
    began = time.monotonic()
    settings = dict(settings or {})
    _check(module_factory, preset, settings)
    train, validation = read_loader(train_loader, "train_loader"), read_loader(val_loader, "val_loader")
    outputs, binary = _outputs(module_factory, loss, train, seed), is_binary_logit(loss)
    if binary:
        train, validation = _as_classes(train), _as_classes(validation)
    task = _task(train, validation, outputs, binary, metric, getattr(module_factory, "__name__", "module"))
    factory = _two_logits(module_factory) if binary else module_factory
    x, y = torch.from_numpy(train.x[:TRIED_ROWS]), torch.from_numpy(task.code.encode(task.truth("train")[:TRIED_ROWS]))
    named = read_loss(loss, torch.zeros(len(x), task.code.outputs), y)
    budget = PRESETS[preset]
    config = _config(factory, named, budget, len(train.y), train.batch_size, seed, settings)
    call = _call(task, config, preset, seed, settings)
    run = None if folder is None else _folder(Path(folder), call)
    steps = Steps(
        task, config, budget, {*settings, *NOT_OF_A_MODULE}, Clock(time_limit, began), folder=run, device=device,
        listener=listener, spend=IMPROVEMENT_SHARE if time_limit else 1.0,
    )  # fmt: skip
    evidence = {
        "initial_loss": steps.initial_loss(), "overfit": steps.overfit(), "learning_rate": steps.learning_rate(),
        "coarse": steps.coarse(),
    }  # fmt: skip
    runs = steps.refine()
    improved = steps.improve(runs)
    runs += improved.runs
    evidence |= {"candidates": described(runs, steps.pace()), "curves": improved.evidence}
    best = best_training(runs, _why_diverged(evidence, settings))
    record = step_record(steps, "recipe", f"The seven steps on {task.name}", evidence, began) | {
        "asked": list(evidence),
        "repeat": {"command": f"goodfit.recipe({task.name}, ...)", "versions": _versions()},
    }
    if run:
        run.write("report.json", record)
    return OwnResult(
        evidence, _module(factory, config, best, task, binary), best, runs, record, run.path if run else None
    )


def best_training(runs: Runs, why: str = "lower the learning rate") -> Training:
    """Return the training with the lowest validation loss, of the setting that does best over the seeds.

    Raises:
        GoodfitError: every training diverged; `why` is said.
    """
    usable = runs.filter(lambda t: t.usable and np.isfinite(t.validation_loss))
    if not len(usable):
        raise GoodfitError(f"every training diverged: {why}")
    return min(best_setting(usable), key=lambda t: t.validation_loss)


def _why_diverged(evidence: dict[str, Any], settings: dict[str, Any]) -> str:
    if "lr" in settings:
        found = evidence["learning_rate"]["text"]
        return f"your rate {settings['lr']:g} is too high. Other rates do this: {found}"
    return f"what learning a few mini-batches by heart showed: {evidence['overfit']['text']}"


def _check(factory: Any, preset: str, settings: dict[str, Any]) -> None:
    check_factory(factory)
    if preset not in PRESETS:
        raise GoodfitError(
            f"preset '{preset}' is unknown{did_you_mean(preset, PRESETS)}: choose one of {', '.join(PRESETS)}"
        )
    for name in settings:
        if name in NOT_OF_A_MODULE:
            raise GoodfitError(
                f"setting '{name}' is of goodfit's own models: change it in the module, or in the loaders"
            )
    Config(**settings)


def _outputs(factory: ModelFactory, loss: Any, train: LoadedArrays, seed: int) -> int:
    """Return how many outputs the module has, by trying it on a few rows."""
    output = try_module(Config(model=factory, seed=seed), torch.from_numpy(train.x[:TRIED_ROWS]))
    if isinstance(loss, nn.NLLLoss) and not is_log_probability(output):
        raise GoodfitError(
            "NLLLoss wants logarithms of probabilities, which the module does not give: end it in LogSoftmax(1), or leave that "
            "out and use CrossEntropyLoss"
        )
    return 1 if output.ndim == 1 else int(output.shape[1])


def _task(
    train: LoadedArrays, validation: LoadedArrays, outputs: int, binary: bool, metric: str | None, name: str
) -> Task:
    regression = train.y.dtype.kind == "f"
    if regression and outputs != 1:
        raise GoodfitError(
            f"the targets are numbers and the module has {outputs} outputs: a regression has one; classes must be whole numbers"
        )
    if not regression and outputs == 1 and not binary:
        raise GoodfitError(
            "the targets are whole numbers and the module has one output: give a logit for each class with CrossEntropyLoss, "
            "use BCEWithLogitsLoss, or make the targets floating-point numbers for a regression"
        )
    return Task.from_prepared(
        (train.x, train.y), (validation.x, validation.y), outputs=2 if binary else outputs, name=name, metric=metric,
        notes=[*train.notes, *validation.notes],
    )  # fmt: skip


def _as_classes(arrays: LoadedArrays) -> LoadedArrays:
    if not np.isin(arrays.y, (0, 1)).all():
        raise GoodfitError("BCEWithLogitsLoss needs targets 0 and 1: others are not known")
    return LoadedArrays(arrays.x, arrays.y.astype(np.int64), arrays.batch_size, arrays.notes)


class TwoLogits(nn.Module):
    """One logit z as the two logits (0, z), whose cross-entropy is the binary cross-entropy of z."""

    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        z = self.own(x).reshape(len(x), 1)
        return torch.cat([torch.zeros_like(z), z], 1)


def _two_logits(factory: ModelFactory) -> Callable[[], nn.Module]:
    @functools.wraps(factory, updated=())
    def make() -> nn.Module:
        return TwoLogits(factory())

    return make


def _config(
    factory: ModelFactory,
    loss: Any,
    budget: Preset,
    rows: int,
    batch_size: int | None,
    seed: int,
    settings: dict[str, Any],
) -> Config:
    batch = int(settings.get("batch_size", batch_size or 32))
    epochs = int(np.clip(round(budget.steps / np.ceil(rows / batch)), budget.fewest_epochs, LONGEST))
    chosen: dict[str, Any] = {
        "model": factory, "loss": loss, "batch_size": batch, "epochs": epochs, "schedule": "cosine",
        "weight_decay": budget.decays[0], "patience": max(8, epochs // 4), "seed": seed,
    }  # fmt: skip
    return Config(**(chosen | settings))


def _folder(path: Path, call: str) -> RunFolder:
    """Return the run folder of this call: a new one, or that of the same call before."""
    folder = RunFolder.open(path) if path.exists() else RunFolder.create(path)
    folder.claim(call)
    return folder


def _call(task: Task, config: Config, preset: str, seed: int, settings: dict[str, Any]) -> str:
    """Return a digest of what the steps' evidence depends on."""
    what = [task.fingerprint(), task.metric.name, config.identity(), preset, seed, sorted(settings)]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _module(factory: ModelFactory, config: Config, best: Training, task: Task, binary: bool) -> nn.Module:
    module = make_module(config, task.inputs.shape[1:], task.code.outputs)
    module.load_state_dict(best.weights)
    found: Any = module.own if binary else module
    return found.eval()


def _versions() -> dict[str, Any]:
    found = environment()
    return {name: found[name] for name in ("goodfit", "python", "torch", "numpy")}
