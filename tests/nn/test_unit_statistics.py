"""Saturated and dead units, mean and variance: counted on networks whose answer is known; SELU normalises itself."""

import pytest
import torch
from torch import Tensor, nn

import goodfit as gf
from goodfit.nn import ACTIVATIONS, build_model
from goodfit.nn.dropout import KeyedDropout
from goodfit.nn.through_depth import through_depth
from goodfit.nn.unit_statistics import ROWS_AT_ONCE, UnitStatistics, unit_statistics


def of(found: list[UnitStatistics], name: str) -> UnitStatistics:
    return next(layer for layer in found if layer.name == name)


def test_a_unit_is_dead_only_if_no_sample_wakes_it() -> None:
    module = nn.Sequential(nn.Linear(1, 3), nn.ReLU())
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
        module[0].bias.copy_(torch.tensor([-2.9, 0.0, -1.0]))
    x = torch.linspace(0, 3, 3 * ROWS_AT_ONCE).unsqueeze(1)
    dead = of(unit_statistics(module, x), "1").dead
    # the first is active on the last rows only, the second never (x >= 0), the third whatever comes
    assert dead is not None and dead.tolist() == [False, True, True]
    assert of(unit_statistics(module, x - 1), "1").dead.tolist() == [True, False, True]


@pytest.mark.parametrize(("layer", "limit"), [(nn.Sigmoid(), 4.357), (nn.Tanh(), 2.178)])
def test_saturated_where_the_gradient_is_small(layer: nn.Module, limit: float) -> None:
    """4 s (1 - s) = 0.05 at |x| = 4.357; 1 - tanh^2 = 0.05 at half of it."""
    x = torch.linspace(-10, 10, 4001).unsqueeze(1) * torch.tensor([1.0, 0.1, 100.0])
    saturated = unit_statistics(nn.Sequential(layer), x)[0].saturated
    assert saturated is not None
    assert saturated.tolist() == pytest.approx([1 - limit / 10, 0, 1 - limit / 1000], abs=1e-3)
    stricter = unit_statistics(nn.Sequential(layer), x, saturated_below=1e-6)[0].saturated
    assert stricter is not None and (stricter <= saturated).all() and stricter[0] < saturated[0]


def test_mean_and_variance_of_channels_and_state_untouched() -> None:
    module = nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    x = torch.randn(1500, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    found = unit_statistics(module, x)
    with torch.no_grad():
        y = module[:3].eval()(x)
    relu = of(found, "2")
    assert relu.kind == "relu" and relu.dead is not None and relu.dead.shape == (5,)
    assert relu.mean == pytest.approx(float(y.mean()), rel=1e-4)
    assert relu.variance == pytest.approx(float(y.var()), rel=1e-3)
    module.train()
    unit_statistics(module, x[:10])
    assert module.training and not module[2]._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_every_activation_of_a_perceptron_is_heard() -> None:
    for name in ACTIVATIONS:
        module = build_model(gf.Config(width=(9, 7), activation=name, norm="batch", dropout=0.1), (4,), 1)
        found = unit_statistics(module, torch.randn(50, 4))
        assert [layer.name for layer in found if layer.kind == name] == ["activations.0", "activations.1"]
        assert [layer.kind for layer in found].count("BatchNorm1d") == 2


def test_selu_keeps_mean_and_variance_through_depth() -> None:
    layers = through_depth("selu", 50)
    assert len(layers) == 50
    assert all(abs(layer.mean) < 0.1 and 0.85 < layer.variance < 1.15 for layer in layers)
    # what others, and SELU from another initialiser, do not
    assert through_depth("tanh", 50)[-1].variance < 0.05
    assert through_depth("selu", 50, init="xavier-uniform", width=64)[-1].variance < 1.5
    assert through_depth("selu", 20, init="default")[-1].variance < 0.1


def test_selu_keeps_them_with_alpha_dropout_too() -> None:
    module = build_model(gf.Config(width=256, depth=20, activation="selu", init="lecun-normal", dropout=0.1), (256,), 1)
    h: Tensor = torch.randn(1000, 256, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer, activation, dropout in zip(module.layers, module.activations, module.dropouts, strict=False):
            assert isinstance(dropout, KeyedDropout) and dropout.alpha
            h = dropout.train()(activation(layer(h)))
    assert abs(float(h.mean())) < 0.1 and 0.8 < float(h.var()) < 1.2


def test_zeros_leave_every_relu_dead() -> None:
    assert all(layer.dead is not None and bool(layer.dead.all()) for layer in through_depth("relu", 3, init="zeros"))
