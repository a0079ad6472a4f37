"""The classic questions by name. Adding one is adding one entry to `STUDIES`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.studies.comparison import Means, Variant, compare_variants, grid
from goodfit.studies.dimensions import dimensions_study
from goodfit.studies.rates import rates_study
from goodfit.task import Task


@dataclass(frozen=True)
class Order:
    """How a study is to be run: trainings of each variant, the first seed, settings in place of the protocol's own,
    further settings to vary, and what to train with."""

    seeds: int
    seed: int
    settings: Mapping[str, Any]
    axes: Mapping[str, Iterable[Any]]
    means: Means


Answer = Callable[[Task | None, Order], dict[str, Any]]
"""Runs a study on a task (None: it makes its own data) and returns its record."""


@dataclass(frozen=True)
class Study:
    """A question, the built-in data on which it is asked ("" where it makes its own), and how it is answered.

    Attributes:
        validation: share of the training rows that judges. seeds: trainings of each variant by default.
    """

    question: str
    data: str
    answer: Answer
    validation: float = 0.2
    seeds: int = 8

    def run(self, task: Task | None, order: Order) -> dict[str, Any]:
        """Return the study's record, JSON values."""
        return {"question": self.question} | self.answer(task, order)


def find_study(name: str) -> Study:
    """Return the study of that name."""
    if name not in STUDIES:
        raise GoodfitError(
            f"study '{name}' is unknown{did_you_mean(name, STUDIES)}: choose one of {', '.join(STUDIES)}"
        )
    return STUDIES[name]


def _compare(
    base: Mapping[str, Any], variants: Sequence[Variant], rates: Sequence[float] = (), notes: Sequence[str] = ()
) -> Answer:
    """Return a study that compares variants.

    Args:
        rates: learning rates of which each variant gets its best; none where the protocol fixes the rate.
    """

    def answer(task: Task | None, order: Order) -> dict[str, Any]:
        assert task is not None
        further = _vary_further(variants, order.axes)
        fixed = "lr" in order.settings or any("lr" in variant.settings for variant in further)
        return compare_variants(
            task, Config(**{**base, **order.settings, "seed": order.seed}), further, seeds=order.seeds,
            rates=() if fixed else rates, means=order.means,
        ) | {"notes": list(notes)}  # fmt: skip

    return answer


def _dimensions(task: Task | None, order: Order) -> dict[str, Any]:
    if order.axes or order.settings:
        raise GoodfitError("the study 'dimensions' varies the number of features alone: leave out --vary and --set")
    return dimensions_study(order.seeds, order.seed, means=order.means)


def _rates(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if order.axes:
        raise GoodfitError("the study 'rates' varies the learning rate alone: leave out --vary")
    return rates_study(
        task,
        Config(**{**TUTORIAL, "epochs": 10, "train_rows": 6000, **order.settings, "seed": order.seed}),
        seeds=order.seeds,
        means=order.means,
    )


def _vary_further(variants: Sequence[Variant], axes: Mapping[str, Iterable[Any]]) -> list[Variant]:
    own = {name for variant in variants for name in variant.settings}
    if axes and own <= set(axes):
        return grid(axes)
    replaced = own & set(axes)
    if replaced:
        raise GoodfitError(
            f"the study varies {', '.join(sorted(own))} together: give --vary for all of them, or for others"
        )
    if not axes:
        return list(variants)
    further = grid(axes)
    return [
        Variant(f"{variant.name}, {more.name}", variant.settings | more.settings)
        for variant in variants
        for more in further
    ]


TUTORIAL = {
    "width": (256, 128), "activation": "relu", "dropout": 0.2, "optimiser": "adam", "lr": 1e-3, "batch_size": 100,
    "epochs": 2,
}  # fmt: skip
"""Fashion-MNIST by a perceptron, as in the tutorial on initialisation."""

STUDIES: dict[str, Study] = {
    "rates": Study(
        "Which learning rates can be used, and what do the others look like?", "fashion-mnist", _rates, seeds=4
    ),
    "dimensions": Study("What do more features do to a model when the samples stay the same?", "", _dimensions),
}
