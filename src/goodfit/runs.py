"""`Runs`: what came out of `train`: a row per training, curves, weights on demand."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from goodfit.config import Config
from goodfit.data.mapped import Rows
from goodfit.data.treatment import treatment
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.model import Member, Model
from goodfit.paired import rank
from goodfit.task import Task

COVERAGE = 0.9
"""Level of the prediction intervals and sets."""
COMPARED = ("validation_metric", "validation_loss")
"""Values by which variants are compared."""


@dataclass(frozen=True)
class Training:
    """One finished training.

    Attributes:
        reason: why it ended: finished, early stopped, pruned (others did better), diverged, out of time.
        validation_metric: the task's metric on the validation part with the best weights; NaN without one.
        first_losses: of the first 100 batches, each before its step; NaN where it was not finite.
        curve: columns epoch, step, train_loss, validation_loss; epoch 0 is the untrained network.
        load: reads (weights, validation output [n, n_out]); kept on disk where there is a run folder.
        snapshots: what the training was at the end of each cosine of `cosine-restarts`, as trainings of their own.
        snapshot: which of them this is, from 1; None for a training itself.
    """

    id: str
    stage: str
    config: Config
    reason: str
    best_epoch: int
    epochs: int
    steps: int
    validation_loss: float
    validation_metric: float
    first_losses: np.ndarray
    seconds: float
    kernel: str
    curve: pd.DataFrame
    load: Callable[[], tuple[dict[str, Tensor], np.ndarray | None]]
    snapshots: "Sequence[Training]" = ()
    snapshot: int | None = None

    @property
    def weights(self) -> dict[str, Tensor]:
        """The best weights, named as in the module's `state_dict`."""
        return self.load()[0]

    @property
    def usable(self) -> bool:
        """Whether it learnt anything that can be used (a diverged one may have good weights from before)."""
        return bool(np.isfinite(self.validation_loss)) and self.best_epoch > 0 if self.reason == "diverged" else True


