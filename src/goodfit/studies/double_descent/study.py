"""The study `double-descent`: which model, along which axis, on whose data."""

import time
from typing import Any

from goodfit.errors import GoodfitError
from goodfit.studies.comparison import Means
from goodfit.studies.double_descent.axes import AXES
from goodfit.studies.double_descent.regime import which_regime
from goodfit.studies.double_descent.setting import TWO_SCALES_DATA, Setting, networks, random_features
from goodfit.studies.options import StudyOption, choice, share
from goodfit.task import Task

DATA = "fashion-mnist"
AXIS = {DATA: "width", TWO_SCALES_DATA: "epochs"}
"""What the study's own data are looked at against; data of the user's own: `regime`."""
NOISE = 0.2
"""Label noise of networks on the study's own data: without it the peak is small (Nakkiran et al. 2020, figure 4)."""
OPTIONS: dict[str, StudyOption] = {
    "axis": choice("axis", (*AXES, "regime"), "what test losses are looked at against; regime: what would help a training of yours"),
    "model": choice("model", ("mlp", "random-features"), "networks, or random features with least squares", "mlp"),
    "noise": share("noise", "label noise; default 0.2 for networks on the study's own data, else 0"),
}  # fmt: skip


def double_descent(
    task: Task, options: dict[str, Any], settings: dict[str, Any], seed: int, seeds: int, means: Means
) -> dict[str, Any]:
    """Run the study and return its record.

    Args:
        options: values of `OPTIONS`; None lets the data decide, as `AXIS` says.
        settings: in place of the protocol's own.
    """
    began = time.monotonic()
    axis, model = options["axis"] or AXIS.get(task.name, "regime"), options["model"]
    demonstrated = NOISE if model == "mlp" and axis != "regime" and task.name == DATA else 0.0
    noise = demonstrated if options["noise"] is None else options["noise"]
    if not len(task.rows("validation")):
        raise GoodfitError("the validation part has no rows: it judges, give it a share above 0")
    if axis == "regime":
        if model != "mlp":
            raise GoodfitError("--axis regime asks about a network: leave out --model random-features")
        record = which_regime(task, settings, noise, seed, seeds, means)
    else:
        setting = networks(task, settings, noise, means) if model == "mlp" else random_features(task, settings, noise)
        record = AXES[axis](setting, seed, seeds, means) | _protocol(setting, noise, model)
    return record | {"answer": _in_time(record, seeds), "seconds": time.monotonic() - began}


def _in_time(record: dict[str, Any], seeds: int) -> list[str]:
    """Return the answer, with the seeds that the time limit left out."""
    first, *others = record["answer"]
    (start, last) = record["seeds"]
    done = last - start + 1
    return [first, *([f"The time limit came after {done} of {seeds} seeds."] if done < seeds else []), *others]


def _protocol(setting: Setting, noise: float, model: str) -> dict[str, Any]:
    judging = len(setting.rows.task.rows("test"))
    notes = [
        f"Every seed draws its training rows from the same {len(setting.rows.task.rows('train')):,} rows"
        f" and makes {noise:.0%} of their labels wrong; training losses and errors are on those labels.",
        f"{setting.rows.tuning:,} held-out rows choose the {setting.decay} and the stopping time, {judging - setting.rows.tuning:,}"
        " others give every test loss and error; these have no noise.",
        "Lines and bands of losses are geometric means over the seeds with 95 % intervals (Student's t on the logarithm), of"
        " errors arithmetic ones; factors are paired by seed.",
    ]
    if model == "mlp":
        notes.append(
            "Every network starts anew and trains for a fixed number of epochs; the last weights are judged, not the best."
        )
        return {
            "base": setting.config.settings(),
            "varied": ["width", "epochs", "train_rows", "weight_decay"],
            "notes": notes,
        }
    notes.append(
        "Features are max(0, x W) with fixed normal W; the read-out is the least-squares solution of smallest norm, from a"
        " singular value decomposition. A smaller model has the first features of a larger one."
    )
    return {"notes": notes}
