"""The classic questions by name. Adding one is adding one entry to `STUDIES`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.studies.comparison import IN_MEMORY, Means, Variant, compare_variants, grid
from goodfit.task import Task


@dataclass(frozen=True)
class Study:
    """A question, the data on which it is asked, the protocol, and the variants.

    Attributes:
        data: built-in data by default. base: settings that all variants share.
        rates: learning rates of which each variant gets its best; none where the protocol fixes it.
        validation: share of the training rows that judges. seeds: trainings of each variant.
    """

    question: str
    data: str
    base: Mapping[str, Any]
    variants: Callable[[], list[Variant]]
    rates: tuple[float, ...] = ()
    validation: float = 0.2
    seeds: int = 8
    by: str = "metric"
    notes: tuple[str, ...] = field(default=())

    def run(
        self, task: Task, *, seeds: int | None = None, seed: int = 0, settings: Mapping[str, Any] | None = None,
        axes: Mapping[str, Iterable[Any]] | None = None, means: Means = IN_MEMORY,
    ) -> dict[str, Any]:  # fmt: skip
        """Return the record of the comparison (see `compare_variants`).

        Args:
            settings: replace the protocol's own.
            axes: further settings to vary; one that the study varies itself replaces its values.
        """
        settings = settings or {}
        variants = _vary_further(self.variants(), dict(axes or {}))
        fixed = "lr" in settings or any("lr" in variant.settings for variant in variants)
        record = compare_variants(
            task, Config(**{**self.base, **settings, "seed": seed}), variants, seeds=seeds or self.seeds,
            rates=() if fixed else self.rates, means=means, question=self.question, by=self.by,
        )  # fmt: skip
        return record | {"notes": list(self.notes)}


def _vary_further(variants: list[Variant], axes: dict[str, Iterable[Any]]) -> list[Variant]:
    own = {name for variant in variants for name in variant.settings}
    if axes and own <= set(axes):
        return grid(axes)
    replaced = own & set(axes)
    if replaced:
        raise GoodfitError(
            f"the study varies {', '.join(sorted(own))} together: give --vary for all of them, or for others"
        )
    if not axes:
        return variants
    further = grid(axes)
    return [
        Variant(f"{variant.name}, {more.name}", variant.settings | more.settings)
        for variant in variants
        for more in further
    ]


def find_study(name: str) -> Study:
    """Return the study of that name."""
    if name not in STUDIES:
        raise GoodfitError(
            f"study '{name}' is unknown{did_you_mean(name, STUDIES)}: choose one of {', '.join(STUDIES)}"
        )
    return STUDIES[name]


TUTORIAL = {
    "width": (256, 128), "activation": "relu", "dropout": 0.2, "optimiser": "adam", "lr": 1e-3, "batch_size": 100,
    "epochs": 2,
}  # fmt: skip
"""Fashion-MNIST by a perceptron, as in the tutorial on initialisation."""

STUDIES: dict[str, Study] = {}