@dataclass(frozen=True)
class Runs:
    """Trainings of one task, in the order of their configs."""

    task: Task
    trainings: Sequence[Training]

    def __len__(self) -> int:
        return len(self.trainings)

    def __iter__(self) -> Iterator[Training]:
        return iter(self.trainings)

    def __getitem__(self, index: int) -> Training:
        return self.trainings[index]

    def __add__(self, other: "Runs") -> "Runs":
        return Runs(self.task, _numbered_apart([*self.trainings, *other.trainings]))

    def frame(self) -> pd.DataFrame:
        """Return a row per training: its outcome, then every setting."""
        outcome = (
            "id",
            "stage",
            "reason",
            "best_epoch",
            "epochs",
            "steps",
            "validation_loss",
            "validation_metric",
            "seconds",
            "kernel",
        )
        rows = [{name: getattr(t, name) for name in outcome} | t.config.settings() for t in self.trainings]
        return pd.DataFrame(rows)

    def curves(self) -> pd.DataFrame:
        """Return every curve: id, epoch, step, train_loss, validation_loss."""
        if not self.trainings:
            return pd.DataFrame(columns=["epoch", "step", "train_loss", "validation_loss", "id"])
        return pd.concat([t.curve.assign(id=t.id) for t in self.trainings], ignore_index=True)

    def filter(self, keep: Callable[[Training], bool]) -> "Runs":
        """Return the trainings for which `keep` is true."""
        return Runs(self.task, [t for t in self.trainings if keep(t)])

    def group(self, by: str | Sequence[str]) -> dict[tuple[object, ...], "Runs"]:
        """Return the trainings by the values of one or several settings."""
        names = [by] if isinstance(by, str) else list(by)
        for name in names:
            if name not in Config.model_fields:
                raise GoodfitError(
                    f"unknown setting '{name}'{did_you_mean(name, Config.model_fields)}: group by settings of Config"
                )
        groups: dict[tuple[object, ...], list[Training]] = {}
        for training in self.trainings:
            groups.setdefault(tuple(getattr(training.config, name) for name in names), []).append(training)
        return {values: Runs(self.task, members) for values, members in groups.items()}

    def varied(self) -> list[str]:
        """Return the settings in which the trainings differ, seed and fold left out."""
        seen = [t.config.settings() for t in self.trainings]
        names = [name for name in Config.model_fields if name not in ("seed", "fold")]
        return [n for n in names if len({json.dumps(s.get(n)) for s in seen}) > 1]

    def compare(
        self, by: str | Sequence[str] | None = None, *, value: str = "validation_metric", level: float = 0.95
    ) -> pd.DataFrame:
        """Return a row per variant: n, mean and interval over seeds, and the difference to the best variant.

        Trainings of a variant that share a seed (where other settings vary too, or the fold) are averaged first: they share
        their random draws, so they count once, and `n` counts seeds. Differences are like for like where every variant has
        the same of them.

        The interval of a mean is Student's t over the seeds of the variant. The difference is paired over
        the seeds that both variants have (NaN where fewer than two are shared), with its own t interval and
        `undecided` where that interval contains zero; these intervals hold together (Bonferroni). Diverged trainings are
        counted, not averaged, and their seed is left out.

        Args:
            by: settings that make a variant; by default all that differ, except the seed.
            value: `validation_metric` or `validation_loss`.

        Raises:
            GoodfitError: an unknown setting or value, or a level that is no share.
        """
        if value not in COMPARED:
            raise GoodfitError(
                f"value '{value}' cannot be compared{did_you_mean(value, COMPARED)}: choose one of {', '.join(COMPARED)}"
            )
        if not isinstance(level, Real) or not 0 < level < 1:
            raise GoodfitError(f"level is {level!r}: it must lie between 0 and 1, such as 0.95")
        names = self.varied() if by is None else [by] if isinstance(by, str) else list(by)
        groups = self.group(names)
        found = {values: _by_seed(members, value) for values, members in groups.items()}
        smaller = value == "validation_loss" or not self.task.metric.greater_is_better
        rows: list[dict[str, Any]] = []
        for standing in rank(found, smaller_is_better=smaller, level=level):
            low, high = standing.interval
            diverged = sum(t.reason == "diverged" for t in groups[standing.name])
            rows.append(
                dict(zip(names, standing.name, strict=True))
                | {"n": len(standing.values), "diverged": diverged}
                | {"mean": standing.mean, "low": low, "high": high, "difference": standing.difference}
                | dict(zip(("difference_low", "difference_high"), standing.difference_interval, strict=True))
                | {"verdict": standing.verdict}
            )
        return pd.DataFrame(rows)

    def best(self, count: int = 1) -> "Runs":
        """Return the usable trainings with the best validation metric (loss decides ties)."""
        if not isinstance(count, Integral) or count < 1:
            raise GoodfitError(f"count is {count!r}: it must be a whole number of 1 or more")
        loss = self.task.metric.loss
        usable = [t for t in self.trainings if t.usable]
        if not usable:
            raise GoodfitError("every training diverged: lower the learning rate")
        order = sorted(
            usable,
            key=lambda t: (
                (loss(t.validation_metric), t.validation_loss) if np.isfinite(t.validation_metric) else (0.0, 0.0)
            ),
        )
        return Runs(self.task, order[:count])

    def snapshots(self) -> "Runs":
        """Return what the trainings were at the end of each cosine of `cosine-restarts`: several networks from each.

        They join an ensemble as any training does: `choose_ensemble(runs.snapshots(), most=5)` (Huang et al. 2017).

        Raises:
            GoodfitError: there are none.
        """
        found = [snapshot for training in self.trainings for snapshot in training.snapshots]
        if not found:
            raise GoodfitError(
                "no training here has snapshots: they are kept where 'schedule' is cosine-restarts, one for each of 'lr_cycles'"
            )
        return Runs(self.task, found)

    def model(self, shares: Sequence[float] | None = None, *, calibrate: bool = False) -> Model:
        """Return the trainings as one model that averages their predictions.

        Its intervals (regression) or sets (classes) are set by the rows that no member has trained on.

        Args:
            shares: what each training counts in the average; None: all the same.
            calibrate: let those rows also choose the temperature of class probabilities (`choose_temperature`).
        """
        task = self.task
        if not self.trainings:
            raise GoodfitError("no training to predict with: the filter left none")
        shares = self._shares(shares)
        members = [Member(t.config, t.weights, share) for t, share in zip(self.trainings, shares, strict=True)]
        preparations = {treatment(m.config, task.is_table): task.preparation(m.config) for m in members}
        id_name = None if task.ids is None else str(task.ids.name)
        model = Model(members, preparations, task.code, task.target_name, None, COVERAGE, id_name)
        rows, predicted = self.unseen(shares)
        return model if len(rows) == 0 else model.judged_by(task.target[rows], predicted, calibrate=calibrate)

    def unseen(self, shares: Sequence[float] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return row numbers [n] and what the members that have not trained on each predict there, on average.

        Without a cross-validation that is the validation part, and all members; with one, it is all rows that train or
        validate, each predicted by the members whose fold it is in.
        """
        task = self.task
        weight = np.zeros(len(task.target))
        total = np.zeros((len(task.target),) if task.kind == "regression" else (len(task.target), task.code.outputs))
        for training, share in zip(self.trainings, self._shares(shares), strict=True):
            output = training.load()[1]
            if output is None:
                return np.empty(0, np.int64), total[:0]
            part, judging = task.judged_by(training.config)
            rows = task.rows(part)[judging]
            total[rows] += share * task.code.decode(output[judging])
            weight[rows] += share
        known = np.flatnonzero(weight)
        return known, (total[known].T / weight[known]).T

    def predict(self, inputs: pd.DataFrame | np.ndarray | Rows) -> np.ndarray:
        """Return the average prediction of all trainings: [n] in the target's unit, or probabilities [n, C]."""
        return self.model().predict(inputs)

    def _shares(self, shares: Sequence[float] | None) -> list[float]:
        if shares is None:
            return [1.0] * len(self)
        try:
            found = np.asarray(shares, dtype=np.float64)
        except (TypeError, ValueError):
            raise GoodfitError("shares hold what is no number: give one number for each training") from None
        if found.shape != (len(self),):
            raise GoodfitError(f"shares have shape {found.shape}: give one number for each of {len(self)} trainings")
        if not np.isfinite(found).all() or (found < 0).any() or not found.any():
            raise GoodfitError(f"shares are {found.tolist()}: each must be finite, none below 0, and one above 0")
        return found.tolist()


def _by_seed(trainings: Runs, value: str) -> dict[int, float | None]:
    """Return the mean value of the trainings of each seed; None where one of them diverged."""
    seeds: dict[int, list[Training]] = {}
    for training in trainings:
        seeds.setdefault(training.config.seed, []).append(training)
    # the mean of those that are left would be of other settings than that of another seed
    return {
        seed: None if any(t.reason == "diverged" for t in found) else float(np.mean([getattr(t, value) for t in found]))
        for seed, found in seeds.items()
    }


def _numbered_apart(trainings: Sequence[Training]) -> list[Training]:
    """Return trainings in which no id is there twice: one that an earlier training has gives way to the next number."""
    last = max((int(t.id[1:].split(".")[0]) for t in trainings), default=0)
    taken: set[str] = set()
    found = []
    for training in trainings:
        if training.id in taken:
            last += 1
            training = _renumbered(training, f"t{last:04d}")
        taken.add(training.id)
        found.append(training)
    return found


def _renumbered(training: Training, id: str) -> Training:
    snapshots = [replace(s, id=f"{id}.{s.snapshot}") for s in training.snapshots]
    return replace(training, id=id if training.snapshot is None else f"{id}.{training.snapshot}", snapshots=snapshots)
