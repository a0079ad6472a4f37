"""The steps of training on one task, in order; each is done once and leaves its evidence."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.recipe.bare import skipped
from goodfit.recipe.clock import Clock
from goodfit.recipe.coarse import coarse_search
from goodfit.recipe.improvement import Improved, improve
from goodfit.recipe.initial_loss import check_initial_loss
from goodfit.recipe.interruption import Interruption
from goodfit.recipe.overfit import overfit_small_sample
from goodfit.recipe.pace import find_pace, paced
from goodfit.recipe.plan import SILENT, Listener, refinement
from goodfit.recipe.presets import Preset
from goodfit.runs import Runs
from goodfit.search import find_learning_rate
from goodfit.studies.comparison import Means
from goodfit.task import Task
from goodfit.training import RunFolder, forecast, train
from goodfit.training.files import plain_json

SAME_RATE = 0.2
"""Rates that differ by less than this share are one."""
MEASURING_SHARE = 0.01
"""Of the time that is left, to find out how long a step takes."""
COARSE_SHARE, IMPROVEMENT_SHARE = 0.1, 0.25
"""What the coarse grid, and the changes that curves ask for, may cost, as shares of the refinement's steps."""


class Steps:
    """Steps 1 to 7 on one task; a step takes what it needs from the evidence of those before.

    Args:
        config: what the steps vary. budget: how much work each does.
        fixed: settings that the user chose; no step changes them.
        folder: keeps evidence and trainings; what it holds already is not done again.
        spend: what the changes of step 7 may cost, as a share of the refinement's steps.
    """

    def __init__(
        self, task: Task, config: Config, budget: Preset, fixed: Iterable[str], clock: Clock, *,
        folder: RunFolder | None = None, device: str = "auto", listener: Listener = SILENT,
        spend: float = IMPROVEMENT_SHARE,
    ) -> None:  # fmt: skip
        self.task, self.config, self.budget, self.fixed = task, config, budget, frozenset(fixed)
        self.interruption = Interruption()
        self.clock, self._folder, self._device, self._listener, self._spend = clock, folder, device, listener, spend
        self._evidence: dict[str, Any] = {}

    def initial_loss(self) -> dict[str, Any]:
        """Step 1: the loss before training."""
        return self._once(
            "initial loss", "untrained networks",
            lambda: check_initial_loss(self.task, self.config, seeds=self.budget.check_seeds),
        )  # fmt: skip

    def overfit(self) -> dict[str, Any]:
        """Step 2: a few mini-batches learnt by heart; what mended a failure is taken over."""
        return self._once("overfit", "a few mini-batches, by heart", self._overfit)

    def learning_rate(self) -> dict[str, Any]:
        """Step 3: the rate at which the loss falls fastest in about a hundred steps."""
        return self._once("learning rate", "many rates at once", self._find_rate)

    def coarse(self) -> dict[str, Any]:
        """Step 4: rates x weight decays around it, a few epochs each."""
        return self._once("coarse grid", "rates and weight decays, a few epochs each", self._coarse)

    def refine(self) -> Runs:
        """Step 5: the candidates, to the end. An interrupt ends them at once with their best weights."""
        self._listener.stage("candidates", "the best few, to the end")
        with self.interruption.awaited():
            return train(
                self.candidates(), self.task, folder=self._folder, stage="candidates", device=self._device,
                time_limit=self.clock.left_for_candidates(), stop=self.interruption.asked,
                on_progress=self._listener.progress,
            )  # fmt: skip

    def improve(self, runs: Runs) -> Improved:
        """Steps 6 and 7: read the curves, change what they ask for, keep it if it pays, and again."""
        self._listener.stage("curves", "read, and what they ask for tried")
        means = replace(self._means(self.clock.left_for_candidates()), keep_weights=True, stop=self.interruption.asked)
        steps = 0 if self.interruption.asked() else self._spend * sum(t.steps for t in runs)
        with self.interruption.awaited():
            return improve(runs, steps=steps, fixed=sorted(self.fixed), means=means)

    def candidates(self) -> list[Config]:
        """Return the grid of step 5, which steps 2 to 4 have informed."""
        budget, rate, highest = self._informed()
        return self._paced(refinement(budget, self.task, self.started(), rate, highest, self.fixed))

    def pace(self) -> dict[str, Any] | None:
        """Return how much of the candidates' work the time limit leaves room for; None without a limit."""
        if self.clock.limit is None:
            return None
        return self._once("pace", "what the time limit leaves room for", self._find_pace)

    def started(self) -> Config:
        """Return the config with what step 2 changed, where it was done."""
        found = self._known("overfit")
        return self.config.replace(**found["changed"]) if found else self.config

    def _overfit(self) -> dict[str, Any]:
        means = self._means(self.clock.left_for("overfit"))
        if means.seconds_left == 0:
            return skipped("The time limit left no time to learn a few mini-batches by heart.")
        return overfit_small_sample(self.task, self.config, means=means, fixed=sorted(self.fixed))

    def _find_rate(self) -> dict[str, Any]:
        preset = self.budget
        search = find_learning_rate(
            self.task, self.started(), points=preset.rates, seeds=preset.rate_seeds, steps=preset.rate_steps,
            folder=self._folder, device=self._device, time_limit=self.clock.left_for("learning rate"),
            on_progress=self._listener.progress,
        )  # fmt: skip
        return asdict(search)

    def _coarse(self) -> dict[str, Any]:
        rate = self.config.lr if "lr" in self.fixed else self.learning_rate()["chosen"]
        steps, means = COARSE_SHARE * self._refinement_steps(), self._means(self.clock.left_for("coarse grid"))
        if means.seconds_left == 0:
            return skipped("The time limit left no time for a coarse grid, so rate and weight decay stay.")
        fixed = sorted(self.fixed)
        found = coarse_search(self.task, self.started(), rate, steps=int(steps), means=means, fixed=fixed)
        better = found["changed"].get("lr")
        if better is not None and np.isclose(self._rates(rate), better, rtol=SAME_RATE).any():
            del found["changed"]["lr"]
            found["text"] += " The refinement tries that rate anyway."
        return found

    def _rates(self, rate: float) -> list[float]:
        """Return the rates of the refinement around the one that the short search found."""
        highest = max(self.learning_rate()["interval"][1], rate)
        return [min(rate * factor, highest) for factor in self.budget.rate_factors]

    def _find_pace(self) -> dict[str, Any]:
        whole = self._uninformed()
        measuring = MEASURING_SHARE * (self.clock.left_for_candidates() or 0.0)
        seconds = forecast(whole, self.task, self._device, measuring)
        # what comes before and after the candidates costs these shares of them; with few settings no change is affordable
        settings = len({config.point() for config in whole})
        beside = COARSE_SHARE + (IMPROVEMENT_SHARE if settings * IMPROVEMENT_SHARE >= 1 else 0.0)
        left = self.clock.left_for_candidates() or 0.0
        return find_pace(whole, seconds, left / (1 + beside), self.fixed)

    def _paced(self, configs: list[Config]) -> list[Config]:
        pace = self.pace()
        return configs if pace is None else paced(configs, pace)

    def _uninformed(self) -> list[Config]:
        """Return candidates as step 5 would try them if the steps before found nothing: as many, and as long."""
        return refinement(self.budget, self.task, self.config, self.config.lr, np.inf, self.fixed)

    def _refinement_steps(self) -> float:
        """Return about how many steps the candidates of step 5 will take together."""
        per_epoch = np.ceil(len(self.task.rows("train")) / self.config.batch_size)
        return float(sum(min(c.epochs * per_epoch, c.max_steps or np.inf) for c in self._paced(self._uninformed())))

    def _informed(self) -> tuple[Preset, float, float]:
        """Return the budget, the rate and the highest rate of step 5, as the coarse grid changed them."""
        changed = self.coarse()["changed"]
        if "lr" in self.fixed:
            rate = highest = self.config.lr
        else:
            found = self.learning_rate()
            rate, highest = found["chosen"], found["interval"][1]
        if "lr" in changed:
            better = changed["lr"]
            rate, highest = better, max(highest, better) if better > rate else rate
        decays = (changed["weight_decay"],) if "weight_decay" in changed else self.budget.decays
        return replace(self.budget, decays=decays), rate, highest

    def _means(self, seconds: float | None) -> Means:
        """Return what a step trains with that has so many seconds left."""
        now = self.clock.now
        deadline = None if seconds is None else now() + seconds
        return Means(self._folder, self._device, deadline, self._listener.progress, self._listener.stage, now=now)

    def _once(self, name: str, what: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a step's evidence: what is known of it, or computed now."""
        found = self._known(name)
        if found is None:
            self._listener.stage(name, what)
            found = self._evidence[name] = plain_json(compute())
            if self._folder:
                self._folder.store.finish_stage(name, found)
        return found

    def _known(self, name: str) -> dict[str, Any] | None:
        """Return a step's evidence if it was done, now or when the folder was last worked in."""
        if name not in self._evidence and self._folder:
            kept = self._folder.store.stage(name)
            if kept is not None:
                self._evidence[name] = kept
        return self._evidence.get(name)
