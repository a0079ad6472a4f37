"""The search as an Optuna study: one SQLite file of the run folder, which Optuna's own tools open.

A trial is written when it has ended, in one transaction with its settings, losses by epoch and value. What a kill stops is
therefore never left behind as running: it is trained and written when the search goes on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goodfit.errors import GoodfitError
from goodfit.search.modelled import distributions, parameters
from goodfit.search.space import Space
from goodfit.search.trials import FINISHED, PRUNED, Trial

FILE = "optuna.sqlite"


class OptunaFile:
    """Writes trials in their order; those that the file holds already are not written again."""

    def __init__(self, folder: Path, name: str, space: Space, smaller_is_better: bool, facts: dict[str, Any]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space, self._distributions = space, distributions(space)
        self._storage = optuna.storages.RDBStorage(f"sqlite:///{folder / FILE}")
        direction = optuna.study.StudyDirection.MINIMIZE if smaller_is_better else optuna.study.StudyDirection.MAXIMIZE
        self._study = optuna.create_study(
            storage=self._storage, study_name=name, direction=direction, load_if_exists=True
        )
        known = self._study.user_attrs
        if known and known != facts:
            differing = next(key for key in facts if known.get(key) != facts[key])
            raise GoodfitError(
                f"{folder} holds another search, whose {differing} is {known.get(differing)}: choose another folder"
            )
        for key in facts.keys() - known.keys():
            self._study.set_user_attr(key, facts[key])
        self._written = len(self._study.get_trials(deepcopy=False))

    def write(self, trials: Sequence[Trial]) -> None:
        """Write those of the trials that are not there yet; they come in the order of their numbers."""
        for trial in trials:
            if trial.number >= self._written:
                self._study.add_trial(self._frozen(trial))
                self._written += 1

    def close(self) -> None:
        """Let go of the file."""
        self._storage.engine.dispose()

    def _frozen(self, trial: Trial) -> Any:
        from optuna.trial import TrialState, create_trial

        states = {FINISHED: TrialState.COMPLETE, PRUNED: TrialState.PRUNED}
        state = states.get(trial.state, TrialState.FAIL)
        params = parameters(self._space, trial.values)
        return create_trial(
            state=state,
            value=trial.value if state == TrialState.COMPLETE else None,
            params=params,
            distributions={name: self._distributions[name] for name in params},
            intermediate_values={epoch: loss for epoch, loss in enumerate(trial.curve) if loss == loss},
            user_attrs={
                "state": trial.state,
                "values by seed": [v if abs(v) < float("inf") else None for v in trial.by_seed],
                "epochs": trial.epochs,
                "seconds": round(trial.seconds, 3),
            },
        )
