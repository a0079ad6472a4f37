"""Rates that differ within a network: every kernel that trains them equals PyTorch's groups of parameters."""

import numpy as np
import pytest
import torch
from torch import nn

import goodfit as gf
from goodfit.nn.rate_factors import rate_factors
from goodfit.optim.optimisers import find_optimiser

FACTORS = {"0.weight": 0.1, "0.bias": 0.1, "2.weight": 0.5}


class Layered(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3))
        self.rate_factors = FACTORS


@pytest.fixture(scope="module")
def task() -> gf.Task:
    random = np.random.default_rng(0)
    return gf.Task.from_arrays(random.normal(size=(90, 6)), np.arange(90) % 3, kind="multiclass", validation=0)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw", "lion"])
def test_training_equals_groups_of_parameters_in_pytorch(task: gf.Task, optimiser: str) -> None:
    config = gf.Config(
        model=Layered, optimiser=optimiser, lr=0.03, weight_decay=0.1, batch_size=1000, epochs=5, numeric="standard"
    )
    start = gf.train(config.replace(epochs=0), task)[0].weights
    module = Layered()
    module.load_state_dict(start)
    groups = [{"params": [p], "lr": 0.03 * FACTORS.get(name, 1.0)} for name, p in module.named_parameters()]
    reference = find_optimiser(optimiser).torch(groups, config)
    x = torch.from_numpy(task.matrix(config, "train"))
    y = torch.from_numpy(task.code.encode(task.truth("train")))
    for _ in range(5):
        reference.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        reference.step()
    for kernel in ("sequential", "side-by-side", "generic"):
        found = gf.train([config, config.replace(seed=1)], task, kernel=kernel)[
            0
        ].weights  # the last: nothing validates
        for name, value in module.state_dict().items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def test_alone_and_beside_others_is_the_same(task: gf.Task) -> None:
    configs = gf.vary(gf.Config(model=Layered, lr=0.03, epochs=3, batch_size=16), seed=range(3))
    for kernel in ("sequential", "generic"):
        together = gf.train(configs, task, kernel=kernel)
        alone = gf.train(configs[1], task, kernel=kernel)
        for name, value in alone[0].weights.items():
            assert torch.equal(value, together[1].weights[name])


def test_compiled_loops_say_why_they_do_not_serve(task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match="parts of it train at rates of their own"):
        gf.train(gf.Config(model=Layered), task, kernel="resident")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"3.weight": 0.1}, "rate_factors of the model names '3.weight': it has no such parameter"),
        ({"0.weight": 0.0}, "rate_factors of the model gives '0.weight' 0.0: a factor must be above 0"),
        ([0.1], "rate_factors of the model is a list: it must map"),
    ],
)
def test_mistakes_are_named(given: object, message: str) -> None:
    module = Layered()
    module.rate_factors = given  # type: ignore[assignment]
    with pytest.raises(gf.GoodfitError, match=message):
        rate_factors(module)


def test_factors_of_one_and_of_frozen_parameters_do_not_count() -> None:
    module = Layered()
    module.rate_factors = {"0.weight": 1, "0.bias": 0.5, "2.weight": 0.5}
    module[0].bias.requires_grad_(False)
    assert rate_factors(module) == {"2.weight": 0.5}
