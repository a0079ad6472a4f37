"""The steps in order: what one finds is what the next works with, and nothing changes what the user chose."""

from typing import Any

import pytest
from small_tasks import friedman

import goodfit as gf
from goodfit.ensemble.crossed import FOLDS, REPEATS
from goodfit.recipe import steps as module
from goodfit.recipe.clock import Clock
from goodfit.recipe.presets import PRESETS
from goodfit.recipe.steps import Steps

TASK = friedman(300)
CONFIG = gf.Config(width=8, numeric="standard", batch_size=32, epochs=6, schedule="cosine", weight_decay=0.03)
SEARCH = {"chosen": 0.001, "interval": (0.0001, 0.002)}


def steps(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], *fixed: str, limit: float | None = None) -> Steps:
    """Steps whose coarse grid changes what is given."""
    monkeypatch.setattr(module, "coarse_search", lambda *_, **__: {"changed": dict(changed), "text": "said."})
    found = Steps(TASK, CONFIG, PRESETS["default"], fixed, Clock(limit, 0.0, now=lambda: 0.0))
    monkeypatch.setattr(found, "_find_rate", lambda: SEARCH)
    return found


@pytest.mark.parametrize(
    ("changed", "rates", "decays"),
    [
        ({}, {0.001, 0.002}, {0.03}),
        ({"lr": 0.002}, {0.001, 0.002}, {0.03}),
        ({"lr": 0.003}, {0.003}, {0.03}),
        ({"lr": 0.000333}, {0.000333, 0.000999}, {0.03}),
        ({"weight_decay": 0.3}, {0.001, 0.002}, {0.3}),
    ],
)
def test_the_coarse_grid_informs_the_refinement(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], rates: set[float], decays: set[float]
) -> None:
    found = steps(monkeypatch, changed)
    configs = found.candidates()
    assert (
        sorted({c.lr for c in configs}) == pytest.approx(sorted(rates)) and {c.weight_decay for c in configs} == decays
    )
    tried_anyway = changed.get("lr") == 0.002
    assert ("tries that rate anyway" in found.coarse()["text"]) == tried_anyway
    assert found.coarse()["changed"] == ({} if tried_anyway else changed)


def test_what_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = steps(monkeypatch, {}, "lr", "weight_decay", "dropout").candidates()
    assert {(c.lr, c.weight_decay, c.dropout) for c in configs} == {(1e-3, 0.03, 0.0)}


def test_what_mended_step_two_is_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = steps(monkeypatch, {})
    monkeypatch.setattr(module, "overfit_small_sample", lambda *_, **__: {"changed": {"init": "orthogonal"}})
    assert {c.init for c in found.candidates()} == {"default"}, "step 2 was not done"
    found.overfit()
    assert {c.init for c in found.candidates()} == {"orthogonal"}


def test_without_time_steps_are_left_out_and_say_so() -> None:
    found = Steps(TASK, CONFIG, PRESETS["quick"], ["lr"], Clock(10.0, 0.0, now=lambda: 9.0))
    for evidence in (found.overfit(), found.coarse()):
        assert evidence["ok"] and evidence["skipped"] and evidence["changed"] == {} and "time limit" in evidence["text"]
    assert len(found.candidates()) == FOLDS * REPEATS, "of one setting, for the rows are few"
