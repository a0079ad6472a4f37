"""The classic questions by name. Adding one is adding one entry to `STUDIES`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from goodfit.config import Config
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.nn import ACTIVATION_FACTS
from goodfit.optim import SCHEDULES
from goodfit.studies.comparison import Means, Variant, compare_variants, grid, within_time
from goodfit.studies.dimensions import dimensions_study
from goodfit.studies.double_descent import OPTIONS as DOUBLE_DESCENT_OPTIONS
from goodfit.studies.double_descent import double_descent
from goodfit.studies.ensemble import ensemble_study
from goodfit.studies.minibatch import minibatch_study
from goodfit.studies.optimisers import optimisers_study
from goodfit.studies.options import StudyOption
from goodfit.studies.rates import rates_study
from goodfit.studies.regularisation import Size, regularisation_study
from goodfit.studies.search import search_study
from goodfit.studies.signals import signals_study
from goodfit.studies.transfer import OPTIONS as TRANSFER_OPTIONS
from goodfit.studies.transfer import transfer_study
from goodfit.task import Task


@dataclass(frozen=True)
class Order:
    """How a study is to be run: trainings of each variant, the first seed, settings in place of the protocol's own,
    further settings to vary, what to train with, and the values of the study's own options."""

    seeds: int
    seed: int
    settings: Mapping[str, Any]
    axes: Mapping[str, Iterable[Any]]
    means: Means
    options: Mapping[str, Any] = field(default_factory=dict)


Answer = Callable[[Task | None, Order], dict[str, Any]]
"""Runs a study on a task (None: it makes its own data) and returns its record."""


@dataclass(frozen=True)
class Study:
    """A question, the built-in data on which it is asked ("" where it makes its own), and how it is answered.

    Attributes:
        validation: share of the training rows that judges. seeds: trainings of each variant by default.
        options: those that this study alone has, by name.
    """

    question: str
    data: str
    answer: Answer
    validation: float = 0.2
    seeds: int = 8
    options: Mapping[str, StudyOption] = field(default_factory=dict)

    def run(self, task: Task | None, order: Order) -> dict[str, Any]:
        """Return the study's record, JSON values; its question may be more special than the study's."""

        def answered(means: Means) -> dict[str, Any]:
            return self.answer(task, replace(order, means=means))

        seeds = order.seed, order.seed + order.seeds - 1
        return {"question": self.question} | within_time(answered, order.means, seeds)


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


