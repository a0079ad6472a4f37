"""What a report says of the ensemble: who is in it, on which rows it was chosen, and how far it can be believed."""

from typing import Any

import numpy as np

from goodfit.calibration import crossed_temperature, reliability
from goodfit.ensemble import EnsembleChoice, quality_curve
from goodfit.metrics import log_loss
from goodfit.model import Model
from goodfit.task import Task
from goodfit.wording import count, figure

UNEVEN = 0.5
"""Share of an even part below which a class is rare enough to be spoken of."""


def describe_ensemble(task: Task, choice: EnsembleChoice, seed: int, views: str | None = None) -> dict[str, Any]:
    """Return members, their shares, quality by size along the ranking and over random orders, and the choice in words."""
    used = int((choice.chosen > 0).sum())
    sizes = [
        {"size": n, "validation_metric": m, "validation_loss": loss}
        for n, (m, loss) in enumerate(zip(choice.metrics, choice.losses, strict=True), start=1)
    ]
    total = sum(choice.shares)
    return {
        "members": [t.id for t in choice.members],
        "shares": [share / total for share in choice.shares],
        "candidates": used,
        "of": "settings" if len(choice.pool.candidates[0]) > 1 else "networks",
        "metric": choice.metric,
        "loss": choice.loss,
        "by_size": sizes,
        "curve": quality_curve(choice.pool.among(choice.order), seed) if len(sizes) > 1 else None,
        "text": " ".join(filter(None, (_text(task, choice, used), views))),
    }


def _text(task: Task, choice: EnsembleChoice, used: int) -> str:
    crossed = len(choice.pool.candidates[0]) > 1
    thing = "setting" if crossed else "network"
    if len(choice.pool) == 1:
        text = f"There is one {thing} alone."
    elif used == 1:
        text = f"No average of several {thing}s comes near the validation loss of the best one alone."
    else:
        even = len(set(choice.shares)) == 1
        text = (
            f"Averaging {count(used, thing)} of {len(choice.pool)}, {'all alike' if even else 'each with a share of its own'}, "
            f"brings the validation {task.metric.name} from {figure(choice.metrics[0])} (the best {thing} alone) "
            f"to {figure(choice.metric)}."
        )
    if crossed:
        text += f" Each setting is {len(choice.pool.candidates[0])} networks, one for each fold."
    return text


def describe_rows(task: Task, choice: EnsembleChoice) -> dict[str, Any]:
    """Return by which rows was chosen, and how uneven classes were met."""
    first = choice.members[0].config.fold
    text = f"Settings and members were chosen by the {len(choice.pool.truth)} rows of the validation part."
    if first is not None:
        repeats = len(choice.pool.candidates[0]) // first[2]
        text = (
            f"There are only {len(choice.pool.truth)} rows to train and validate by, so every one of them did both: "
            f"{count(repeats, 'repeat')} of a {first[2]}-fold cross-validation, whose networks all trained together. Choices are "
            "made by what the networks predict for rows that they have not trained on, and all of them predict together."
        )
    return {"chosen_by": len(choice.pool.truth), "folds": first[2] if first else None, "text": text}


def describe_calibration(task: Task, truth: np.ndarray, p: np.ndarray, model: Model) -> dict[str, Any] | None:
    """Return the temperature, what it did on rows left out of fitting it, and how classes are named; None for regression.

    Args:
        truth, p: classes [n] and averaged probabilities [n, C] of the rows that fitted it.
    """
    if task.kind == "regression":
        return None
    after = crossed_temperature(truth, p) if model.temperature != 1 else p
    before_ece, after_ece = reliability(truth, p).ece, reliability(truth, after).ece
    text = "The averaged probabilities are used as they are: no temperature lowers the log-loss of rows left out of fitting it beyond noise."
    if model.temperature != 1:
        way = "less sure" if model.temperature > 1 else "surer"
        text = (
            f"Averaged probabilities are made {way} by a temperature of {figure(model.temperature)}, fitted on the rows that "
            f"chose the ensemble; on rows left out of fitting it, the log-loss goes from {figure(log_loss(truth, p))} to "
            f"{figure(log_loss(truth, after))}, the expected calibration error from {figure(before_ece)} to {figure(after_ece)}."
        )
    return {
        "temperature": model.temperature,
        "class_factors": model.class_factors,
        "ece_before": before_ece,
        "ece_after": after_ece,
        "text": text,
        "classes_text": _classes(task, model),
    }


def _classes(task: Task, model: Model) -> str | None:
    counts = np.bincount(task.truth("train"), minlength=len(task.code.classes))
    rarest = int(counts.argmin())
    share = counts[rarest] / counts.sum()
    if model.class_factors is not None:
        strongest = max(model.class_factors) / min(model.class_factors)
        return (
            f"Because {task.metric.name} counts rare classes as much as common ones, a class is named by its probability "
            f"times a factor, up to {figure(strongest)} times larger for rare ones, chosen by the same rows; the simple models get "
            "theirs likewise. The probabilities stay as they are."
        )
    if share >= UNEVEN / len(counts):
        return None
    return (
        f"The rarest class, {task.code.classes[rarest]}, has {share:.1%} of the training rows. Judged by {task.metric.name}, "
        "that needs no correction; where a missed rare row costs as much as a missed common one, choose "
        "--metric balanced-accuracy, and rare classes are named sooner."
    )
