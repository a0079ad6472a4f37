"""What is trained on which rows: the protocol of each model, and the grid of sizes, times and decays around it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.studies.comparison import Means
from goodfit.studies.double_descent.networks import Networks, width_of
from goodfit.studies.double_descent.points import Learner
from goodfit.studies.double_descent.random_features import RandomFeatures
from goodfit.studies.double_descent.rows import StudyRows, constant_loss
from goodfit.task import Task

POOL, JUDGING = 4000, 2500
"""Rows from which every seed draws its training rows, and rows that are held out."""
FEATURES = {"train_rows": 1000, "pixels": "standard"}
"""Protocol of random features."""
NETWORKS = {
    "depth": 1, "optimiser": "sgd", "momentum": 0.95, "batch_size": 50, "epochs": 1000, "train_rows": 300,
    "pixels": "min-max", "decorrelate": "pca-whiten(20)",
}  # fmt: skip
"""Protocol of networks: few inputs and samples, so that a network that interpolates is small, and a momentum and number
of epochs that let it interpolate. The rate is that of `RATES`."""
TWO_SCALES_DATA = "two-scales"
TWO_SCALES = {
    "activation": "identity", "width": 8, "numeric": "centre", "train_rows": 200, "batch_size": 200, "lr": 0.004,
    "momentum": 0.9, "epochs": 8192,
}  # fmt: skip
"""Protocol of the data that are learnt at two speeds, in place of that of networks: a linear network, for one with kinks
fits the noise before it learns the slow inputs; whole batches, for time is looked at; inputs keep their scales."""
RATES = {"one-hot-squared-error": 0.01, "squared-error": 0.01, "cross-entropy": 0.02}
"""Learning rate for each loss; for `one-hot-squared-error`, a mean over the outputs, for each output."""
FEATURE_FACTORS = (
    0.02, 0.04, 0.08, 0.14, 0.2, 0.3, 0.4, 0.55, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.15, 1.4, 2.0, 3.0, 5.0, 10.0,
)  # fmt: skip
"""Sizes in shares of the number of samples."""
NETWORK_FACTORS = (0.03, 0.06, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.5, 5.0, 8.0)
"""Parameters in shares of the number of values to fit."""
MAP_FACTORS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.5, 5.0)
SAMPLE_FACTORS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
"""Samples in shares of the number that a model of the fixed size can just fit."""
RIDGES = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
FLOW_STEPS = tuple(float(10 ** (k / 2)) for k in range(17))
DECAYS = (1e-3, 3e-3, 1e-2)


@dataclass(frozen=True)
class Setting:
    """A learner, and what the axes need to know of it.

    Attributes:
        values: numbers that each sample asks the model to fit: its outputs for squared error, one for cross-entropy,
            which a large enough output of the right class brings to zero.
        constant: training loss of a constant output. to_end: `epochs` of a training that is not stopped.
        stops: earlier ends. at: the number of parameters or features as the axis of sizes shows it.
        fixed_width: the width that was asked for; None: what just fits the samples.
    size, time, decay: what they are called.
    """

    learner: Learner
    rows: StudyRows
    config: Config
    samples: int
    values: int
    constant: float
    to_end: float
    stops: tuple[float, ...]
    decays: tuple[float, ...]
    widths: tuple[int, ...]
    map_widths: tuple[int, ...]
    width_for: Callable[[float], int]
    """Width whose number of parameters is the given share of the values to fit."""
    fixed_width: int | None
    size: str
    time: str
    decay: str

    def at(self, width: int) -> float:
        """Return a size as the axis shows it: features, or parameters of a network."""
        return float(width if self.size == "features" else self.learner.parameters(width))

    def share(self, width: int, samples: int) -> float:
        """Return parameters / (samples x outputs)."""
        return self.learner.parameters(width) / (samples * self.rows.task.code.outputs)


def random_features(task: Task, settings: Mapping[str, Any], noise: float) -> Setting:
    """Return the setting of random features; `settings` may change the samples, the features and the preparation."""
    known = {"train_rows", "width", "pixels", "numeric", "bins", "decorrelate"}
    for name in settings:
        if name not in known:
            raise GoodfitError(
                f"setting '{name}' does not matter to random features, which are solved at once: set {', '.join(sorted(known))}, or --model mlp"
            )
    rows = StudyRows.of(task, most=POOL, most_judging=JUDGING)
    config = Config(**{**FEATURES, **settings, "loss": _squared(task), "label_noise": noise})
    samples = _samples(config, rows)
    grid = [_distinct(round(factor * samples) for factor in factors) for factors in (FEATURE_FACTORS, MAP_FACTORS)]
    return Setting(
        learner=RandomFeatures(rows, config), rows=rows, config=config, samples=samples,
        values=task.code.outputs, constant=_constant(rows, config), to_end=math.inf, stops=FLOW_STEPS, decays=RIDGES,
        widths=grid[0], map_widths=grid[1], width_for=lambda share: round(share * samples),
        fixed_width=config.hidden[0] if "width" in settings else None, size="features", time="steps of gradient descent", decay="ridge",
    )  # fmt: skip


def networks(task: Task, settings: Mapping[str, Any], noise: float, means: Means) -> Setting:
    """Return the setting of networks that are trained long enough to interpolate."""
    rows = StudyRows.of(task, most=POOL, most_judging=JUDGING)
    loss = str(settings.get("loss", _squared(task)))
    rate = RATES.get(loss, 0.01) * (task.code.outputs if loss == "one-hot-squared-error" else 1)
    own = TWO_SCALES if task.name == TWO_SCALES_DATA else {}
    protocol: dict[str, Any] = {"lr": rate, **NETWORKS, **own, **settings}
    chosen = {**protocol, "loss": loss, "label_noise": settings.get("label_noise", noise)}
    if task.is_table and "decorrelate" not in settings:
        chosen["decorrelate"] = "none"
    config = Config(**{"width": 16, **chosen})
    learner, samples = Networks(rows, config, means), _samples(config, rows)
    values = 1 if config.loss == "cross-entropy" else task.code.outputs

    def width_for(share: float) -> int:
        return width_of(share * samples * values, learner)

    epochs = config.epochs
    return Setting(
        learner=learner, rows=rows, config=config, samples=samples, values=values,
        constant=_constant(rows, config), to_end=epochs,
        stops=tuple(float(e) for e in _distinct(epochs // 2**k for k in range(8, 0, -1))), decays=DECAYS,
        widths=_distinct(map(width_for, NETWORK_FACTORS)), map_widths=_distinct(map(width_for, MAP_FACTORS)),
        width_for=width_for, fixed_width=config.hidden[0] if "width" in protocol else None, size="parameters", time="epochs", decay="weight decay",
    )  # fmt: skip


def _squared(task: Task) -> str:
    return "squared-error" if task.kind == "regression" else "one-hot-squared-error"


def _samples(config: Config, rows: StudyRows) -> int:
    there = len(rows.task.rows("train"))
    return min(config.train_rows or there, there)


def _constant(rows: StudyRows, config: Config) -> float:
    _, y = rows.drawn(config)
    shares = (
        np.empty(0) if rows.task.kind == "regression" else np.bincount(y, minlength=rows.task.code.outputs) / len(y)
    )
    return constant_loss(config.loss, rows.task.kind, shares)


def _distinct(values: Any) -> tuple[int, ...]:
    return tuple(sorted({max(1, value) for value in values}))


def epochs_grid(setting: Setting) -> tuple[float, ...]:
    """Return the times at which a training is looked at, each twice the one before."""
    if math.isinf(setting.to_end):
        return setting.stops
    count = int(math.log2(max(setting.to_end, 2)))
    return tuple(float(e) for e in _distinct(round(setting.to_end / 2**k) for k in range(count, -1, -1)))


def sample_counts(setting: Setting, width: int) -> Sequence[int]:
    """Return numbers of samples around what a width can just fit, as far as there are rows."""
    border = setting.learner.parameters(width) / setting.values
    there = len(setting.rows.task.rows("train"))
    fewest = 2 * setting.rows.task.code.outputs
    counts = [count for count in _distinct(round(f * border) for f in SAMPLE_FACTORS) if fewest <= count <= there]
    if len(counts) < 4:
        raise GoodfitError(
            f"{there} training rows are too few for a model that can fit {round(border)}: give a smaller --set width=..., or more rows"
        )
    return counts