def _preparation(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if task.columns is None:
        raise GoodfitError("the study 'preparation' is about the numbers of tables and these are images: give a table")
    base = {"width": (64, 64), "optimiser": "adam", "batch_size": 128, "epochs": 10}
    return _compare(base, _preparations(), LARGER_RATES)(task, order)


def _depth(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if task.is_table and "model" not in order.axes:
        raise GoodfitError("the study 'depth' compares networks for images and these are a table: give images")
    base = {
        "width": 8,
        "batch_size": 64,
        "epochs": 3,
        "train_rows": 3000,
        "pixels": "min-max",
        "lr": 0.03,
        **CONVERGING,
    }
    notes = ["Without skips deeper networks are harder to train, not only to generalise: compare training losses."]
    return _compare(base, _depths(), notes=notes)(task, order)


def _dimensions(task: Task | None, order: Order) -> dict[str, Any]:
    if order.axes or order.settings:
        raise GoodfitError("the study 'dimensions' varies the number of features alone: leave out --vary and --set")
    return dimensions_study(order.seeds, order.seed, means=order.means)


def _minibatch(task: Task | None, order: Order) -> dict[str, Any]:
    if order.axes or order.settings:
        raise GoodfitError("the study 'minibatch' varies the batch size alone: leave out --vary and --set")
    return minibatch_study(order.seeds, order.seed, means=order.means)


def _signals(task: Task | None, order: Order) -> dict[str, Any]:
    if order.settings:
        raise GoodfitError(
            "the study 'signals' trains nothing: give --vary instead of --set, with one value or several"
        )
    return signals_study(order.axes, order.seeds, order.seed, order.means)


def _optimisers(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if order.axes:
        raise GoodfitError("the study 'optimisers' varies the optimiser alone: leave out --vary")
    if given := {"optimiser", "momentum", "weight_decay"} & set(order.settings):
        raise GoodfitError(f"the study 'optimisers' sets {', '.join(sorted(given))} itself: leave it out of --set")
    base = Config(**{**TUTORIAL, "dropout": 0.0, "train_rows": 12000, **order.settings, "seed": order.seed})
    return optimisers_study(task, base, seeds=order.seeds, tune="lr" not in order.settings, means=order.means)


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


def _regularisation(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if order.axes:
        raise GoodfitError("the study 'regularisation' varies the regularisers alone: leave out --vary")
    base = Config(**{**REGULARISED, **order.settings, "seed": order.seed})
    available = len(task.rows("train"))
    wanted = {base.train_rows: base.epochs} if base.train_rows else LITTLE_AND_MUCH
    epochs = base.epochs if "epochs" in order.settings else None
    sizes = {min(rows, available): Size(min(rows, available), epochs or its) for rows, its in wanted.items()}
    return regularisation_study(task, base, list(sizes.values()), seeds=order.seeds, means=order.means)


def _ensemble(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    others = [(variant.name, variant.settings) for variant in grid(order.axes)] if order.axes else []
    config = Config(**{**LENET, **order.settings, "seed": order.seed})
    return ensemble_study(task, config, members=order.seeds, others=others, means=order.means)


def _transfer(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if order.axes:
        raise GoodfitError("the study 'transfer' varies the number of labelled images alone: leave out --vary")
    return transfer_study(task, order.settings, order.options, seeds=order.seeds, seed=order.seed, means=order.means)


def _double_descent(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if order.axes:
        raise GoodfitError("the study 'double-descent' has axes of its own: give --axis instead of --vary")
    options = {name: order.options.get(name, option.default) for name, option in DOUBLE_DESCENT_OPTIONS.items()}
    return double_descent(task, options, dict(order.settings), order.seed, order.seeds, order.means)


def _search(task: Task | None, order: Order) -> dict[str, Any]:
    assert task is not None
    if order.axes:
        raise GoodfitError("the study 'search' has a space of its own: leave out --vary")
    config = Config(**{**SEARCHED, **order.settings, "seed": order.seed})
    return search_study(task, config, grids=order.seeds, means=order.means)


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
    "epochs": 2, "pixels": "min-max",
}  # fmt: skip
"""Fashion-MNIST by a perceptron, as in the tutorial on initialisation."""
INITS = (
    "zeros", "ones", "uniform(0, 1)", "uniform(-0.5, 0.5)", "normal(0, 0.01)", "normal(0, 1)", "general-rule",
    "normal-rule", "xavier-normal", "kaiming-normal", "default", "orthogonal", "zero", "lsuv",
)  # fmt: skip
REGULARISED = {
    "width": 128, "depth": 1, "activation": "relu", "optimiser": "adamw", "lr": 2e-3, "batch_size": 100, "pixels": "min-max",
    "best_weights": False,
}  # fmt: skip
LITTLE_AND_MUCH = {1000: 40, 20_000: 8}
"""Training samples, and epochs for so many."""
LEARNING = [name for name, facts in ACTIVATION_FACTS.items() if not facts.untrainable and name != "identity"]
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
LARGER_RATES = (1e-3, 3e-3, 1e-2, 3e-2)
"""Where 1e-2 was the best for most: what is scaled well or falls in the end bears more."""
LENET = {"model": "lenet", "activation": "relu", "lr": 3e-3, "schedule": "cosine", "batch_size": 128, "epochs": 20}
"""Fashion-MNIST by networks of LeNet's size; chosen on 10,000 of the training images."""
SEARCHED = {
    "width": (32, 32), "activation": "relu", "optimiser": "adamw", "batch_size": 64, "epochs": 10, "train_rows": 2000,
}  # fmt: skip
"""Small networks: the study needs many trainings, not long ones."""
NORM_RATES = (1e-3, 1e-2, 1e-1)
CONVERGING = {"optimiser": "sgd", "momentum": 0.9}


def _norms() -> list[Variant]:
    """Every normalisation at every rate: what batch norm is praised for is bearing large ones."""
    return grid({"norm": ["none", "batch", "layer", "group"], "lr": NORM_RATES})


def _depths() -> list[Variant]:
    models = {8: "resnet-8", 14: "resnet-14", 20: "resnet-20"}
    return [
        Variant(f"{layers} layers, {'residual' if skip else 'plain'}", {"model": models[layers], "skip": skip})
        for layers in models
        for skip in (True, False)
    ]


def _preparations() -> list[Variant]:
    scalings = [
        Variant(name, {"numeric": name})
        for name in ("centre", "min-max", "standard", "robust", "quantile", "piecewise", "periodic")
    ]
    whitened = [
        Variant(f"standard, {name}", {"numeric": "standard", "decorrelate": name}) for name in ("pca", "pca-whiten", "zca")
    ]  # fmt: skip
    return scalings + whitened


STUDIES: dict[str, Study] = {
    "init": Study(
        "Which initialiser learns fastest?", "fashion-mnist", _compare(
            TUTORIAL, grid({"init": INITS}),
            notes=["One rate for all, as the protocol has it: an initialiser that wants another rate is at a disadvantage."],
        ),
    ),
    "activations": Study(
        "Which activation learns fastest, each with a rate of its own?", "fashion-mnist", _compare(
            {**TUTORIAL, "dropout": 0.0, "init": "kaiming-normal", "train_rows": 24000}, grid({"activation": LEARNING}), RATES,
            notes=["Weights start with the gain that keeps the signal's mean square for the activation (He et al. 2015)."],
        ),
    ),
    "signals": Study("What becomes of signals and gradients in an untrained network?", "", _signals, seeds=4),
    "normalisation": Study(
        "Does batch norm help, and does it bear larger rates?", "fashion-mnist", _compare(
            {"model": "lenet", "batch_size": 256, "epochs": 2, "train_rows": 12000, "pixels": "min-max", **CONVERGING}, _norms(),
        ),
    ),
    "depth": Study(
        "Do more layers help, with and without skip connections?", "fashion-mnist", _depth, seeds=4,
    ),
    "optimisers": Study(
        "Which optimiser gets down fastest, each with a rate of its own: on surfaces, and with a network?", "fashion-mnist", _optimisers,
    ),
    "schedules": Study(
        "Which learning-rate schedule is best, each with a rate of its own?", "fashion-mnist", _compare(
            {**TUTORIAL, "epochs": 5, "train_rows": 24000}, grid({"schedule": SCHEDULES}), LARGER_RATES,
        ),
    ),
    "preparation": Study(
        "How should numbers be prepared, each way with a rate of its own?", "california-housing", _preparation,
    ),
    "rates": Study("Which learning rates can be used, and what do the others look like?", "fashion-mnist", _rates, seeds=4),
    "regularisation": Study(
        "Which regularisers narrow the gap between training and validation?", "fashion-mnist", _regularisation, validation=0.05,
    ),
    "ensemble": Study(
        "What do more networks of the same kind bring?", "fashion-mnist", _ensemble, validation=0.0, seeds=10,
    ),
    "transfer": Study(
        "Does a pretrained network help, and up to how many labelled images?", "fashion-mnist", _transfer, seeds=16,
        options=TRANSFER_OPTIONS,
    ),
    "search": Study(
        "Does random search find better settings than a grid?", "california-housing", _search,
    ),
    "double-descent": Study(
        "Does the test loss fall a second time, and in which regime is a model?", "fashion-mnist", _double_descent, seeds=5,
        options=DOUBLE_DESCENT_OPTIONS,
    ),
    "minibatch": Study("How many samples should a gradient be made of?", "", _minibatch),
    "dimensions": Study("What do more features do to a model when the samples stay the same?", "", _dimensions),
}  # fmt: skip
