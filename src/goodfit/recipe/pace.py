"""A time limit that is met by planning: fewer networks and fewer epochs, whose schedules still run to their end.

A training that is cut off in the middle of its schedule is worth little; one that was planned shorter is not.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from goodfit.config import Config
from goodfit.population.workers import worker_count
from goodfit.wording import count

MARGIN = 0.85
"""Share of the time that is planned with: a forecast from a few steps is rough."""
FEWEST_EPOCHS = 1


def find_pace(configs: Sequence[Config], seconds: float, limit: float, fixed: Collection[str] = ()) -> dict[str, Any]:
    """Return how many of the candidates' networks and epochs fit in the time, as JSON values.

    Where time is short by a factor r, networks and epochs are both reduced by about its root: half an ensemble of
    trainings of half the length for a quarter of the time.

    Args:
        seconds: forecast for all of them. limit: seconds that there are.
        fixed: settings that the user chose; epochs that were chosen stay.
    """
    share = min(1.0, MARGIN * limit / max(seconds, 1e-9))
    epochs = 1.0 if {"epochs", "max_steps"} & set(fixed) else max(math.sqrt(share), _fewest(configs))
    units = _units(configs)
    # fewer networks than cores would leave cores idle and save nothing; however little time there is, what is trained
    # ends at the limit with its best weights
    kept = min(len(units), max(math.ceil(worker_count() / len(units[0])), round(len(units) * share / epochs)))
    epochs = epochs if epochs == 1 else min(1.0, max(share * len(units) / kept, _fewest(configs)))
    networks = len(_first(units, kept))
    found = {
        "epochs": epochs,
        "units": kept,
        "networks": networks,
        "of": len(configs),
        "seconds": seconds,
        "limit": limit,
    }
    return found | {"text": _text(found)}


def paced(configs: Sequence[Config], pace: dict[str, Any]) -> list[Config]:
    """Return the configs that a pace leaves, in their order, each as long as it says."""
    share, kept = pace["epochs"], {id(config) for config in _first(_units(configs), pace["units"])}
    stay = [config for config in configs if id(config) in kept]
    return stay if share == 1 else [_shorter(config, share) for config in stay]


def is_short(pace: dict[str, Any]) -> bool:
    """Return whether a pace leaves out networks or epochs."""
    return bool(pace["networks"] < pace["of"] or pace["epochs"] < 1)


def _fewest(configs: Sequence[Config]) -> float:
    return min(1.0, max(FEWEST_EPOCHS / max(config.epochs, 1) for config in configs))


def _shorter(config: Config, share: float) -> Config:
    epochs = max(1, round(share * config.epochs))
    patience = config.patience
    return config.replace(
        epochs=epochs, patience=patience if patience is None else max(1, math.ceil(patience * epochs / config.epochs))
    )


def _units(configs: Sequence[Config]) -> list[list[Config]]:
    """Return what can only be left out as a whole, the most needed first: every setting once, then their next seeds.

    The folds of a cross-validated setting belong together.
    """
    settings: dict[str, list[Config]] = {}
    for config in configs:
        settings.setdefault(config.point(), []).append(config)
    if configs[0].fold is not None:
        return list(settings.values())
    turns = max(map(len, settings.values()))
    return [[seeds[turn]] for turn in range(turns) for seeds in settings.values() if turn < len(seeds)]


def _first(units: Sequence[list[Config]], kept: int) -> list[Config]:
    """Return the configs of so many units; of those that are kept in part, evenly spaced ones, not neighbours in the grid."""
    distinct = len({unit[0].point() for unit in units})
    whole = kept // distinct * distinct
    turn = units[whole : whole + distinct]
    chosen = np.linspace(0, len(turn), kept - whole, endpoint=False).astype(int)
    return [config for unit in [*units[:whole], *(turn[place] for place in chosen)] for config in unit]


def _text(pace: dict[str, Any]) -> str:
    if not is_short(pace):
        return "The time limit leaves time for all candidates."
    what = [f"{pace['networks']} of {count(pace['of'], 'network')}"] if pace["networks"] < pace["of"] else []
    what += [f"{pace['epochs']:.0%} of the epochs"] if pace["epochs"] < 1 else []
    return (
        f"The time limit leaves about {pace['limit']:.0f} seconds for candidates that need {pace['seconds']:.0f}, so the run was "
        f"planned with {' and '.join(what)}: more time may give a better model."
    )
