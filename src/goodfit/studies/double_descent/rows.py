"""The rows of a study: those to learn from, those that choose, those that judge; and how a model's outputs are judged."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from goodfit.config import Config, OwnLoss
from goodfit.data.splits import Splits
from goodfit.losses import find_loss
from goodfit.metrics import TaskKind
from goodfit.population.own_data import noisy_targets, training_rows
from goodfit.randomness import numpy_generator
from goodfit.studies.double_descent.points import Measured
from goodfit.task import Task
from goodfit.training.tensors import make_problem

CPU = torch.device("cpu")


@dataclass(frozen=True)
class StudyRows:
    """A task whose training part is trained on to the end, and whose validation part judges.

    Attributes:
        task: its training part is what samples are drawn from, its validation part is empty, so that the last weights
            are kept and not the best, and its test part holds the rows that judge (of the whole task's validation
            part; its test rows are not touched).
        tuning: how many of those, from the first, choose and do not judge.
    """

    task: Task
    tuning: int

    @classmethod
    def of(
        cls, task: Task, *, most: int | None = None, most_judging: int | None = None, tuning: float = 0.2
    ) -> "StudyRows":
        """Take at most so many rows of each part, drawn by a seed that is the same for all."""
        train = _some(task.rows("train"), most, "train")
        judging = _some(task.rows("validation"), most_judging, "judging")
        splits = Splits(np.sort(train), task.rows("validation")[:0], judging, task.splits.how)
        # prepared anew: another training part, another order of the rows that judge
        return cls(replace(task, splits=splits, _prepared={}), round(tuning * len(judging)))

    def drawn(self, config: Config) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs [n, ...] and coded targets [n] that a config trains on, label noise included."""
        problem = make_problem(self.task, config, CPU)
        targets = noisy_targets(config, problem) if config.label_noise else problem.train.y
        rows = training_rows(config, len(problem.train))
        return self.task.matrix(config, "train")[rows], targets.numpy()[rows]

    def judging(self, config: Config) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and coded targets of the rows that choose and judge."""
        return self.task.matrix(config, "test"), self.task.code.encode(self.task.truth("test"))

    @property
    def error_unit(self) -> str:
        """What the error of `judge` is."""
        return "root mean square" if self.task.kind == "regression" else "share of rows"

    def judge(
        self, config: Config, parameters: int, train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
    ) -> Measured:
        """Return losses and errors of (outputs [n, n_out], targets [n]) of the rows trained on and of `judging`."""
        row_loss = find_loss(config.loss, self.task.kind)

        def losses(output: np.ndarray, y: np.ndarray) -> np.ndarray:
            return row_loss(torch.from_numpy(output).double(), torch.from_numpy(y)).numpy()

        held_out, k = losses(*test), self.tuning
        return Measured(
            float(parameters), float(losses(*train).mean()), self._error(*train),
            float(held_out[:k].mean()) if k else float("nan"),
            float(held_out[k:].mean()), self._error(test[0][k:], test[1][k:]),
        )  # fmt: skip

    def _error(self, output: np.ndarray, y: np.ndarray) -> float:
        if self.task.kind == "regression":
            return float(np.sqrt(np.mean((output[:, 0] - y) ** 2)) * self.task.code.scale)
        return float(np.mean(output.argmax(1) != y))


def constant_loss(loss: str | OwnLoss, kind: TaskKind, shares: np.ndarray) -> float:
    """Return the lowest training loss of a constant output: what has been learnt nothing from.

    Args:
        shares: of each class among the training labels.
    """
    if kind == "regression":
        return 1.0  # the variance of the standardised target
    known = shares[shares > 0]
    return (
        float(-(known * np.log(known)).sum())
        if loss in ("auto", "cross-entropy")
        else float((shares * (1 - shares)).mean())
    )


def _some(rows: np.ndarray, most: int | None, purpose: str) -> np.ndarray:
    return numpy_generator(0, "rows of the study", purpose).permutation(rows)[:most]
