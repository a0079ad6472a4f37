"""What a time limit may cut short: how much work there is, what was cut, and how it is said."""

from collections.abc import Mapping, Sequence
from typing import Any

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.runs import Training
from goodfit.task import Task
from goodfit.wording import count

REMEDY = "give a longer --time-limit, fewer epochs (--set epochs=...), or less to train"


class TooLittleTimeError(GoodfitError):
    """The time limit left nothing that could be compared."""


def steps_to_take(config: Config, task: Task) -> int:
    """Return the steps of a training that nothing ends early."""
    there = len(task.rows("train"))
    steps = config.epochs * -(-min(config.train_rows or there, there) // config.batch_size)
    return min(steps, config.max_steps or steps)


def check_begun(trainings: Sequence[Training]) -> None:
    """Refuse trainings to which the time limit left no step: they say nothing of what was trained.

    Raises:
        TooLittleTimeError: there is one.
    """
    idle = sum(is_late(training) and training.steps == 0 for training in trainings)
    if idle:
        raise TooLittleTimeError(
            f"the time limit left {idle} of {count(len(trainings), 'training')} without a single step: {REMEDY}"
        )


def is_late(training: Training) -> bool:
    """Return whether the time limit ended a training."""
    return training.reason == "out of time"


def cut_short(trained: Mapping[str, Sequence[Training]]) -> list[dict[str, Any]]:
    """Return for every stage that the time limit cut short how many of its trainings it ended, and the shortest."""
    cuts = []
    for stage, trainings in trained.items():
        late = [training for training in trainings if is_late(training)]
        if late:
            shortest = min(late, key=lambda training: training.steps)
            epochs = None if shortest.config.max_steps else shortest.config.epochs
            cuts.append(
                {"stage": stage, "trainings": len(trainings), "cut": len(late), "steps": shortest.steps,
                 "epoch": shortest.epochs, "epochs": epochs}
            )  # fmt: skip
    return cuts


def word_cuts(cuts: Sequence[Mapping[str, Any]]) -> str:
    """Say of which stages how much was cut."""
    told = [
        f"{c['cut']} of {count(c['trainings'], 'training')} in the stage '{c['stage']}' ({_reach(c)})" for c in cuts
    ]
    return f"The time limit ended early {'; '.join(told)}."


def _reach(cut: Mapping[str, Any]) -> str:
    """Say how far the shortest training of a stage came."""
    if not cut["steps"]:
        return "the shortest without a step"
    of_all = f" of {cut['epochs']:,}" if cut["epochs"] else ""
    return f"the shortest after {count(cut['steps'], 'step')}, in epoch {cut['epoch']:,}{of_all}"
