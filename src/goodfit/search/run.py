"""`search`: trials proposed, trained as populations, judged, and the best of them confirmed with new seeds."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.model import Model
from goodfit.paired import Standing, rank
from goodfit.randomness import numpy_generator
from goodfit.runs import Runs
from goodfit.search.domain import word
from goodfit.search.halving import ETA, Halving, check_halving
from goodfit.search.importance import Importance, importances
from goodfit.search.methods import Listed, Proposer, find_method
from goodfit.search.optuna_file import OptunaFile
from goodfit.search.space import Space, Written, make_space
from goodfit.search.trials import DIVERGED, FINISHED, Trial, best_so_far, losses_to_tell, make_trial
from goodfit.task import Task
from goodfit.training import Progress, RunFolder, train
from goodfit.training.pruning import Pruning
from goodfit.training.train import check_configs

FINALISTS, CONFIRMING_SEEDS = 3, 5
"""Trials that are trained again at the end, and with how many seeds that the search has not seen."""
SEARCH_SHARE_OF_TIME = 0.75
"""Of a time limit, that the trials get; the rest confirms the best."""
PROBES = 64
"""Points of the space at which a config must be possible before anything is trained."""


@dataclass(frozen=True)
class Order:
    """What is searched and how; `goodfit.search.run.search` says what each means."""

    method: str = "random"
    trials: int | None = None
    seeds: int = 1
    batch: int | None = None
    by: str = "metric"
    halving: bool = False
    eta: int = ETA
    finalists: int = FINALISTS
    confirm: int = CONFIRMING_SEEDS


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        trials: in the order in which they were proposed. standings: of the finalists, by the words of their settings,
            over seeds that the search had not seen; the first is the best. finalists: their trials by the same words.
        best: the best config. importances: of every setting, [] for few trials. confirmed: the best config's trainings.
        epochs: that all trials trained; full_epochs: that they would have without halving.
    """

    task: Task
    base: Config
    space: Space
    order: Order
    trials: Sequence[Trial]
    standings: Sequence[Standing]
    finalists: Mapping[str, Trial]
    best: Config
    importances: Sequence[Importance]
    confirmed: Runs
    epochs: int
    full_epochs: int
    seconds: float

    @property
    def smaller_is_better(self) -> bool:
        """Whether a trial with a smaller value is better."""
        return _smaller(self.task, self.order.by)

    def frame(self) -> pd.DataFrame:
        """Return a row per trial: number, state, value, best so far, epochs, seconds, then its searched settings."""
        best = best_so_far(self.trials, self.smaller_is_better)
        return pd.DataFrame(
            [
                {"trial": t.number, "state": t.state, "value": t.value, "best": b, "epochs": t.epochs, "seconds": t.seconds}
                | {name: t.values.get(name) for name in self.space.settings}
                for t, b in zip(self.trials, best, strict=True)
            ]
        )  # fmt: skip

    def model(self) -> Model:
        """Return the best config's networks, one for each confirming seed, as a model that averages them."""
        return self.confirmed.model()


def search(
    task: Task, config: Config, space: Mapping[str, Written] | Space, *, method: str = "random",
    trials: int | None = None, seeds: int = 1, batch: int | None = None, by: str = "metric", halving: bool = False,
    eta: int = ETA, finalists: int = FINALISTS, confirm: int = CONFIRMING_SEEDS,
    folder: RunFolder | Path | str | None = None, device: str = "auto", time_limit: float | None = None,
    on_progress: Callable[[Progress], None] | None = None, on_stage: Callable[[str, str], None] | None = None,
) -> SearchResult:  # fmt: skip
    """Search settings for the lowest loss or the best metric on the validation part; the test part is not looked at.

    Args:
        config: what is not searched; its seed is that of the search too.
        space: what is searched, see `goodfit.search.space.make_space`.
        method: name in `goodfit.search.methods.METHODS`.
        trials: how many points of the space are tried; by default 64, or the whole grid.
        seeds: trainings of each trial, whose mean is its value.
        batch: trials that train together and are told to the method together; by default 64, or 8 for those that
            learn from what was found.
        by: `metric` or `loss`.
        halving: stop trials at a third, a ninth and a 27th of their epochs unless they are in the best third there.
        eta: one of so many goes on at each rung of halving.
        finalists, confirm: so many of the best trials are trained again, with so many seeds that the search has not
            seen: the best of many trials is also the luckiest, so its own value is too good.
        folder: run folder that keeps trainings and the Optuna study; a search that is repeated in it goes on.
        time_limit: seconds, for all.

    Raises:
        GoodfitError: a setting, range, method or number that does not fit; nothing has been trained then.
    """
    order = Order(method, trials, seeds, batch, by, halving, eta, finalists, confirm)
    if isinstance(folder, Path | str):
        folder = RunFolder.open(folder) if Path(folder).exists() else RunFolder.create(Path(folder))
    run = _Search(task, config, make_space(space), order, folder, device, on_progress, on_stage or (lambda *_: None))
    return run.result(time_limit)


