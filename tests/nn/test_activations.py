"""Activations: their facts are true of the functions, PReLU and alpha-dropout equal PyTorch's, the untrainable say so."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import goodfit as gf
from goodfit.nn import ACTIVATION_FACTS, ACTIVATIONS, INITIALISERS, build_model
from goodfit.nn.activation_facts import value_and_derivative
from goodfit.nn.activation_layers import LEARNED_ACTIVATIONS, PReLU
from goodfit.nn.dropout import SELU_FLOOR, KeyedDropout, key_dropouts, step_key

# off the kinks at 0
GRID = torch.linspace(-40, 40, 160_001, dtype=torch.float64) + 1e-12


def test_every_activation_has_its_facts() -> None:
    trainable = {name for name, facts in ACTIVATION_FACTS.items() if not facts.untrainable}
    assert trainable == {*ACTIVATIONS} > {*LEARNED_ACTIVATIONS}
    assert {facts.init for facts in ACTIVATION_FACTS.values()} <= {*INITIALISERS, ""}


@pytest.mark.parametrize("name", ACTIVATION_FACTS)
def test_facts_are_true(name: str) -> None:
    facts = ACTIVATION_FACTS[name]
    y, slope = value_and_derivative(name, GRID)
    for bound, reached in ((facts.low, float(y.min())), (facts.high, float(y.max()))):
        assert abs(reached) > 0.39 if math.isinf(bound) else reached == pytest.approx(bound, abs=2e-5)
    assert bool((y.diff() >= 0).all()) == facts.monotone
    flat = "both sides" if abs(slope[-1]) < 1e-9 else "below"
    assert facts.saturates == (flat if abs(slope[0]) < 1e-9 else "nowhere")
    # mean for standard normal inputs, by the rectangle rule
    weight = torch.exp(-GRID.square() / 2)
    mean = float((y * weight).sum() / weight.sum())
    assert (abs(mean) < 1e-3) == facts.zero_centred


@pytest.mark.parametrize("name", ACTIVATION_FACTS)
def test_derivative_is_the_slope_of_the_value(name: str) -> None:
    x = torch.linspace(-6, 6, 1200, dtype=torch.float64)
    h = 1e-6
    (above, _), (below, _), (_, slope) = (value_and_derivative(name, x + d) for d in (h, -h, 0))
    torch.testing.assert_close((above - below) / (2 * h), slope, rtol=1e-6, atol=1e-8)


def test_prelu_equals_pytorch() -> None:
    x = torch.randn(4, 5, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[0, 0, 0, 0] = 0
    found = []
    for layer in (PReLU().double(), nn.PReLU().double()):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.pow(3).sum().backward()
        found.append((y, leaf.grad, layer.weight, layer.weight.grad))
        assert layer.state_dict().keys() == {"weight"}
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


def test_prelu_has_a_slope_for_each_layer_that_learns(house_task: gf.Task) -> None:
    config = gf.Config(width=(8, 6), activation="prelu", epochs=3, lr=1e-2)
    weights = gf.train(config, house_task)[0].weights
    slopes = {float(weights[f"activations.{layer}.weight"]) for layer in range(2)}
    assert len(slopes) == 2 and 0.25 not in slopes


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_alpha_dropout_equals_pytorch(rate: float) -> None:
    """The same two values come out of one input, with the same probability, and the same gradients."""
    x = torch.full((400, 500), 0.7, dtype=torch.float64)
    found = []
    for layer in (KeyedDropout(rate, alpha=True), nn.AlphaDropout(rate)):
        leaf = x.clone().requires_grad_()
        with torch.random.fork_rng():
            y = layer.train()(leaf)
        y.sum().backward()
        assert leaf.grad is not None
        found.append((y.detach().unique(), leaf.grad.unique(), float((leaf.grad > 0).double().mean())))
        assert torch.equal(layer.eval()(x), x)
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-6, atol=0)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-6, atol=0)
    assert found[0][2] == pytest.approx(found[1][2], abs=4 * math.sqrt(2 * rate * (1 - rate) / x.numel()))


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    random = torch.Generator().manual_seed(1)
    selu = ACTIVATIONS["selu"](torch.randn(2000, 500, generator=random))
    layer = KeyedDropout(0.2, alpha=True).train()
    layer.key.fill_(123456789)
    y = layer(selu)
    assert float(y.mean()) == pytest.approx(0, abs=0.01) and float(y.var()) == pytest.approx(1, abs=0.01)
    assert float(selu.min()) > SELU_FLOOR > float(selu.min()) - 0.1


def test_dropout_after_selu_is_alpha_dropout_and_pytorchs_is_keyed() -> None:
    models = [build_model(gf.Config(activation=name, dropout=0.3), (5,), 1) for name in ("selu", "relu")]
    assert [[layer.alpha for layer in model.dropouts] for model in models] == [[True, True], [False, False]]
    own = key_dropouts(nn.Sequential(nn.Linear(5, 7), nn.SELU(), nn.AlphaDropout(0.3)))
    assert isinstance(own[2], KeyedDropout) and own[2].alpha
    own[2].key.fill_(step_key(own[2], 0, seed=0, step=1))
    x = torch.randn(6, 5)
    first = own(x)
    assert torch.equal(first, own(x))
    own[2].key.fill_(step_key(own[2], 0, seed=0, step=2))
    assert not torch.equal(first, own(x))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("step", "activation 'step' cannot be trained: its derivative is 0 everywhere.*choose sigmoid"),
        ("softmax", "activation 'softmax' cannot be trained: it turns outputs into probabilities"),
    ],
)
def test_what_cannot_be_trained_is_one_line(name: str, message: str, house_task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        gf.train(gf.Config(activation=name), house_task)


def test_step_and_softmax() -> None:
    y, slope = value_and_derivative("step", torch.tensor([-2.0, 0.0, 3.0]))
    assert y.tolist() == [0, 1, 1] and slope.tolist() == [0, 0, 0]
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)
    y, slope = value_and_derivative("softmax", x)
    np.testing.assert_allclose(y, torch.sigmoid(x))
    np.testing.assert_allclose(slope, y * (1 - y))


@pytest.mark.parametrize(
    ("name", "peer"),
    [("elu", torch.nn.ELU()), ("softplus", torch.nn.Softplus()), ("selu", torch.nn.SELU()), ("mish", torch.nn.Mish())],
)
def test_at_zero_the_slope_is_pytorchs(name: str, peer: torch.nn.Module) -> None:
    """Units whose inputs and bias are zero are all there: with a slope of 0 they would never learn."""
    slopes = []
    for function in (ACTIVATIONS[name], peer):
        x = torch.tensor([0.0, -0.0, 1e-30, -1e-30, 100.0, -100.0], requires_grad=True)
        function(x).sum().backward()
        assert x.grad is not None
        slopes.append(x.grad)
    torch.testing.assert_close(slopes[0], slopes[1])
