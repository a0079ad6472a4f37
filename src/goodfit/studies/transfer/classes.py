"""Which classes are held back: one task of the others, to pretrain on, and one of theirs."""

from collections.abc import Sequence

import numpy as np

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.task import Task

HELD_BACK = ("Sandal", "Shirt")
"""Where the data have them (Géron 2019, chapter 11); else the last two classes."""


def read_classes(text: str) -> list[str]:
    """Return the classes that `Sandal,Shirt` names."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(set(names)) < max(2, len(names)):
        raise GoodfitError(f"--held-back {text} does not name two different classes: write --held-back Sandal,Shirt")
    return names


def split_classes(task: Task, held_back: Sequence[str] | None = None) -> tuple[Task, Task, tuple[str, ...]]:
    """Return the task of the known classes, that of the held-back ones, and the names of the latter.

    The held-back task's training part comes from the task's, its test part is the task's validation part.

    Args:
        held_back: names of classes; None takes `HELD_BACK`.

    Raises:
        GoodfitError: no images, fewer than two classes to know or to hold back, or nothing to judge by.
    """
    classes = [str(c) for c in task.code.classes]
    if task.is_table or len(classes) < 4:
        raise GoodfitError(f"the study 'transfer' needs images of at least 4 classes: {task.name} has none, or fewer")
    if not len(task.rows("validation")):
        raise GoodfitError("the validation part has no rows: give it a share above 0, for it judges the trainings")
    names = _names(classes, held_back)
    held = np.isin(task.target, [classes.index(name) for name in names])
    train_rows, judges = task.rows("train"), task.rows("validation")
    judges = judges[held[judges]]
    known = _task_of(task, classes, train_rows[~held[train_rows]], 0, "known classes")
    target = _task_of(
        task, classes, np.concatenate([train_rows[held[train_rows]], judges]), len(judges), "held-back classes"
    )
    return known, target, names


def _names(classes: list[str], held_back: Sequence[str] | None) -> tuple[str, ...]:
    if held_back is None:
        return HELD_BACK if set(HELD_BACK) < set(classes) else tuple(classes[-2:])
    for name in held_back:
        if name not in classes:
            raise GoodfitError(
                f"--held-back names '{name}'{did_you_mean(name, classes)}: the classes are {', '.join(classes)}"
            )
    if len(classes) - len(held_back) < 2:
        raise GoodfitError(
            f"--held-back leaves {len(classes) - len(held_back)} of {len(classes)} classes to pretrain on: leave 2 or more"
        )
    return tuple(held_back)


def _task_of(task: Task, classes: list[str], rows: np.ndarray, judging: int, name: str) -> Task:
    """Return a task of some rows, of which the last `judging` are its test part."""
    assert isinstance(task.inputs, np.ndarray)
    return Task.from_images(
        task.inputs[rows], np.array(classes)[task.target[rows]], name=name, metric="accuracy", test=0, validation=0,
        test_rows=np.arange(len(rows) - judging, len(rows)) if judging else None,
    )  # fmt: skip