def check_search(task: Task, config: Config, space: Mapping[str, Written] | Space, order: Order) -> None:
    """Raise what `search` would raise before anything is trained or written."""
    _Search(task, config, make_space(space), order, None, "auto", None, lambda *_: None)


@dataclass
class _Search:
    """One search under way."""

    task: Task
    base: Config
    space: Space
    order: Order
    folder: RunFolder | None
    device: str
    on_progress: Callable[[Progress], None] | None
    on_stage: Callable[[str, str], None]
    found: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        _check_order(self.task, self.order)
        self.smaller = _smaller(self.task, self.order.by)
        self.halving: Halving | None = None
        if self.order.halving:
            check_halving(self.base, self.space.settings)
            self.halving = Halving(self.base.epochs, self.order.eta)
        method = find_method(self.order.method)
        self.proposer: Proposer = method.start(self.space, self.base.seed, self.order.trials or method.trials or 0)
        listed = self.proposer.proposals if isinstance(self.proposer, Listed) else None
        self.count = self.order.trials or method.trials or len(listed or [])
        if method.trials is None and listed is not None:
            self.count = _whole_grid(len(listed), self.order.trials)
        self.batch = self.order.batch or method.batch
        self._check_points(listed)

    def result(self, time_limit: float | None) -> SearchResult:
        """Run the trials, confirm the best, and say what matters."""
        began = time.monotonic()
        file = self._optuna_file()
        try:
            self._run_trials(None if time_limit is None else began + SEARCH_SHARE_OF_TIME * time_limit, file)
        finally:
            if file:
                file.close()
        left = None if time_limit is None else max(1.0, time_limit - (time.monotonic() - began))
        standings, finalists, confirmed = self._confirm(left)
        spent = sum(trial.epochs for trial in self.found)
        full = sum(trial.config.epochs * self.order.seeds for trial in self.found)
        return SearchResult(
            self.task, self.base, self.space, self.order, self.found, standings, finalists,
            confirmed[0].config.replace(seed=self.base.seed), importances(self.space, self.found, self.smaller, self.base.seed),
            confirmed, spent, full, time.monotonic() - began,
        )  # fmt: skip

    def _run_trials(self, deadline: float | None, file: OptunaFile | None) -> None:
        sign = 1.0 if self.smaller else -1.0
        for first in range(0, self.count, self.batch):
            if first and deadline is not None and time.monotonic() >= deadline:
                return
            number = min(self.batch, self.count - first)
            self.on_stage("search", f"trials {first + 1} to {first + number} of {self.count}")
            proposals = self.proposer.propose(first, number)
            self.found += self._train(first, proposals, None if deadline is None else deadline - time.monotonic())
            if file:
                file.write(self.found[first:])
            self.proposer.hear(losses_to_tell(self.found, sign)[first:])

    def _train(self, first: int, proposals: Sequence[Mapping[str, Any]], seconds: float | None) -> list[Trial]:
        """Train one batch as one call of the verb."""
        seeds = self.order.seeds
        configs = [
            self.base.replace(**values, seed=seed)
            for values in proposals
            for seed in range(self.base.seed, self.base.seed + seeds)
        ]
        runs = train(
            configs, self.task, folder=self.folder, stage="search", device=self.device, time_limit=seconds,
            keep_weights=False, on_progress=self.on_progress,
            pruning=Pruning(self._rule(), self.halving.of_batch(first, seeds)) if self.halving else None,
        )  # fmt: skip
        groups = [runs.trainings[k : k + seeds] for k in range(0, len(runs), seeds)]
        return [
            make_trial(first + k, values, group, self.order.by)
            for k, (values, group) in enumerate(zip(proposals, groups, strict=True))
        ]

    def _confirm(self, seconds: float | None) -> tuple[list[Standing], dict[str, Trial], Runs]:
        """Train the best trials with seeds of their own; return how they stand, and the trainings of the best."""
        finalists = self._finalists()
        first = self.base.seed + self.order.seeds
        seeds = range(first, first + self.order.confirm)
        self.on_stage("confirmation", f"the best {len(finalists)} with {len(seeds)} new seeds each")
        configs = [trial.config.replace(seed=seed) for trial in finalists.values() for seed in seeds]
        runs = train(
            configs, self.task, folder=self.folder, stage="confirmation", device=self.device, time_limit=seconds,
            on_progress=self.on_progress,
        )  # fmt: skip
        groups = {name: runs.trainings[k * len(seeds) : (k + 1) * len(seeds)] for k, name in enumerate(finalists)}
        values: dict[str, dict[int, float | None]] = {}
        for name, group in groups.items():
            trial = make_trial(0, {}, group, self.order.by)
            values[name] = {
                t.config.seed: None if t.reason == DIVERGED else v for t, v in zip(group, trial.by_seed, strict=True)
            }
        standings = rank(values, smaller_is_better=self.smaller)
        if not standings[0].values:
            raise GoodfitError("every training of the best trials diverged with new seeds: search lower learning rates")
        usable = [t for t in groups[standings[0].name] if t.reason != DIVERGED]
        return standings, finalists, Runs(self.task, usable)

    def _finalists(self) -> dict[str, Trial]:
        """Return the best trials by the words of their settings: first the finished ones, then those that came furthest."""
        usable = [trial for trial in self.found if np.isfinite(trial.value)]
        if not usable:
            raise GoodfitError(f"all {len(self.found)} trials diverged: search lower learning rates")
        sign = 1 if self.smaller else -1
        ranked = sorted(
            usable,
            key=lambda t: (t.state != FINISHED, -t.epochs if t.state != FINISHED else 0, sign * t.value, t.number),
        )
        named: dict[str, Trial] = {}
        for trial in ranked:
            named.setdefault(describe(trial.values), trial)
        return dict(list(named.items())[: self.order.finalists])

    def _optuna_file(self) -> OptunaFile | None:
        if self.folder is None:
            return None
        return OptunaFile(self.folder.path, f"search {self.task.name}", self.space, self.smaller, self._facts())

    def _facts(self) -> dict[str, Any]:
        """Return what the trials depend on: their number only with halving, else a longer search begins like a shorter."""
        halving = f"one of {self.order.eta} at epochs {self.halving.rungs}" if self.halving else "none"
        return {
            "method": self.order.method, "space": "; ".join(map(str, self.space.dimensions)), "seeds": self.order.seeds,
            "batch": self.batch, "judged by": self.order.by, "halving": halving, "data": self.task.fingerprint(),
            "settings": json.dumps(self.base.settings(), sort_keys=True),
        } | ({"trials": self.count} if self.halving else {})  # fmt: skip

    def _rule(self) -> str:
        return json.dumps(self._facts(), sort_keys=True)

    def _check_points(self, listed: Sequence[Mapping[str, Any]] | None) -> None:
        """Refuse a space with impossible points before anything is trained."""
        points = listed or [
            self.space.at(numpy_generator(self.base.seed, "search probes", k).random(len(self.space)))
            for k in range(PROBES)
        ]
        check_configs([self.base.replace(**values) for values in points], self.task)


def describe(values: Mapping[str, Any]) -> str:
    """Return the searched settings of a trial as a person writes them."""
    return ", ".join(f"{name} {v:.3g}" if isinstance(v, float) else f"{name} {word(v)}" for name, v in values.items())


def _smaller(task: Task, by: str) -> bool:
    return by == "loss" or not task.metric.greater_is_better


def _whole_grid(size: int, trials: int | None) -> int:
    if trials is not None and trials < size:
        raise GoodfitError(
            f"the grid has {size} points, more than {trials} trials: write fewer, such as log(1e-4, 1e-1, points=3), or take random"
        )
    return size


def _check_order(task: Task, order: Order) -> None:
    for name, least in (("trials", 1), ("seeds", 1), ("batch", 1), ("finalists", 1), ("confirm", 1)):
        number = getattr(order, name)
        if number is not None and number < least:
            raise GoodfitError(f"{name} is {number}: it must be at least {least}")
    if order.by not in ("metric", "loss"):
        raise GoodfitError(f"by is '{order.by}': trials are judged by 'metric' or 'loss'")
    if len(task.rows("validation")) == 0:
        raise GoodfitError("the validation part has no rows: give it a share above 0, for it judges the trials")
