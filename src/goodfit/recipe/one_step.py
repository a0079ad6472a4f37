"""One of the steps on its own, with those before it that it needs; and its record, which the report draws."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from goodfit.recipe.candidates import describe_candidates
from goodfit.recipe.improvement import best_setting
from goodfit.recipe.pace import is_short
from goodfit.recipe.steps import Steps
from goodfit.recipe.summary import summarise_task
from goodfit.runs import Runs
from goodfit.training.files import plain_json
from goodfit.training.folder import environment

Evidence = dict[str, Any]


def _initial_loss(steps: Steps) -> Evidence:
    return {"initial_loss": steps.initial_loss()}


def _overfit(steps: Steps) -> Evidence:
    return {"overfit": steps.overfit()}


def _learning_rate(steps: Steps) -> Evidence:
    return {"learning_rate": steps.learning_rate()}


def _coarse(steps: Steps) -> Evidence:
    before = {} if "lr" in steps.fixed else _learning_rate(steps)
    return before | {"coarse": steps.coarse()}


def _refine(steps: Steps) -> Evidence:
    before = _coarse(steps)
    return before | {"candidates": described(steps.refine(), steps.pace())}


def _curves(steps: Steps) -> Evidence:
    before = _coarse(steps)
    runs = steps.refine()
    improved = steps.improve(runs)
    return before | {"candidates": described(runs + improved.runs, steps.pace()), "curves": improved.evidence}


STEPS: dict[str, tuple[str, str, Callable[[Steps], Evidence]]] = {
    "initial-loss": ("initial_loss", "Step 1: the loss before training", _initial_loss),
    "overfit": ("overfit", "Step 2: a few mini-batches, by heart", _overfit),
    "learning-rate": ("learning_rate", "Step 3: the learning rate", _learning_rate),
    "coarse": ("coarse", "Step 4: a coarse grid", _coarse),
    "refine": ("candidates", "Step 5: the best, refined and trained longer", _refine),
    "curves": ("curves", "Steps 6 and 7: what the curves say, again and again until nothing pays", _curves),
}
"""Name, key of the evidence in the record, title, and how it is done with what it needs."""


def run_step(name: str, steps: Steps) -> dict[str, Any]:
    """Do one of `STEPS` and return its record: the evidence of every step that was done, as JSON values."""
    began = time.monotonic()
    key, title, do = STEPS[name]
    evidence = do(steps)
    return step_record(steps, name, f"{title.split(': ', 1)[1].capitalize()}: {steps.task.name}", evidence, began) | {
        "asked": [key]
    }


def step_record(steps: Steps, name: str, title: str, evidence: Evidence, began: float) -> dict[str, Any]:
    """Return the record of steps that were done."""
    trainings = evidence.get("candidates", {}).get("trainings", [])
    late = any(t["status"] == "out of time" for t in trainings)
    return plain_json(
        {
            "version": 1, "step": name, "title": title, "task": summarise_task(steps.task),
            "created": datetime.now().isoformat(timespec="seconds"), "goodfit": environment()["goodfit"],
            "status": "interrupted" if steps.interruption.asked() else "out of time" if late else "finished",
            "seconds": time.monotonic() - began,
        } | evidence
    )  # fmt: skip


def described(runs: Runs, pace: Evidence | None) -> Evidence:
    """Return the candidates of step 5 as JSON values; their best setting counts as chosen."""
    found = describe_candidates(runs, best_setting(runs))
    if pace and is_short(pace):
        found["text"] += f" {pace['text']}"
    return found | {"curves": []}  # those of the best setting are read and drawn by themselves
