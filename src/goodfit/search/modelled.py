"""Proposals by Optuna's samplers, asked and told in batches.

The sampler works on a study in memory: asking costs milliseconds instead of the 40 of a file. A fresh sampler, seeded by
(seed, first trial of the batch), serves each batch, so that the proposals depend on the finished trials alone and a
resumed search, which hears of them again, goes on as if it had never stopped.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from threadpoolctl import threadpool_limits

from goodfit.randomness import key
from goodfit.search.domain import Choice, Domain, word
from goodfit.search.space import Space

if TYPE_CHECKING:
    import optuna


class Modelled:
    """A model of the losses proposes; `first` are the settings of the trials before there is anything to model."""

    unmodelled = 16
    """Trials before the model: two batches, of a Sobol sequence."""

    def __init__(self, space: Space, seed: int, sampler: str, first: Sequence[Mapping[str, Any]]) -> None:
        import optuna  # takes most of a second, which only searches should pay

        self._space, self._seed, self._sampler, self._first = space, seed, sampler, first
        self._distributions = distributions(space)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="minimize")
        self._asked: list[optuna.Trial] = []

    def propose(self, first: int, count: int) -> list[dict[str, Any]]:
        """Return the settings of the trials of a batch."""
        self._asked, proposals = [], []
        self._study.sampler = _make_sampler(self._sampler, self._seed, first)
        with _one_thread():
            for number in range(first, first + count):
                if number < len(self._first):
                    self._study.enqueue_trial(parameters(self._space, self._first[number]))
                self._asked.append(self._study.ask())
                # before the next is asked, which keeps away from it
                proposals.append(self._suggested(self._asked[-1]))
        return proposals

    def hear(self, losses: Sequence[float]) -> None:
        """Tell the study how the batch did."""
        for trial, loss in zip(self._asked, losses, strict=True):
            self._study.tell(trial, loss)

    def _suggested(self, trial: "optuna.Trial") -> dict[str, Any]:
        values: dict[str, Any] = {}
        for dimension in self._space.dimensions:
            if dimension.is_active(values):
                name = dimension.setting
                values[name] = _held(dimension.domain, _suggest(trial, name, self._distributions[name]))
        return values


def distributions(space: Space) -> dict[str, Any]:
    """Return Optuna's distribution of every setting; values of a choice go by their words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for dimension in space.dimensions:
        domain = dimension.domain
        if isinstance(domain, Choice):
            found[dimension.setting] = CategoricalDistribution([word(value) for value in domain.values])
        elif domain.whole:
            found[dimension.setting] = IntDistribution(int(domain.low), int(domain.high), log=domain.scale == "log")
        else:
            found[dimension.setting] = FloatDistribution(domain.low, domain.high, log=domain.scale == "log")
    return found


def parameters(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as Optuna holds them."""
    domains = {dimension.setting: dimension.domain for dimension in space.dimensions}
    return {name: word(value) if isinstance(domains[name], Choice) else value for name, value in values.items()}


def _held(domain: Domain, suggested: Any) -> Any:
    if isinstance(domain, Choice):
        return next(value for value in domain.values if word(value) == suggested)
    return suggested


def _suggest(trial: "optuna.Trial", name: str, distribution: Any) -> Any:
    if hasattr(distribution, "choices"):
        return trial.suggest_categorical(name, distribution.choices)
    suggest = trial.suggest_int if isinstance(distribution.low, int) else trial.suggest_float
    return suggest(name, distribution.low, distribution.high, log=distribution.log)


def _make_sampler(name: str, seed: int, first: int) -> Any:
    import optuna

    seed = key(seed, f"search {name}", first) % 2**32
    with warnings.catch_warnings():
        # groups of settings that occur together are what makes TPE good at conditional ones
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=1, warn_independent_sampling=False)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, group=True)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep to one core: a Gaussian process of a few dozen points took 14 times as long on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
