"""Step 2: a network that cannot learn a few mini-batches by heart will not learn the data either."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from goodfit.config import Config, ModelFactory, vary
from goodfit.data.splits import Splits
from goodfit.data.treatment import treatment
from goodfit.metrics import METRICS
from goodfit.randomness import numpy_generator
from goodfit.recipe.bare import skipped, without_regularisation
from goodfit.runs import Training
from goodfit.studies.comparison import IN_MEMORY, Means, Variant
from goodfit.task import Task
from goodfit.wording import figure

BATCHES, BATCH_ROWS = 8, 32
"""Mini-batches that are learnt by heart, and rows of each at most."""
RATES = (1e-4, 1e-3, 3e-3, 1e-2, 1e-1)
LOWER, HIGHER = (1e-7, 1e-6, 1e-5), (0.3, 1.0, 3.0)
"""Rates that are tried where those explode or do nothing."""
EPOCHS, LONGER = (15, 60), 6
"""Passes over the batches: few, more where those did not do; and how many times as many the remedy `longer` takes."""
ACCURACY = 0.99
"""Share of the attainable accuracy that counts as learnt by heart."""
NEAR_ZERO = 0.05
"""Share of the first loss, above what is attainable, that counts as near zero."""
FALLS, EXPLODES = 0.9, 1.5
"""A loss that stays above this share of its start does not fall; one that ends above this multiple explodes."""
OTHER_STARTS = ("kaiming-normal", "xavier-normal", "orthogonal", "lsuv")

REACHED, SHORT, FLAT, EXPLODED = "learnt by heart", "falls but stops short", "does not fall", "explodes"
KEPT = ("init", "width")
"""Settings of a remedy that the next steps take over; they choose rate and length themselves."""
_ORDER = (REACHED, SHORT, FLAT, EXPLODED)


@dataclass(frozen=True)
class Goal:
    """What can be attained on the few rows: accuracy (None for regression) and loss; and the loss of a constant answer,
    below which a network that starts far worse has yet to come before anything is learnt."""

    accuracy: float | None
    loss: float
    constant: float = float("inf")


def overfit_small_sample(
    task: Task, config: Config, *, means: Means = IN_MEMORY, fixed: Sequence[str] = ()
) -> dict[str, Any]:
    """Learn a few mini-batches by heart, regularisation off; try remedies where that fails. Return the evidence.

    Learnt is what reaches `ACCURACY` of the accuracy, or whose loss falls to within `NEAR_ZERO` of the first loss (or of a
    constant answer's, where that is lower) of what is attainable on these rows (rows that look alike but have different targets bound both). One population over `RATES`; where
    none of them reaches it, one population of remedies.

    Args:
        fixed: settings that no remedy may change, because the user chose them.
    """
    few = few_rows(task, config)
    rows = len(few.rows("train"))
    base = without_regularisation(config).replace(
        epochs=EPOCHS[-1], train_rows=None, batch_size=min(config.batch_size, BATCH_ROWS, -(-rows // BATCHES))
    )
    goal = _goal(few, base)
    for epochs in EPOCHS:
        runs = means.train(vary(base.replace(epochs=epochs), lr=RATES), few, "overfit")
        trials = [_trial(f"rate {t.config.lr:g}", t, goal) for t in runs]
        best = _best(trials)
        if best["status"] == REACHED:
            break
        if any(t.reason == "out of time" for t in runs):
            return skipped("The time limit left no time to learn a few mini-batches by heart.")
    remedies = [] if best["status"] == REACHED else _remedies(few, base, best, goal, means, fixed)
    mended = next((r for r in remedies if r["status"] == REACHED), None)
    found = {
        "rows": rows, "batches": -(-rows // base.batch_size), "epochs": epochs, "status": best["status"],
        "trials": trials, "remedies": remedies, "attainable": {"accuracy": goal.accuracy, "loss": goal.loss},
        "changed": {k: v for k, v in mended["settings"].items() if k in KEPT} if mended else {},
    }  # fmt: skip
    return found | _verdict(found, goal)


def _remedies(
    few: Task, base: Config, best: dict[str, Any], goal: Goal, means: Means, fixed: Sequence[str]
) -> list[dict[str, Any]]:
    """Train every remedy, all in one population where shapes allow, and return what came of each."""
    variants = remedies_for(base, best["status"], fixed)
    configs = [_treated(base, variant, best["lr"]) for variant in variants]
    runs = iter(means.train([config for each in configs for config in each], few, "overfit remedies"))
    found = []
    for variant, each in zip(variants, configs, strict=True):
        trial = _best([_trial(variant.name, next(runs), goal) for _ in each])
        settings = {name: value for name, value in variant.settings.items() if name != "model"}
        found.append({name: value for name, value in trial.items() if name != "curve"} | {"settings": settings})
    return found


def few_rows(task: Task, config: Config) -> Task:
    """Return the task whose training and validation part are the same few training rows, prepared as in the task."""
    rows = task.rows("train")
    wanted = BATCHES * min(config.batch_size, BATCH_ROWS)
    chosen = np.sort(rows[numpy_generator(config.seed, "overfit").permutation(len(rows))[:wanted]])
    metric = METRICS["r2" if task.kind == "regression" else "accuracy"]
    fitted = {} if task.as_is else {("preparation", *treatment(config, task.is_table)): task.preparation(config)}
    splits = Splits(chosen, chosen, rows[:0], f"{len(chosen)} training rows to train and to judge on")
    return replace(task, splits=splits, metric=metric, _prepared=fitted)


def _goal(few: Task, config: Config) -> Goal:
    """Return the best accuracy and loss that any function of the inputs can have on these rows."""
    x, y = few.matrix(config, "train"), few.code.encode(few.truth("train"))
    _, group = np.unique(x.reshape(len(x), -1), axis=0, return_inverse=True)
    group = group.ravel()
    if few.kind == "regression":
        means = np.bincount(group, weights=y) / np.bincount(group)
        constant = float(y.var()) if config.loss in ("auto", "squared-error") else float("inf")
        return Goal(None, float(np.mean((y - means[group]) ** 2)), constant)
    counts = np.zeros((group.max() + 1, few.code.outputs))
    np.add.at(counts, (group, y), 1)
    shares = counts / counts.sum(1, keepdims=True)
    entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(1)
    constant = float(np.log(few.code.outputs)) if config.loss in ("auto", "cross-entropy") else float("inf")
    return Goal(float(counts.max(1).sum() / len(y)), float(entropy @ counts.sum(1) / len(y)), constant)


def _trial(name: str, training: Training, goal: Goal) -> dict[str, Any]:
    """Return what came of one training, judged on the rows that it learnt, in evaluation mode."""
    curve = [float(v) if np.isfinite(v) else None for v in training.curve["validation_loss"]]
    known = [v for v in curve if v is not None]
    best = min(known, default=float("nan"))
    status = judge_trial(curve, training.reason == "diverged", float(training.validation_metric), goal)
    return {
        "name": name, "lr": training.config.lr, "status": status, "loss": best,
        "accuracy": None if goal.accuracy is None else training.validation_metric, "curve": curve,
    }  # fmt: skip


def judge_trial(curve: Sequence[float | None], diverged: bool, accuracy: float, goal: Goal) -> str:
    """Say how one training on the few rows went, from its loss after every epoch (the first is the untrained)."""
    known = [v for v in curve if v is not None]
    if not known:
        return EXPLODED
    start, best = known[0], min(known)
    if best <= goal.loss + NEAR_ZERO * min(start, goal.constant) or (
        goal.accuracy is not None and accuracy >= ACCURACY * goal.accuracy
    ):
        return REACHED
    if diverged or known[-1] > EXPLODES * start:
        return EXPLODED
    return FLAT if best > FALLS * start else SHORT


def _best(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the trial that went best: by status, then by loss."""
    return min(trials, key=lambda t: (_ORDER.index(t["status"]), not np.isfinite(t["loss"]), t["loss"]))


def remedies_for(base: Config, status: str, fixed: Sequence[str]) -> list[Variant]:
    """Return what is tried, the likeliest first; settings that the user fixed stay.

    What falls and stops short first gets more steps; what does not fall or explodes other rates and weights.
    """
    rates = {FLAT: [*HIGHER, *LOWER], EXPLODED: LOWER, SHORT: HIGHER[:1]}[status]
    other = [] if "lr" in fixed else [Variant(f"rate {rate:g}", {"lr": rate}) for rate in rates]
    if "init" not in fixed:
        other += [Variant(f"weights {name}", {"init": name}) for name in OTHER_STARTS if name != base.init]
    more = [Variant("longer", {"epochs": LONGER * base.epochs})]
    if not isinstance(base.model, str):
        more.insert(0, Variant("no dropout in the module", {"model": WithoutDropout(base.model)}))
    if base.model == "mlp" and "width" not in fixed:
        wider = tuple(2 * w for w in base.hidden) if isinstance(base.width, tuple) else 2 * max(base.hidden, default=1)
        more.append(Variant("wider", {"width": wider}))
    return [*more, *other] if status == SHORT else [*other, *more]


class WithoutDropout:
    """A factory of a user's own module whose dropout layers drop nothing."""

    def __init__(self, factory: ModelFactory) -> None:
        self._factory = factory
        self.__module__ = factory.__module__
        self.__qualname__ = f"{getattr(factory, '__qualname__', type(factory).__qualname__)} without dropout"

    def __call__(self) -> nn.Module:
        module: nn.Module = self._factory()
        for layer in module.modules():
            if isinstance(layer, nn.modules.dropout._DropoutNd):
                layer.p = 0.0
        return module


def _treated(base: Config, variant: Variant, best_rate: float) -> list[Config]:
    """Return a remedy's trainings: at the rate that went best, and at the others where the network is another."""
    if "lr" in variant.settings:
        return [base.replace(**variant.settings)]
    rates = (best_rate,) if "epochs" in variant.settings else RATES[1:-1]
    return [base.replace(lr=rate, **variant.settings) for rate in rates]


def _verdict(found: dict[str, Any], goal: Goal) -> dict[str, Any]:
    best = _best(found["trials"])
    of = f"{found['batches']} mini-batches ({found['rows']} training rows), regularisation off"
    reached = [t for t in found["trials"] if t["status"] == REACHED]
    bound = ""
    if goal.accuracy is not None and goal.accuracy < 1:
        bound = f" Rows that look alike but differ in their target bound the accuracy at {goal.accuracy:.1%}."
    how = _how_far(best)
    if reached:
        text = f"{of}, are learnt by heart ({how}), at {len(reached)} of {len(found['trials'])} rates.{bound}"
        return {"ok": True, "text": text, "follows": ""}
    text = f"{of}, are not learnt by heart: at the best rate ({best['lr']:g}) the loss {best['status']} ({how}).{bound} {REASONS[best['status']]}"
    tried = ", ".join(f"{r['name']}: {r['status']} ({_how_far(r)})" for r in found["remedies"])
    mended = next((r for r in found["remedies"] if r["status"] == REACHED), None)
    if mended:
        change = (
            f"the next steps take it: {_as_text(found['changed'])}"
            if found["changed"]
            else "the next steps choose rate and length themselves"
        )
        return {
            "ok": True,
            "text": f"{text} What helped was: {mended['name']}; {change}. Tried: {tried}.",
            "follows": "",
        }
    return {
        "ok": False, "text": f"{text} Nothing helped. Tried: {tried}.",
        "follows": "The steps go on, but what cannot be learnt from a few rows will not be learnt from all: look at the target's coding, at the inputs, and at the model first.",
    }  # fmt: skip


REASONS = {
    SHORT: "Too few steps, too small a network, or targets that the inputs do not tell.",
    FLAT: "The rate is too low, the initial weights are bad, or no gradient reaches them.",
    EXPLODED: "The rate is too high or the initial weights are too large.",
}


def _how_far(trial: dict[str, Any]) -> str:
    if trial["accuracy"] is not None:
        return f"accuracy {trial['accuracy']:.1%}, loss {figure(trial['loss'])}"
    return f"loss {figure(trial['loss'])}"


def _as_text(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())
