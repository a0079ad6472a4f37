"""First weights of a population: the same on every kernel and in any grouping, also where they look at data."""

import numpy as np
import pytest
import torch
from problems import BASE, CLASSES, IMAGES, REGRESSION, Residual, assert_same, lenet, run
from torch import Generator, Tensor

from goodfit.config import Config, vary
from goodfit.nn.initialisers import INITIALISERS
from goodfit.population import KERNELS, Problem
from goodfit.population.start import first_network, first_sample


def own(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
    weight.uniform_(-0.1, 0.1, generator=generator)
    if bias is not None:
        bias.fill_(0.01)


INITS = [
    *(f"{name}(0.3)" if name == "constant" else name for name in INITIALISERS if name != "metainit"),
    "metainit(3)",
    own,
]


@pytest.mark.parametrize("init", INITS, ids=lambda init: init if isinstance(init, str) else "own")
@pytest.mark.filterwarnings("ignore:init 'constnet'")
def test_the_same_on_every_kernel(init: object) -> None:
    config = BASE.replace(init=init, init_scale=0.7, epochs=0, train_rows=90, label_noise=0.2)
    expected = first_network(config, CLASSES).state_dict()
    for kernel in KERNELS:
        outcome, _ = run([config, config.replace(seed=9)], CLASSES, kernel)[0]
        for name, weight in outcome.weights.items():
            assert torch.equal(weight, expected[name]), (kernel, name)


@pytest.mark.parametrize(("model", "problem"), [("mlp", REGRESSION), (lenet, IMAGES), (Residual, IMAGES)])
def test_members_with_other_initialisers_do_not_notice_each_other(model: object, problem: Problem) -> None:
    base = BASE.replace(model=model, epochs=2)
    configs = [base.replace(init=init, init_scale=scale, seed=seed) for seed, (init, scale) in enumerate(
        [("lsuv", 1.0), ("default", 1.0), (own, 2.0), ("uniform(-0.5, 0.5)", 1.0), ("lsuv", 0.5)])]  # fmt: skip
    for kernel in KERNELS:
        if KERNELS[kernel].refusal(base, problem) is None:
            together = run(configs, problem, kernel)
            for i in (0, 2, 4):
                assert_same(run([configs[i]], problem, kernel)[0], together[i])


def test_samples_are_the_members_own_rows() -> None:
    config = BASE.replace(train_rows=50, label_noise=0.5)
    sample = first_sample(config, CLASSES)
    assert sample.x.shape == (50, 13) and sample.y.shape == (50,)
    rows = [int(torch.nonzero((CLASSES.train.x == x).all(1))[0]) for x in sample.x]
    assert len(set(rows)) == 50
    shown = run([config.replace(epochs=1)], CLASSES)[0]
    assert shown[0].reason == "finished"
    assert (sample.y != CLASSES.train.y[rows]).float().mean() > 0.25, "with the member's label noise"
    other = first_sample(config.replace(seed=4), CLASSES)
    assert not np.array_equal(other.x.numpy(), sample.x.numpy())
    assert len(first_sample(Config(), CLASSES).y) == 203


def test_vary_takes_functions_and_texts() -> None:
    configs = vary(BASE, init=[own, "zeros", "normal(0, 1)"], init_scale=[1, 0.1])
    assert [c.settings()["init"] for c in configs[::2]] == ["test_start:own", "zeros", "normal(0, 1)"]


@pytest.mark.filterwarnings("ignore:init 'constnet'")
def test_identical_features_need_something_that_tells_them_apart() -> None:
    """Blumenfeld et al. 2020: without a symmetry breaker they stay identical; a little dropout is enough."""
    config = BASE.replace(init="constnet", width=(16, 16), epochs=10, lr=1e-2)
    same, apart = (run([config.replace(dropout=p)], CLASSES)[0][0].weights["layers.1.weight"] for p in (0.0, 0.01))
    torch.testing.assert_close(same, same[:1, :1].expand_as(same), rtol=1e-3, atol=1e-5)
    assert float((apart - apart[:1]).abs().max()) > 0.01
