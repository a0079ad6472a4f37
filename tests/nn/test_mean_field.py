"""Theory: against closed forms and Gauss-Hermite quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy.special import roots_hermitenorm

import goodfit as gf
from goodfit.nn import ACTIVATIONS
from goodfit.nn.mean_field import gain, moments, predict


@pytest.mark.parametrize("q", [1e-4, 0.3, 1.0, 7.0, 1000.0])
def test_closed_forms(q: float) -> None:
    assert moments(torch.relu, q) == pytest.approx((math.sqrt(q / (2 * math.pi)), q / 2, 0.5), rel=1e-6)
    leaky = 1 + 0.01**2
    assert moments(ACTIVATIONS["leaky-relu"], q)[1:] == pytest.approx((q * leaky / 2, leaky / 2), rel=1e-6)
    # the error function is the activation with a closed form (Williams 1996)
    expected = 2 / math.pi * math.asin(2 * q / (1 + 2 * q)), 4 / math.pi / math.sqrt(1 + 4 * q)
    assert moments(torch.erf, q)[1:] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "silu", "mish", "softplus"])
@pytest.mark.parametrize("q", [0.01, 0.5, 2.0])
def test_equals_gauss_hermite_where_that_converges(name: str, q: float) -> None:
    z, weights = roots_hermitenorm(120)
    x = torch.tensor(math.sqrt(q) * z, requires_grad=True)
    y = ACTIVATIONS[name](x)
    [slope] = torch.autograd.grad(y.sum(), x)
    weights = weights / weights.sum()
    expected = [float(weights @ v) for v in (y.detach().numpy(), y.detach().numpy() ** 2, slope.numpy() ** 2)]
    np.testing.assert_allclose(moments(ACTIVATIONS[name], q), expected, rtol=1e-6, atol=1e-12)


def test_relu_keeps_with_he_and_halves_with_variance_1() -> None:
    he, one = predict("relu", 2.0, 0.0, 5), predict("relu", 1.0, 0.0, 5)
    np.testing.assert_allclose(he.preactivation, 2.0)
    np.testing.assert_allclose(he.gradient, 1.0)
    np.testing.assert_allclose(one.preactivation, 0.5 ** np.arange(5))
    np.testing.assert_allclose(one.gradient, 0.5 ** np.arange(4, -1, -1))
    biased = predict("relu", 0.0, 0.3, 3, inputs=9.0)
    np.testing.assert_allclose(biased.preactivation, 0.3)


def test_selu_has_the_fixed_point_of_its_authors() -> None:
    """Klambauer et al. 2017: mean 0 and variance 1 stay."""
    found = predict("selu", 1.0, 0.0, 20)
    np.testing.assert_allclose(found.variance, 1, atol=1e-6)
    np.testing.assert_allclose(found.mean, 0, atol=1e-6)


def test_an_unknown_activation_is_one_line() -> None:
    with pytest.raises(gf.GoodfitError, match=r"activation 'rel' is unknown \(did you mean 'relu'\?\)"):
        gain("rel")
