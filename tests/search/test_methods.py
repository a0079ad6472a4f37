"""Methods of search on plain response functions, without any training."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from goodfit.errors import GoodfitError
from goodfit.search.methods import METHODS, find_method, sobol_points
from goodfit.search.modelled import Modelled
from goodfit.search.space import Space, make_space, read_space

Response = Callable[[Mapping[str, Any]], float]
SPACE = make_space({"lr": "log(1e-5, 1)", "dropout": "uniform(0, 0.9)", "activation": ["relu", "gelu", "tanh"]})
CONDITIONAL = read_space(["lr=log(1e-5,1)", "optimiser=adam,sgd", "momentum=uniform(0,0.99) if optimiser=sgd"])


def bowl(values: Mapping[str, Any]) -> float:
    """A valley in lr at 1e-2, a slope in dropout to 0.2, one good activation."""
    return (
        (np.log10(values["lr"]) + 2) ** 2
        + 4 * (values["dropout"] - 0.2) ** 2
        + (0.0 if values["activation"] == "gelu" else 0.5)
    )


def conditional(values: Mapping[str, Any]) -> float:
    """Good is only sgd with momentum 0.9."""
    return (np.log10(values["lr"]) + 2) ** 2 + (
        1.0 if values["optimiser"] == "adam" else 3 * abs(values["momentum"] - 0.9)
    )


def run(method: str, space: Space, response: Response, trials: int, seed: int, batch: int = 8) -> list[dict[str, Any]]:
    proposer = METHODS[method].start(space, seed, trials)
    found: list[dict[str, Any]] = []
    for first in range(0, trials, batch):
        some = proposer.propose(first, min(batch, trials - first))
        proposer.hear([response(values) for values in some])
        found += some
    return found


def best(method: str, seed: int, trials: int = 48, space: Space = SPACE, response: Response = bowl) -> float:
    return min(map(response, run(method, space, response, trials, seed)))


@pytest.mark.parametrize("method", ["random", "quasi-random", "tpe", "gp"])
@pytest.mark.parametrize("space", [SPACE, CONDITIONAL], ids=["plain", "conditional"])
def test_proposals_lie_in_the_space_and_follow_the_seed(method: str, space: Space) -> None:
    response = bowl if space is SPACE else conditional
    found = run(method, space, response, 24, seed=3)
    assert found == run(method, space, response, 24, seed=3) != run(method, space, response, 24, seed=4)
    for values in found:
        assert all(0 <= u <= 1 for u in space.place(values) if u == u)
        for dimension in space.dimensions:
            assert (dimension.setting in values) == dimension.is_active(values)
            value = values.get(dimension.setting)
            if value is not None and hasattr(dimension.domain, "low"):
                assert dimension.domain.low <= value <= dimension.domain.high


@pytest.mark.parametrize("method", ["random", "quasi-random", "tpe"])
def test_a_longer_search_begins_like_a_shorter_one(method: str) -> None:
    assert run(method, SPACE, bowl, 40, seed=0)[:21] == run(method, SPACE, bowl, 21, seed=0)


def test_random_finds_the_optimum_of_a_known_response() -> None:
    found = run("random", SPACE, bowl, 400, seed=0)
    winner = min(found, key=bowl)
    assert bowl(winner) < 0.05 and winner["activation"] == "gelu"
    assert abs(np.log10(winner["lr"]) + 2) < 0.25
    # draws are even in each dimension: three sigma of the mean of 400 is 0.043
    places = np.array([SPACE.place(values) for values in found])
    assert places[:, :2].mean(0) == pytest.approx([0.5, 0.5], abs=0.045)
    assert abs(np.corrcoef(places[:, :2].T)[0, 1]) < 0.15


def test_models_are_better_than_random_search() -> None:
    """Medians over fixed seeds; the Gaussian process with fewer trials."""
    blind = np.median([best("random", seed) for seed in range(12)])
    assert np.median([best("tpe", seed) for seed in range(8)]) < 0.6 * blind
    assert np.median([best("gp", seed, trials=32) for seed in range(3)]) < 0.1 * blind


def test_a_model_finds_the_branch_of_a_conditional_space() -> None:
    blind = [best("random", seed, 48, CONDITIONAL, conditional) for seed in range(8)]
    found = [best("tpe", seed, 48, CONDITIONAL, conditional) for seed in range(6)]
    assert np.median(found) < np.median(blind)
    late = run("tpe", CONDITIONAL, conditional, 64, 0)[32:]
    assert sum(values["optimiser"] == "sgd" for values in late) > 20


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_a_model_that_hears_the_past_again_goes_on_the_same(sampler: str) -> None:
    whole = run(sampler, SPACE, bowl, 32, seed=1)
    again = METHODS[sampler].start(SPACE, 1, 32)
    for first in (0, 8, 16):
        assert again.propose(first, 8) == whole[first : first + 8]
        again.hear([bowl(values) for values in whole[first : first + 8]])
    assert again.propose(24, 8) == whole[24:]


def test_the_first_trials_of_a_model_are_a_sobol_sequence() -> None:
    points = sobol_points(len(SPACE), 5, Modelled.unmodelled)
    assert run("tpe", SPACE, bowl, 16, 5) == [SPACE.at(point) for point in points]
    assert np.array_equal(points, sobol_points(len(SPACE), 5, 100)[:16])
    # a (t, m, s)-net: every half of every axis has half of the points
    assert ((points < 0.5).sum(0) == 8).all()


def test_the_grid_is_every_point_once_in_an_order_of_the_seed() -> None:
    found = METHODS["grid"].start(SPACE, 0, 0).propose(0, 1000)
    assert len(found) == 5 * 5 * 3
    key = [tuple(values.values()) for values in found]
    assert sorted(key) == sorted(tuple(values.values()) for values in SPACE.grid()) and len(set(key)) == len(key)
    assert found != METHODS["grid"].start(SPACE, 1, 0).propose(0, 1000)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(
        GoodfitError, match=r"method 'randon' is unknown \(did you mean 'random'\?\): choose one of grid"
    ):
        find_method("randon")
