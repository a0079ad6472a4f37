"""The study of optimisers (O10) on its surfaces: the formulas of the engine, rates that were chosen, words that hold."""

import numpy as np
import pytest
import torch

import goodfit as gf
from goodfit.config import Config
from goodfit.landscape import find_function
from goodfit.optim import OPTIMISERS
from goodfit.studies import optimisers
from goodfit.studies.comparison import IN_MEMORY
from goodfit.studies.named import STUDIES, Order
from goodfit.studies.optimisers import STARTS, SURFACES, race_all, surface_record, variants


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimisers, "STEPS", 60)


def test_every_optimiser_of_the_engine_is_there_beside_plain_descent() -> None:
    assert len(variants()) == len(OPTIMISERS) + 1
    assert {v.settings["optimiser"] for v in variants()} == set(OPTIMISERS)


def test_trails_are_those_of_torch() -> None:
    surface = find_function("rosenbrock")
    for variant, race in zip(variants(), race_all(surface, Config()).values(), strict=True):
        config = Config(**variant.settings, lr=race.rate)
        x = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
        optimiser = OPTIMISERS[config.optimiser].torch([x], config)
        for point in race.trail[:20]:
            np.testing.assert_allclose(point, x.detach().numpy(), rtol=1e-7, atol=1e-9)
            optimiser.zero_grad()
            surface.value(x).backward()
            optimiser.step()


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_told_as_it_was(name: str) -> None:
    races = race_all(find_function(name), Config())
    record = surface_record(find_function(name), races)
    means = {name: race.heights[:, -1].mean() for name, race in races.items()}
    rows = record["table"]["rows"]
    assert (
        rows[0][0] == min(means, key=means.__getitem__)
        and f", {rows[0][0]} gets lowest in 60 steps" in record["answer"]
    )
    for optimiser, rate, mean, *_ in rows:
        assert mean == pytest.approx(means[optimiser]) and rate == races[optimiser].rate
        assert races[optimiser].heights.shape == (STARTS, 61) and np.isfinite(races[optimiser].heights).all()
    # curvature decides in a ravine: momentum gets lower than plain descent (Polyak 1964)
    if name.startswith("tilted-ravine"):
        assert means["momentum"] < means["gradient descent"] - 0.5


def test_what_the_study_sets_itself_is_not_to_be_set() -> None:
    task = gf.Task.from_arrays(np.random.default_rng(0).normal(size=(20, 2)), np.linspace(0.1, 2.1, 20))
    with pytest.raises(gf.GoodfitError, match="sets momentum itself: leave it out of --set"):
        STUDIES["optimisers"].run(task, Order(2, 0, {"momentum": 0.5}, {}, IN_MEMORY))
    with pytest.raises(gf.GoodfitError, match="varies the optimiser alone"):
        STUDIES["optimisers"].run(task, Order(2, 0, {}, {"lr": [0.1]}, IN_MEMORY))
