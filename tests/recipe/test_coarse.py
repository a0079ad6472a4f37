"""Step 4: the grid is judged by paired differences, and changes only what is better beyond noise."""

import numpy as np
import pytest
from small_tasks import friedman

import goodfit as gf
from goodfit.recipe import coarse_search
from goodfit.recipe.coarse import judge_grid

RATES, DECAYS = np.array([0.001, 0.003, 0.009]), np.array([0.003, 0.03, 0.3])


def losses(by_rate: list[float], by_decay: list[float], noise: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    exact = 1 + np.array(by_rate)[:, None, None] + np.array(by_decay)[None, :, None]
    return exact + 0.3 * random.normal(size=4) + noise * random.normal(size=(3, 3, 4))


def test_only_what_is_better_beyond_noise_changes() -> None:
    found = judge_grid(RATES, DECAYS, losses([0.4, 0.2, 0.0], [0.0, 0.0, 0.3], 0.005))
    assert found["changed"] == {"lr": 0.009} and "0.009 is better than 0.003" in found["text"]
    found = judge_grid(RATES, DECAYS, losses([0.001, 0.001, 0.0], [0.0, 0.0, 0.0], 0.0))
    assert found["changed"] == {}, "certain, but not worth it"


def test_noise_alone_rarely_changes_anything() -> None:
    nothing = [0.0, 0.0, 0.0]
    changed = [bool(judge_grid(RATES, DECAYS, losses(nothing, nothing, 0.2, seed))["changed"]) for seed in range(300)]
    assert np.mean(changed) < 0.12, "two axes, each at a level of 5 %"


def test_a_rate_that_diverges_with_one_seed_loses() -> None:
    found_losses = losses([0.3, 0.2, 0.0], [0.0, 0.0, 0.0], 0.01)
    found_losses[2, 1, 3] = np.nan
    found = judge_grid(RATES, DECAYS, found_losses)
    assert found["changed"] == {} and found["diverged_from"] == 0.009 and "diverged at 0.009" in found["text"]
    found_losses[1, :, 0] = np.nan
    assert judge_grid(RATES, DECAYS, found_losses)["changed"] == {"lr": 0.001}, (
        "decays are judged where nothing diverged"
    )
    found = judge_grid(RATES, DECAYS, np.full((3, 3, 4), np.nan))
    assert not found["ok"] and found["changed"] == {"lr": 0.001} and found["follows"]


def test_search_moves_a_rate_that_is_far_too_low() -> None:
    task, config = friedman(600), gf.Config(width=32, numeric="standard", batch_size=32, epochs=40)
    found = coarse_search(task, config, 1e-4)
    assert (
        found["changed"]["lr"] == pytest.approx(3e-4)
        and np.shape(found["losses"]) == (3, 3, 4)
        and found["epochs"] == 5
    )
    small = coarse_search(task, config, 3e-3, steps=800, fixed=["weight_decay"])
    looking = 2 / 3 * len(task.rows("validation")) / config.batch_size
    assert small["decays"] == [0.0] and 3 * small["seeds"] * (small["steps"] + looking) <= 800
