"""Steps 6 and 7: read the curves of the best setting, change what they ask for, and keep it only if it pays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.nn.models import settled
from goodfit.paired import band, carry_on, rank
from goodfit.recipe.curves import (
    EARLY_DECAY,
    FLAT,
    IMPROVING,
    OVERFITTING,
    PLATEAU,
    UNDERFITTING,
    UNSTABLE,
    read_curves,
)
from goodfit.runs import Runs
from goodfit.studies.comparison import IN_MEMORY, Means, Variant
from goodfit.wording import count, figure

ROUNDS = 3
"""Changes of changes at most."""
MOST_CHANGES = 2
"""That are tried at once, the most pressing first."""
MORE_DROPOUT, MOST_DROPOUT = 0.15, 0.6
MORE_DECAY, FIRST_DECAY = 10.0, 0.01
SLOWER, LONGER, WIDER = 3.0, 2, 2
COST = {IMPROVING: LONGER, UNDERFITTING: WIDER**2}
"""How many times the steps, or the work of one, a change takes."""
UNCHANGED = "no change"


@dataclass(frozen=True)
class Improved:
    """What came of it: the evidence as JSON values, the trainings that were made on the way, and the last setting."""

    evidence: dict[str, Any]
    runs: Runs
    settings: dict[str, Any]


def change_for(kind: str, config: Config, fixed: Sequence[str] = ()) -> Variant | None:
    """Return the change that a finding asks for; None where there is none, or the user chose that setting.

    Unstable: a third of the rate. Flat start: other initial weights. Too early decay and plateau: a cosine, which
    lowers the rate late. Still improving: twice as long. Overfitting: more dropout, or more weight decay in a module of
    one's own. Underfitting: no dropout, or twice the width where there is none.
    """
    changes: dict[str, tuple[str, dict[str, Any]] | None] = {
        UNSTABLE: (f"rate {config.lr / SLOWER:.3g}", {"lr": float(f"{config.lr / SLOWER:.3g}")}),
        FLAT: _other_start(config),
        EARLY_DECAY: _later_decay(config),
        PLATEAU: _later_decay(config),
        IMPROVING: _longer(config),
        OVERFITTING: _regularised(config),
        UNDERFITTING: _wider(config),
    }
    found = changes[kind]
    return None if found is None or set(found[1]) & set(fixed) else Variant(*found)


def _other_start(config: Config) -> tuple[str, dict[str, Any]]:
    name = "kaiming-normal" if config.init != "kaiming-normal" else "lsuv"
    return f"weights {name}", {"init": name, "init_scale": 1.0}


def _later_decay(config: Config) -> tuple[str, dict[str, Any]] | None:
    return None if config.schedule == "cosine" else ("cosine schedule", {"schedule": "cosine", "lr_end": 0.0})


def _longer(config: Config) -> tuple[str, dict[str, Any]]:
    more = {"epochs": LONGER * config.epochs}
    if config.patience is not None:
        more["patience"] = LONGER * config.patience
    if config.max_steps is not None:
        more["max_steps"] = LONGER * config.max_steps
    return f"{LONGER * config.epochs} epochs", more


def _regularised(config: Config) -> tuple[str, dict[str, Any]] | None:
    if isinstance(config.model, str):
        if config.dropout >= MOST_DROPOUT:
            return None
        dropout = round(min(config.dropout + MORE_DROPOUT, MOST_DROPOUT), 3)
        return f"dropout {dropout:g}", {"dropout": dropout}
    decay = float(f"{config.weight_decay * MORE_DECAY or FIRST_DECAY:.3g}")
    return f"weight decay {decay:g}", {"weight_decay": decay}


def _wider(config: Config) -> tuple[str, dict[str, Any]] | None:
    if config.dropout > 0:
        return "no dropout", {"dropout": 0.0}  # what holds the network back, and what lifts its training loss
    if not isinstance(config.model, str):
        return None  # a module of one's own has the width it has
    if config.model == "mlp" and not config.hidden:
        return "a hidden layer of 64", {"width": 64, "depth": 1}
    width = settled(config).width
    if width is None:
        return None
    wider = tuple(WIDER * w for w in width) if isinstance(width, tuple) else WIDER * width
    return f"width {wider if isinstance(wider, int) else ', '.join(map(str, wider))}", {"width": wider}


def best_setting(runs: Runs) -> Runs:
    """Return the trainings, one for each seed, of the setting with the lowest mean validation loss."""
    names = runs.varied()
    groups = list(runs.group(names).values()) if names else [runs]
    losses = [np.mean([t.validation_loss if t.usable else np.inf for t in group]) for group in groups]
    return groups[int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))]


def improve(
    runs: Runs, *, steps: float = np.inf, fixed: Sequence[str] = (), rounds: int = ROUNDS, means: Means = IN_MEMORY
) -> Improved:
    """Read the curves of the best setting, try the changes they ask for against no change, and repeat while it pays.

    A change is taken where its validation loss is lower beyond noise: paired over the seeds, 95 %, the intervals of
    several changes holding together (`goodfit.paired`).

    Args:
        runs: trainings with the same seeds for each setting.
        steps: optimiser steps, in units of one of the present networks, that may be spent.
        fixed: settings that are not changed. means: what to train with; None of the weights are kept unless it says so.
    """
    now = best_setting(runs)
    made: list[Any] = []
    told: list[dict[str, Any]] = []
    settings: dict[str, Any] = {}
    why = ""
    while not why:
        reading = read_curves(now)
        asked = [(kind, change_for(kind, now[0].config, fixed)) for kind in reading["findings"]]
        changes = [(kind, change) for kind, change in asked if change is not None][:MOST_CHANGES]
        turn: dict[str, Any] = {"reading": reading, "curves": {UNCHANGED: _bands(now)}, "standings": []}
        told.append(turn)
        cost = sum(sum(t.steps for t in now) * COST.get(kind, 1) for kind, _ in changes)
        if not changes:
            why = _nothing_to_change(reading)
        elif len(told) > rounds:
            why = f"After {count(rounds, 'round')} no more is tried."
        elif cost > steps:
            why = f"{_listed([c.name for _, c in changes])} would be next, but costs more than this run may spend on it; 'goodfit step curves' tries it."
        if why:
            break
        steps -= cost
        configs = [t.config.replace(**change.settings) for _, change in changes for t in now]
        trained = means.train(configs, now.task, "changes")
        made += trained
        if len(trained) < len(configs):
            why = "The comparison was interrupted."
            break
        n = len(now)
        groups = {c.name: Runs(now.task, trained.trainings[i * n : (i + 1) * n]) for i, (_, c) in enumerate(changes)}
        turn["curves"] |= {name: _bands(group) for name, group in groups.items()}
        taken = _compare(turn, {UNCHANGED: now} | groups)
        if taken is None:
            why = f"{_listed([c.name for _, c in changes])} brings nothing beyond noise, so it ends here."
        else:
            now = groups[taken]
            settings |= next(c.settings for _, c in changes if c.name == taken)
    text = " ".join(filter(None, (_round_text(turn) for turn in told)))
    evidence = {
        "ok": UNSTABLE not in told[-1]["reading"]["findings"] and FLAT not in told[-1]["reading"]["findings"],
        "text": f"{text} {why}", "changed": settings, "rounds": told,
        "follows": "", "trainings": len(made),
    }  # fmt: skip
    if not evidence["ok"]:
        evidence["follows"] = "The curves of the best setting are still not sound: read what follows with care."
    return Improved(evidence, Runs(runs.task, made), settings)


def _compare(turn: dict[str, Any], groups: dict[str, Runs]) -> str | None:
    """Rank the changes and no change on validation loss; return the change to take, or None."""
    values = {
        name: {t.config.seed: t.validation_loss if t.usable else None for t in group} for name, group in groups.items()
    }
    standings = rank(values, smaller_is_better=True)
    unchanged = next(s for s in standings if s.name == UNCHANGED)
    first = standings[0]
    taken = str(first.name) if first.name != UNCHANGED and unchanged.verdict == "worse" else None
    turn["standings"] = [
        {"name": s.name, "n": len(s.values), "loss": s.mean, "interval": list(s.interval), "difference": s.difference,
         "difference_interval": list(s.difference_interval), "taken": s.name == taken}
        for s in standings
    ]  # fmt: skip
    return taken


def _round_text(turn: dict[str, Any]) -> str:
    text: str = turn["reading"]["text"]
    rows = turn["standings"]
    if not rows:
        return text
    losses = {row["name"]: row["loss"] for row in rows}
    tried = ", ".join(f"{name} {figure(loss)}" for name, loss in losses.items() if name != UNCHANGED)
    text += f" Tried with the same {count(rows[0]['n'], 'seed')}: validation loss {tried} against {figure(losses[UNCHANGED])} with no change."
    taken = next((row["name"] for row in rows if row["taken"]), None)
    return text + (f" Better beyond noise, so taken: {taken}." if taken else "")


def _nothing_to_change(reading: dict[str, Any]) -> str:
    if reading["findings"]:
        return "No setting that could be changed would answer that."
    return "There is nothing to change."


def _listed(names: Sequence[str]) -> str:
    text = " and ".join(names)
    return text[:1].upper() + text[1:]


def _bands(group: Runs) -> dict[str, Any]:
    """Return mean and interval over the seeds of both losses by epoch; one that has ended keeps its last value."""
    longest = max(len(t.curve) for t in group)
    found = {}
    for name in ("train_loss", "validation_loss"):
        losses = np.full((len(group), longest), np.nan)
        for row, training in zip(losses, group, strict=True):
            row[: len(training.curve)] = training.curve[name].to_numpy(float)
        carry_on(losses, [len(t.curve) for t in group])  # else the mean would jump whenever a training ends
        found[name] = band(losses)
    return found
