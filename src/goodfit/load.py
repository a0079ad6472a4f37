"""From what a person types, a file, a folder or a built-in name, to a `Task`."""

from pathlib import Path
from typing import Any, Literal

import pandas as pd

from goodfit.data.builtin import BUILTIN, load_builtin
from goodfit.data.images import read_images
from goodfit.data.splits import AUTO
from goodfit.data.tables import read_table
from goodfit.errors import GoodfitError
from goodfit.metrics import TaskKind
from goodfit.task import Task

Share = float | Path | str


def load(
    data: str | Path, target: str | None = None, *, kind: TaskKind | Literal["auto"] = "auto", metric: str | None = None,
    id: str | None = None, group: str | None = None, time: str | None = None, test: Share = 0.2,
    validation: Share = 0.2, seed: int = 0,
) -> Task:  # fmt: skip
    """Make a task of a built-in name, a table file, an `.npz` file, a folder of class folders or one of `.npy` files.

    Images that need more memory than there is stay on disk (`Task.why_streamed`).

    Args:
        data: one of `goodfit.data.BUILTIN`, or a path.
        target: column to predict; built-in data and images know theirs.
        test, validation: share of the rows, or (tables) a file with rows of its own; "auto" is a fifth, but no more than
            6,000 rows.

    Raises:
        GoodfitError: what is wrong with the data, in one line.
    """
    options: dict[str, Any] = {"kind": kind, "metric": metric, "seed": seed}
    name = str(data)
    if name in BUILTIN:
        return _from_builtin(name, target, id, group, time, test, validation, options)
    path = Path(data)
    if not path.exists() and not path.suffix and path.parent == Path():
        load_builtin(name)  # neither file nor built-in: its error lists the names
    options["name"] = path.name.removesuffix(".gz").rsplit(".", 1)[0] or "data"
    if path.is_dir() or path.suffix.lower() == ".npz":
        given = {"id": id, "group": group, "time": time} | {
            n: v for n, v in (("test", test), ("val", validation)) if not _is_share(v)
        }
        for option, value in given.items():
            if value is not None:
                raise GoodfitError(f"--{option} {value} is for tables: images are split at random, stratified by class")
        images = read_images(path, target)
        if images.labels is None:
            raise GoodfitError(f"{path} holds images without labels: training needs one label for each")
        return Task.from_images(
            images.images, images.labels, test=_share(test), validation=_share(validation), notes=images.notes,
            **options,
        )  # fmt: skip
    table = read_table(path)
    if target is None:
        raise GoodfitError(
            f"which column of {path.name} is to be predicted? Give --target; the columns are {', '.join(map(str, table.frame.columns[:12]))}"
        )
    return Task.from_frame(
        table.frame, target, id=id, group=group, time=time, test=_part(test), validation=_part(validation),
        notes=table.notes, **options,
    )  # fmt: skip


def _from_builtin(
    name: str, target: str | None, id: str | None, group: str | None, time: str | None, test: Share,
    validation: Share, options: dict[str, Any],
) -> Task:  # fmt: skip
    raw = load_builtin(name)
    if options["kind"] == "auto" and raw.kind is not None and target in (None, raw.target):
        options["kind"] = raw.kind
    if raw.images is not None and raw.labels is not None:
        return Task.from_images(
            raw.images, raw.labels, name=name, test=_share(test), test_rows=raw.test_rows, validation=_share(validation),
            notes=raw.notes, **options,
        )  # fmt: skip
    assert raw.frame is not None and raw.target is not None
    return Task.from_frame(
        raw.frame, target or raw.target, name=name, id=id, group=group, time=time, test=_part(test),
        validation=_part(validation), notes=raw.notes, **options,
    )  # fmt: skip


def _is_share(value: Share) -> bool:
    if value == AUTO:
        return True
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _share(value: Share) -> float | str:
    if not _is_share(value):
        raise GoodfitError(f"--test and --val of images are shares between 0 and 1, not {value}")
    return AUTO if value == AUTO else float(str(value))


def _part(value: Share) -> float | str | pd.DataFrame:
    return _share(value) if _is_share(value) else read_table(str(value)).frame
