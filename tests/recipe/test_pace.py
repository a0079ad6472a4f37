"""A time limit is met by planning: what is left out, and that what stays ends its schedule."""

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

import goodfit as gf
from goodfit.ensemble import crossed
from goodfit.population.workers import worker_count
from goodfit.recipe.pace import MARGIN, find_pace, is_short, paced
from goodfit.training import forecast

GRID = gf.vary(gf.Config(epochs=40, patience=10), lr=[1e-3, 1e-2], dropout=[0.0, 0.2, 0.4], seed=range(3))


def work(configs: list[gf.Config]) -> int:
    return sum(config.epochs for config in configs)


@given(limit=st.floats(0.01, 2000))
def test_the_work_fits_in_the_time(limit: float) -> None:
    """Seconds in proportion to epochs; rounding may add half an epoch to each network."""
    pace = find_pace(GRID, 1000.0, limit)
    kept = paced(GRID, pace)
    assert len(kept) == pace["networks"] >= 1 and all(config.epochs >= 1 for config in kept)
    assert is_short(pace) == (MARGIN * limit < 1000)
    if len(kept) > worker_count():
        assert work(kept) <= work(GRID) * MARGIN * limit / 1000 + 0.5 * len(kept)
    if not is_short(pace):
        assert kept == GRID


def test_networks_and_epochs_share_what_is_saved() -> None:
    kept = paced(GRID, find_pace(GRID, 1000.0, 250 / MARGIN))
    assert len(kept) == 9 and {(config.epochs, config.patience) for config in kept} == {(20, 5)}
    settings = {(config.lr, config.dropout) for config in kept}
    assert len(settings) == 6, "every setting before a second seed of any"


def test_settings_that_stay_are_spread_over_the_grid() -> None:
    kept = paced(GRID, find_pace(GRID, 1000.0, 20 / MARGIN))
    assert len(kept) == 3 and len({config.lr for config in kept}) == 2 and len({c.dropout for c in kept}) > 1


def test_epochs_that_the_user_chose_stay() -> None:
    pace = find_pace(GRID, 1000.0, 500 / MARGIN, fixed=["epochs"])
    assert (
        pace["epochs"] == 1
        and pace["networks"] == 9
        and "9 of 18 networks" in pace["text"]
        and "epochs" not in pace["text"]
    )
    assert {config.epochs for config in paced(GRID, pace)} == {40}


def test_no_core_is_left_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single network on one of several cores takes as long as one on each."""
    monkeypatch.setattr("goodfit.recipe.pace.worker_count", lambda: 4)
    kept = paced(GRID, find_pace(GRID, 1000.0, 10 / MARGIN))
    assert [config.epochs for config in kept] == [2] * 4


def test_folds_stay_whole() -> None:
    grid = crossed(GRID)
    kept = paced(grid, find_pace(grid, 1000.0, 250 / MARGIN))
    folds: dict[tuple[float, float], set[object]] = {}
    for config in kept:
        folds.setdefault((config.lr, config.dropout), set()).add(config.fold)
    assert len(folds) == 3 and all(len(found) == 10 for found in folds.values())


def test_a_forecast_grows_with_the_work(house_task: gf.Task, monkeypatch: pytest.MonkeyPatch) -> None:
    few = gf.vary(gf.Config(width=64, epochs=10), seed=range(4))
    many = gf.vary(gf.Config(width=64, epochs=30), seed=range(12))
    assert forecast(few, house_task) > 0
    module = import_module("goodfit.training.forecast")  # its function has the same name
    monkeypatch.setattr(module, "measure", lambda *_: 0.001)  # what is measured varies with other work
    assert forecast(many, house_task) == pytest.approx(9 * forecast(few, house_task))
