"""The candidates: the best few rates x treatments x regularisation x seeds, trained to the end."""

from typing import Any

import numpy as np

from goodfit.paired import t_interval
from goodfit.runs import Runs
from goodfit.wording import count

NAMES = {"lr": "rate", "weight_decay": "decay", "numeric": "numbers"}


def rank_by(metric: str, chosen_by_user: bool) -> str:
    """Return what selects: the validation metric if the user named one, else the loss.

    The loss is the proper score that training minimises and less noisy than accuracy on few rows.
    """
    return "validation_metric" if chosen_by_user and metric not in ("rmse", "log-loss") else "validation_loss"


def describe_candidates(runs: Runs, members: Runs) -> dict[str, Any]:
    """Return groups (one per setting, seeds together), trainings and curves as JSON values."""
    names = runs.varied() or ["lr"]
    grouped = runs.group(names)
    used = {t.id for t in members}
    groups: list[dict[str, Any]] = []
    number_of: dict[str, int] = {}
    for number, (values, group) in enumerate(grouped.items()):
        number_of |= {t.id: number for t in group}
        scores = [t.validation_metric for t in group if np.isfinite(t.validation_metric)]
        losses = [t.validation_loss for t in group if np.isfinite(t.validation_loss)]
        mean, low, high = t_interval(scores)
        groups.append(
            {
                "label": ", ".join(f"{NAMES.get(n, n)} {_short(v)}" for n, v in zip(names, values, strict=True)),
                "settings": group[0].config.settings(),
                "n": len(scores),
                "metric_mean": mean,
                "metric_interval": [low, high],
                "loss_mean": float(np.mean(losses)) if losses else None,
                "chosen": any(t.id in used for t in group),
            }
        )
    return {
        "groups": groups,
        "trainings": [
            {
                "id": t.id, "group": number_of[t.id], "seed": t.config.seed, "status": t.reason, "best_epoch": t.best_epoch,
                "epochs": t.epochs, "validation_loss": t.validation_loss, "validation_metric": t.validation_metric,
                "seconds": t.seconds,
            }
            for t in runs
        ],
        "curves": [
            {"id": t.id, **{name: t.curve[name].tolist() for name in ("epoch", "train_loss", "validation_loss")}} for t in runs
        ],
        "text": _text(runs, groups) + _neighbours_text(runs, members),
    }  # fmt: skip


def _text(runs: Runs, groups: list[dict[str, Any]]) -> str:
    ended = {
        reason: sum(t.reason == reason for t in runs)
        for reason in ("finished", "early stopped", "diverged", "out of time", "interrupted")
    }
    how = ", ".join(f"{n} {reason}" for reason, n in ended.items() if n)
    text = f"{len(runs)} networks of {count(len(groups), 'setting')} were trained together: {how}."
    scored = [g for g in groups if g["loss_mean"] is not None]
    if len(scored) > 1:
        text += f" The lowest mean validation loss has {min(scored, key=lambda g: g['loss_mean'])['label']}."
    return text


def _neighbours_text(runs: Runs, members: Runs) -> str:
    """Say in which columns neighbours were looked up, and how many of the members were told of them."""
    told = {t.config.neighbours for t in runs} - {"none"}
    places = [" and ".join(near) for setting in sorted(told) if (near := runs.task.near_columns(setting))]
    if not places:
        return ""
    among = sum(t.config.neighbours != "none" for t in members)
    return (
        f" Some were told the target of the training rows nearest in {', or in '.join(places)}; "
        f"of the {count(len(members), 'member')} of the ensemble, {among} were."
    )


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
