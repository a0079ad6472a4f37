"""The ideas that are measured: each changes one thing about the same base."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prototypes import Embedded, Scaled, SharedEnsemble, noisy_quantiles, periodic

import goodfit as gf
from goodfit.nn.mlp import MLP

SOME = ("concrete", "spam7", "computers", "friedman1", "cells", "hpc", "storms", "credit")
MEMBERS = 4
"""Networks that one weight-sharing ensemble holds."""
Settings = Callable[[gf.Task, gf.Config], dict[str, Any]]


@dataclass(frozen=True)
class Idea:
    """One change.

    Attributes:
        about: what it is and where it is from.
        settings: changes of the config. table: of the task's columns. make: further changes that depend on the task.
        classes: it is for classes alone. times: networks, as a multiple of the base's. only: data sets on which it is
            measured, where it takes a kernel so slow that not all can be.
    """

    about: str
    settings: dict[str, Any] = field(default_factory=dict)
    table: Callable[[gf.Task], gf.Task] = lambda task: task
    make: Settings = lambda task, config: {}
    classes: bool = False
    times: int = 1
    only: tuple[str, ...] = ()


def _perceptron(task: gf.Task, config: gf.Config, inputs: int) -> MLP:
    return MLP((inputs,), config.hidden, task.code.outputs, "relu", config.dropout)


def _own(build: Callable[[gf.Task, gf.Config, int], Any]) -> Settings:
    """Return the settings of a module of one's own, made for the prepared columns of a task."""

    def settings(task: gf.Task, config: gf.Config) -> dict[str, Any]:
        inputs = task.matrix(config, "train").shape[1]
        return {"model": lambda: build(task, config, inputs), "width": None, "dropout": 0.0}

    return settings


def _scaled(scaling: float, biases: float) -> Settings:
    return _own(lambda task, config, inputs: Scaled(_perceptron(task, config, inputs), inputs, scaling, biases))


def _embedded(task: gf.Task, config: gf.Config, inputs: int) -> Embedded:
    kinds = {column.name: column.kind for column in task.columns or []}
    names = task.preparation(config).feature_names  # type: ignore[union-attr]
    numbers = [i for i, name in enumerate(names) if kinds.get(name) == "number"]
    return Embedded(lambda width: _perceptron(task, config, width), inputs, numbers)


def _shared(task: gf.Task, config: gf.Config, inputs: int) -> SharedEnsemble:
    sizes = (inputs, *config.hidden, task.code.outputs)
    return SharedEnsemble(sizes, MEMBERS, config.dropout, task.kind != "regression")


IDEAS: dict[str, Idea] = {
    "base": Idea("quantile-coded numbers, cosine, ReLU"),
    "standard": Idea("numbers standardised", settings={"numeric": "standard"}),
    "robust": Idea("robust scaling, smooth clipping (Holzmüller et al. 2024)", settings={"numeric": "robust"}),
    "piecewise": Idea("piecewise-linear codes (Gorishniy et al. 2022)", settings={"numeric": "piecewise"}),
    "noisy quantile": Idea("quantiles of jittered values (Gorishniy et al. 2022)", table=noisy_quantiles, settings={"numeric": "centre"}),
    "periodic 0.2": Idea("sines and cosines of fixed frequencies c ~ N(0, 0.2^2) (after Gorishniy et al. 2022)", table=periodic(0.2), settings={"numeric": "centre"}),
    "periodic 0.7": Idea("the same, c ~ N(0, 0.7^2)", table=periodic(0.7), settings={"numeric": "centre"}),
    "learned periodic": Idea("embeddings PBLD (Holzmüller et al. 2024)", make=_own(_embedded), only=SOME),
    "flat-cosine": Idea("rate constant, then a cosine (Holzmüller et al. 2024)", settings={"schedule": "flat-cosine"}),
    "PReLU": Idea("learned slope below 0 (He et al. 2015)", settings={"activation": "prelu"}, only=SOME),
    "Mish": Idea("Mish (Misra 2019), RealMLP's for regression", settings={"activation": "mish"}),
    "label smoothing": Idea("0.1 of a label spread (Szegedy et al. 2016)", settings={"label_smoothing": 0.1}, classes=True),
    "scaling layer": Idea("a learned factor per input at 6 times the rate (Holzmüller et al. 2024)", make=_scaled(6.0, 1.0), only=SOME),
    "slow biases": Idea("biases at a tenth of the rate (ibid.)", make=_scaled(0.0, 0.1), only=SOME),
    "more networks": Idea(f"{MEMBERS} times as many networks", times=MEMBERS),
    "shared weights": Idea(f"{MEMBERS} networks of shared weights (BatchEnsemble, TabM)", make=_own(_shared), only=SOME),
}  # fmt: skip
"""By name."""

MIXTURES: dict[str, tuple[str, ...]] = {
    "quantile + piecewise": ("base", "piecewise"),
    "piecewise + robust": ("piecewise", "robust"),
    "piecewise + periodic 0.2": ("piecewise", "periodic 0.2"),
    "cosine + flat-cosine": ("base", "flat-cosine"),
}
"""Ensembles of as many networks, parted among ideas; they cost no training of their own."""

DECISIONS: dict[str, str] = {
    "standard": "a setting; in no preset: wins on some tables what it loses on others",
    "robust": "a setting, and in preset `best`; alone no better than quantiles",
    "piecewise": "kept, in every preset of tables: with quantiles beside it beyond noise",
    "noisy quantile": "left out: no gain (ties take the middle of their range anyway)",
    "periodic 0.2": "a setting (`numeric: periodic`, the same frequencies for all columns); in no preset: no better than piecewise codes",
    "periodic 0.7": "left out: loses where it differs",
    "learned periodic": "left out: not beyond noise, and not for the compiled loops",
    "flat-cosine": "a setting (`schedule: flat-cosine`); in no preset: no gain",
    "PReLU": "a setting; in no preset: no gain, and not for the compiled loops",
    "Mish": "a setting; in no preset: no gain on the whole",
    "label smoothing": "a setting; in no preset: no gain in log-loss",
    "scaling layer": "left out: no gain; own modules may have `rate_factors`",
    "slow biases": "left out: no gain; own modules may have `rate_factors`",
    "more networks": "what ensembles bring beside",
    "shared weights": "left out: no gain; a population trains networks of their own together",
    "quantile + piecewise": "kept: what preset `default` trains",
    "piecewise + robust": "in preset `best`; no better than with quantiles",
    "piecewise + periodic 0.2": "in no preset: no better than with quantiles",
    "cosine + flat-cosine": "left out: no gain",
}
"""What became of an idea, and why, by the figures of `benchmarks/tables.md`."""
