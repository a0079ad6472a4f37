"""One contract for every entry of a registry."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from goodfit.config import Config
from goodfit.losses import LOSSES, cross_entropy
from goodfit.metrics import METRICS
from goodfit.nn import ACTIVATIONS, INITIALISERS, build_model
from goodfit.nn.initialisers import Sample
from goodfit.optim import OPTIMISERS, SCHEDULES
from goodfit.optim.optimisers import Hyper, hyper_table
from goodfit.optim.schedules import rate_table

REFERENCE = {
    "identity": lambda x: x,
    "relu": torch.nn.functional.relu,
    "leaky-relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "selu": torch.nn.functional.selu,
    "softplus": torch.nn.functional.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "mish": torch.nn.functional.mish,
    "prelu": lambda x: torch.nn.functional.prelu(x, torch.full((1,), 0.25, dtype=x.dtype)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_equals_pytorch_in_value_and_gradient(name: str) -> None:
    x = torch.linspace(-30, 30, 4001, dtype=torch.float64)
    x = x[x != 0].requires_grad_()  # a kink has no one derivative
    ours, theirs = ACTIVATIONS[name](x), REFERENCE[name](x)
    # PyTorch's softplus turns linear above 20
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-8)
    gradients = [torch.autograd.grad(y.sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(37, 13), (5, 7), (1, 1), (333, 201)])
def test_activation_does_not_depend_on_the_place_in_the_tensor(name: str, shape: tuple[int, int]) -> None:
    x = torch.randn(9, *shape, generator=torch.Generator().manual_seed(0))
    together = ACTIVATIONS[name](x)
    for members in ([0, 1], [8, 4, 5], [6, 2, 0, 4, 1]):
        assert torch.equal(ACTIVATIONS[name](x[members]), together[members])


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("shape", [(6,), (2, 5, 5)])
@pytest.mark.filterwarnings("ignore:init 'constnet' makes all features")
def test_initialiser_is_repeatable_and_finite(name: str, shape: tuple[int, ...]) -> None:
    def model() -> nn.Module:
        if len(shape) == 1:
            return nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 3))
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))

    random = torch.Generator().manual_seed(0)
    sample = Sample(torch.randn(20, *shape, generator=random), torch.arange(20) % 3, cross_entropy)
    config = Config(model=model, init={"constant": "constant(0.3)", "metainit": "metainit(3)"}.get(name, name))
    first, second, other = (build_model(config.replace(seed=seed), shape, 3, sample).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[n], second[n]) and torch.isfinite(first[n]).all() for n in first)
    drawn = name not in ("zeros", "ones", "constant", "zero", "constnet")
    assert torch.equal(first["0.weight"], other["0.weight"]) != drawn
    assert INITIALISERS[name].make.__doc__ and INITIALISERS[name].source


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-4)])
def test_optimiser_equals_pytorch(name: str, decay: float, dtype: torch.dtype, tolerance: float) -> None:
    """A population's update (two members with other rates beside) against PyTorch's optimiser for one network."""
    config = Config(optimiser=name, lr=0.01, weight_decay=decay, momentum=0.8, rho=0.95, eps=1e-7)
    random = torch.Generator().manual_seed(0)
    start = torch.randn(5, 3, dtype=dtype, generator=random)
    ours, theirs = start.repeat(3, 1, 1), start.clone().requires_grad_()
    reference, optimiser = OPTIMISERS[name].torch([theirs], config), OPTIMISERS[name]
    slots = optimiser.start(ours)
    members = [config.replace(lr=0.5), config, config.replace(lr=1e-4)]
    tables = np.stack([hyper_table(member, np.full(60, member.lr)) for member in members])
    for t in range(60):
        gradient = torch.randn(5, 3, dtype=dtype, generator=random)
        theirs.grad = gradient.clone()
        reference.step()
        hyper = Hyper(*torch.from_numpy(tables[:, t]).to(dtype).reshape(3, -1, 1, 1).unbind(1))
        optimiser.update(ours, gradient.repeat(3, 1, 1), slots, hyper)
        torch.testing.assert_close(ours[1], theirs.detach(), rtol=tolerance, atol=tolerance * 1e-2)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [0, 1, 2, 50])
def test_schedule_starts_at_the_rate_and_stays_positive(name: str, steps: int) -> None:
    table = rate_table(Config(schedule=name, lr=0.3), steps)
    assert table.shape == (steps,) and (table > 0).all() and (table <= 0.3 + 1e-12).all()
    if steps == 50:
        assert table.max() == pytest.approx(0.3) and (name == "one-cycle" or table[0] == pytest.approx(0.3))


PYTORCH_SCHEDULES: dict[str, tuple[dict[str, object], Callable[[torch.optim.Optimizer], LRScheduler]]] = {
    "step": ({"lr_drops": 3, "lr_factor": 0.5}, lambda o: lr_scheduler.StepLR(o, 10, 0.5)),
    "multi-step": ({"milestones": (0.7, 0.2)}, lambda o: lr_scheduler.MultiStepLR(o, [8, 28], 0.1)),
    "exponential": ({"lr_drops": 4}, lambda o: lr_scheduler.ExponentialLR(o, 0.1 ** (4 / 40))),
    "polynomial": ({"lr_power": 0.9}, lambda o: lr_scheduler.PolynomialLR(o, 40, 0.9)),
    "linear": ({"lr_end": 0.2}, lambda o: lr_scheduler.LinearLR(o, 1, 0.2, 40)),
    "cosine": ({"lr_end": 0.1}, lambda o: lr_scheduler.CosineAnnealingLR(o, 40, 0.03)),
    "flat-cosine": (
        {"lr_end": 0.1},
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.ConstantLR(o, 1.0), lr_scheduler.CosineAnnealingLR(o, 20, 0.03)], [20]
        ),
    ),
    "cosine-restarts": ({"lr_cycles": 4}, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 10)),
    "one-cycle": ({}, lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=40, cycle_momentum=False)),
    "inverse-sqrt": ({}, lambda o: lr_scheduler.LambdaLR(o, lambda t: (1 + 0.1 * t) ** -0.5)),
    "constant": ({}, lambda o: lr_scheduler.ConstantLR(o, 1.0)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_equals_pytorch(name: str) -> None:
    settings, make = PYTORCH_SCHEDULES[name]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule = make(optimiser)
    rates = []
    for t in range(40):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if t < 39:
            schedule.step()
    np.testing.assert_allclose(rate_table(Config(schedule=name, lr=0.3, **settings), 40), rates, rtol=1e-9)


@settings(deadline=None)
@given(parts=st.integers(2, 40), more=st.integers(0, 300))
def test_as_many_drops_and_cycles_as_asked_for_whatever_the_length(parts: int, more: int) -> None:
    steps = 2 * parts + more
    cycling = rate_table(Config(lr=1.0, schedule="cosine-restarts", lr_cycles=parts), steps)
    borders = np.flatnonzero(np.diff(cycling) > 0) + 1
    assert len(borders) == parts - 1 and np.ptp(np.diff([0, *borders, steps])) <= 1
    assert cycling[-1] <= 0.5 + 1e-9  # the last one ends low, too
    dropping = rate_table(Config(lr=1.0, schedule="step", lr_drops=parts - 1, lr_factor=0.5), steps)
    np.testing.assert_array_equal(np.flatnonzero(np.diff(dropping)) + 1, borders)
    assert dropping[-1] == 0.5 ** (parts - 1)


def test_flat_cosine_is_realmlps_formula() -> None:
    """0.5 (1 + cos(pi (max(1, 2t) - 1))) at the shares t of the training (Holzmueller et al. 2024, `flat_cos`)."""
    t = np.arange(11) / 11
    table = rate_table(Config(lr=2.0, schedule="flat-cosine"), 11)
    np.testing.assert_allclose(table, 1 + np.cos(np.pi * (np.maximum(1, 2 * t) - 1)))
    np.testing.assert_array_equal(table[:6], 2.0)


def test_warmup_is_linear_and_comes_before_the_schedule() -> None:
    table = rate_table(Config(lr=1.0, warmup_steps=3, schedule="cosine"), 10)
    np.testing.assert_allclose(table[:4], [0.25, 0.5, 0.75, 1.0])
    assert table[-1] < 0.1


@pytest.mark.parametrize("name", LOSSES)
def test_loss_equals_pytorch(name: str) -> None:
    random = torch.Generator().manual_seed(0)
    if name == "cross-entropy":
        output, target = torch.randn(20, 4, generator=random), torch.arange(20) % 4
        expected = torch.nn.functional.cross_entropy(output, target, reduction="none")
    elif name == "one-hot-squared-error":
        output, target = torch.randn(20, 4, generator=random), torch.arange(20) % 4
        expected = torch.nn.functional.mse_loss(output, torch.eye(4)[target], reduction="none").mean(1)
    else:
        output, target = 2 * torch.randn(20, 1, generator=random), torch.randn(20, generator=random)
        reference = {"squared-error": "mse_loss", "absolute-error": "l1_loss", "huber": "huber_loss"}[name]
        expected = getattr(torch.nn.functional, reference)(output[:, 0], target, reduction="none")
    torch.testing.assert_close(LOSSES[name][0](output, target), expected)
    stacked = LOSSES[name][0](output.expand(3, -1, -1), target.expand(3, -1))
    assert stacked.shape == (3, 20) and torch.equal(stacked[1], LOSSES[name][0](output, target))


@pytest.mark.parametrize("name", METRICS)
def test_metric_prefers_the_truth(name: str) -> None:
    metric = METRICS[name]
    random = np.random.default_rng(0)
    if metric.kinds == ("regression",):
        truth = random.normal(size=50)
        good, bad = truth + 0.1 * random.normal(size=50), random.normal(size=50)
    else:
        truth = random.integers(0, 2, 50)
        good = np.stack([0.9 - 0.8 * truth, 0.1 + 0.8 * truth], 1)
        bad = np.full((50, 2), 0.5) + random.uniform(-0.1, 0.1, (50, 1)) * [1, -1]
    assert metric.better(metric.of(truth, good), metric.of(truth, bad))
    assert metric.loss(metric.of(truth, good)) < metric.loss(metric.of(truth, bad))


def test_default_module_starts_like_pytorchs_own() -> None:
    module = build_model(Config(width=(400,)), (300,), 10)
    weight, bias = module.layers[0].weight, module.layers[0].bias
    assert float(weight.detach().abs().max()) <= 1 / math.sqrt(300)
    assert 0 < float(bias.detach().abs().max()) <= 1 / math.sqrt(300)
