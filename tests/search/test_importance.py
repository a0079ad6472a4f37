"""Importance: which setting a known response hangs on."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import goodfit as gf
from goodfit.search.importance import Importance, importances
from goodfit.search.methods import METHODS
from goodfit.search.space import Space, make_space
from goodfit.search.trials import DIVERGED, FINISHED, Trial

SPACE = make_space({"lr": "log(1e-5, 1)", "dropout": "uniform(0, 0.9)", "l2": "log(1e-8, 1)"})


def found(response: Callable[[Mapping[str, Any]], float], count: int = 128, space: Space = SPACE,
          smaller: bool = True) -> list[Importance]:  # fmt: skip
    trials = []
    for number, values in enumerate(METHODS["random"].start(space, 0, count).propose(0, count)):
        value = response(values)
        state = FINISHED if np.isfinite(value) else DIVERGED
        trials.append(Trial(number, values, gf.Config(**values), state, value, (value,), 1, 0.0, (value,)))
    return importances(space, trials, smaller)


def test_the_setting_that_matters_is_found() -> None:
    first, *others = found(lambda v: (np.log10(v["lr"]) + 2) ** 2)
    assert first.setting == "lr" and first.total > 0.9 and first.alone > 0.85
    assert all(other.total < 0.05 for other in others)
    low, high = first.total_interval
    assert low <= first.total <= high <= 1


@pytest.mark.parametrize("smaller", [True, False])
def test_shares_are_those_of_the_variance(smaller: bool) -> None:
    """A sum of uniform settings has shares by squared slope, 9 to 1; ranks of a sum are nearly linear in it."""
    shares = {
        i.setting: i for i in found(lambda v: 3 * v["dropout"] / 0.9 - np.log10(v["l2"]) / 8, 400, smaller=smaller)
    }
    assert shares["dropout"].total == pytest.approx(0.9, abs=0.06)
    assert shares["l2"].total == pytest.approx(0.1, abs=0.06) and shares["lr"].total < 0.03


def test_what_matters_only_together_has_no_share_alone() -> None:
    """An exclusive or: neither setting tells anything by itself."""
    shares = {i.setting: i for i in found(lambda v: float((v["dropout"] > 0.45) != (v["lr"] > 10**-2.5)), 256)}
    for name in ("dropout", "lr"):
        assert shares[name].total > 0.7 and shares[name].alone < 0.35
    assert shares["l2"].total < 0.2


def test_a_conditional_setting_matters_where_it_is_there() -> None:
    space = make_space(
        {"optimiser": ["adam", "sgd"], "momentum": "uniform(0, 0.99) if optimiser=sgd", "lr": "log(1e-5, 1)"}
    )
    shares = {i.setting: i for i in found(lambda v: abs(v.get("momentum", 0.45) - 0.9), 256, space)}
    assert shares["momentum"].total > 0.5 > shares["lr"].total + 0.4


def test_diverged_trials_are_the_worst_and_few_or_equal_trials_say_nothing() -> None:
    assert found(lambda v: float("nan") if v["lr"] > 0.1 else v["dropout"])[0].setting in ("dropout", "lr")
    assert found(lambda v: v["lr"], 11) == [] and found(lambda v: 1.0) == []
