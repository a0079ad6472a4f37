"""Compiled image layers give what PyTorch gives, whatever the size, the stride and the number of samples."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from goodfit.population.compiled import direct, images, winograd

# channels, height, width, filters, kernel height, kernel width, stride, padding, batch
CONVOLUTIONS = [
    (1, 28, 28, 6, 5, 5, 1, 2, 16),
    (6, 14, 14, 16, 5, 5, 1, 0, 19),
    (8, 9, 7, 12, 3, 3, 1, 1, 33),
    (3, 11, 10, 5, 3, 3, 2, 1, 7),
    (2, 8, 9, 9, 3, 2, 2, 0, 17),
    (4, 7, 5, 1, 1, 1, 2, 0, 5),
    (3, 6, 6, 8, 2, 2, 3, 2, 3),
    (1, 5, 5, 3, 5, 5, 1, 0, 32),
    (32, 7, 7, 64, 3, 3, 1, 1, 4),
]


def innermost(x: torch.Tensor) -> np.ndarray:
    """Move the batch to the last dimension."""
    return np.ascontiguousarray(x.detach().movedim(0, -1).numpy())


def same(ours: np.ndarray, theirs: torch.Tensor, tolerance: float = 1e-5, *, products: int = 0) -> None:
    """Compare with PyTorch; say of sums how many products of standard normal numbers each adds up.

    Their rounding follows what was added up. Their own size says less about it: a single one may come out near zero.
    """
    expected = theirs.detach().numpy()
    size = max(1.0, 4 * products**0.5, np.abs(expected).max())
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize(("c", "h", "w", "o", "kh", "kw", "stride", "padding", "batch"), CONVOLUTIONS)
def test_convolution(c: int, h: int, w: int, o: int, kh: int, kw: int, stride: int, padding: int, batch: int) -> None:
    _check(
        (batch, c, h, w), (o, c, kh, kw), stride, padding,
        size=direct.scratch_size(c, h, w, o, kh, kw, padding),
        forward=lambda x, weight, bias, out, scratch: direct.forward(x, weight, bias, stride, padding, out, scratch),
        backward_weight=lambda x, dz, dw, db, scratch: direct.backward_weight(x, dz, stride, padding, dw, db, scratch),
        backward_input=lambda dz, weight, dx, scratch: direct.backward_input(dz, weight, stride, padding, dx, scratch),
    )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 40), filters=st.integers(1, 80), height=st.integers(3, 15), width=st.integers(3, 15),
    padding=st.integers(0, 2), batch=st.integers(1, 40),
)  # fmt: skip
@example(channels=32, filters=64, height=14, width=14, padding=1, batch=64)
@example(channels=64, filters=128, height=7, width=7, padding=1, batch=19)
@example(channels=38, filters=1, height=3, width=3, padding=0, batch=1)  # one sum near zero of 342 larger products
def test_winograd_convolution(channels: int, filters: int, height: int, width: int, padding: int, batch: int) -> None:
    """Whatever the shape, also where it would not be chosen."""
    _check(
        (batch, channels, height, width), (filters, channels, 3, 3), 1, padding,
        size=winograd.scratch_size(channels, filters),
        forward=lambda x, weight, bias, out, scratch: winograd.correlate(
            x, weight, bias, False, padding, out, scratch
        ),
        backward_weight=lambda x, dz, dw, db, scratch: winograd.backward_weight(x, dz, padding, dw, db, scratch),
        backward_input=lambda dz, weight, dx, scratch: winograd.correlate(
            dz, weight, np.zeros(channels, np.float32), True, padding, dx, scratch
        ),
    )  # fmt: skip


def test_filters_are_transformed_where_that_saves_products() -> None:
    assert winograd.pays(32, 64, 14, 14)
    assert winograd.pays(64, 128, 7, 7)
    assert not winograd.pays(1, 32, 28, 28)
    assert not winograd.pays(64, 64, 4, 4)


def _check(
    inputs: tuple[int, ...], filters: tuple[int, ...], stride: int, padding: int, *, size: int,
    forward: Callable[..., None], backward_weight: Callable[..., None], backward_input: Callable[..., None],
) -> None:  # fmt: skip
    random = torch.Generator().manual_seed(1)
    x = torch.randn(inputs, generator=random, requires_grad=True)
    weight = torch.randn(filters, generator=random, requires_grad=True)
    bias = torch.randn(filters[0], generator=random, requires_grad=True)
    z = functional.conv2d(x, weight, bias, stride, padding)
    dz = torch.randn(z.shape, generator=random)
    z.backward(dz)
    # NaN shows what is read before it is written, and what lies behind must stay
    memory = np.full(size + 1000, 7, np.float32)
    scratch = memory[:size]
    scratch[:] = np.nan

    ours = np.full_like(innermost(z), np.nan)
    forward(innermost(x), weight.detach().numpy(), bias.detach().numpy(), ours, scratch)
    same(ours, z.movedim(0, -1), products=weight[0].numel())

    scratch[:] = np.nan
    dw, db = np.full(filters, np.nan, np.float32), np.full(filters[0], np.nan, np.float32)
    backward_weight(innermost(x), innermost(dz), dw, db, scratch)
    same(dw, weight.grad, products=dz[:, 0].numel())
    same(db, bias.grad, products=dz[:, 0].numel())

    scratch[:] = np.nan
    dx = np.full_like(innermost(x), np.nan)
    backward_input(innermost(dz), weight.detach().numpy(), dx, scratch)
    same(dx, x.grad.movedim(0, -1), products=weight[:, 0].numel())
    assert (memory[size:] == 7).all()


@pytest.mark.parametrize("way", ["direct", "winograd"])
def test_a_sample_does_not_depend_on_its_place_in_the_batch_or_in_memory(way: str) -> None:
    random = np.random.default_rng(2)
    memory = random.standard_normal(3 * 9 * 9 * 40 + 3, np.float32)
    w, bias = random.standard_normal((7, 3, 3, 3), np.float32), np.ones(7, np.float32)
    sizes = direct.scratch_size(3, 9, 9, 7, 3, 3, 1), winograd.scratch_size(3, 7)
    scratch = np.empty(max(sizes) + 1, np.float32)
    x = memory[:-3].reshape(3, 9, 9, 40)
    moved = memory.copy()[3:]
    moved[:] = memory[:-3]
    out, again, part = (np.empty((7, 9, 9, batch), np.float32) for batch in (40, 40, 5))

    def convolve(x: np.ndarray, out: np.ndarray, scratch: np.ndarray) -> None:
        if way == "direct":
            direct.forward(x, w, bias, 1, 1, out, scratch)
        else:
            winograd.correlate(x, w, bias, False, 1, out, scratch)

    convolve(x, out, scratch)
    convolve(moved.reshape(x.shape), again, scratch[1:])
    convolve(np.ascontiguousarray(x[..., 30:35]), part, scratch)
    assert np.array_equal(out, again)
    assert np.array_equal(out[..., 30:35], part)


@pytest.mark.parametrize("shape", [(37, 5), (16, 3, 4, 4), (9, 6, 5, 7)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(shape: tuple[int, ...], training: bool) -> None:
    random = torch.Generator().manual_seed(3)
    x = (torch.randn(shape, generator=random) * 2 + 30).requires_grad_()
    layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(shape[1], momentum=0.3).train(training)
    with torch.no_grad():
        for values in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
            assert values is not None
            values.copy_(torch.rand(shape[1], generator=random) + 0.5)
    gamma, beta, running_mean, running_var = (
        v.detach().numpy().copy() for v in (layer.weight, layer.bias, layer.running_mean, layer.running_var)
    )
    z = layer(x)
    dz = torch.randn(z.shape, generator=random)
    z.backward(dz)

    columns = innermost(x).reshape(shape[1], -1)
    mean, rstd, dgamma, dbeta = (np.empty(shape[1], np.float32) for _ in range(4))
    out, dx = np.empty_like(columns), np.empty_like(columns)
    images.batch_norm_forward(
        columns, gamma, beta, running_mean, running_var, 0.3, layer.eps, training, mean, rstd, out
    )
    same(out, z.movedim(0, -1).reshape(shape[1], -1), 1e-4)
    same(running_mean, layer.running_mean)
    same(running_var, layer.running_var)
    if training:
        upstream = innermost(dz).reshape(shape[1], -1)
        images.batch_norm_backward(upstream, columns, gamma, mean, rstd, dx, dgamma, dbeta)
        same(dx, x.grad.movedim(0, -1).reshape(shape[1], -1), 1e-4)
        same(dgamma, layer.weight.grad, 1e-4)
        same(dbeta, layer.bias.grad)


@pytest.mark.parametrize(("k", "height", "width", "batch"), [(2, 6, 4, 32), (3, 7, 10, 5), (2, 5, 5, 19)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_relu_and_pooling_as_one(k: int, height: int, width: int, batch: int, training: bool) -> None:
    random = torch.Generator().manual_seed(7)
    # one channel in which ReLU lets nothing through
    gamma, beta = torch.tensor([1.5, -0.7, 0.1]), torch.tensor([0.2, 0.1, -9.0])
    layers = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3), nn.ReLU(), nn.MaxPool2d(k)).train(training)
    norm = layers[0]
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        norm.weight.copy_(gamma), norm.bias.copy_(beta)
    running_mean, running_var = np.zeros(3, np.float32), np.ones(3, np.float32)
    x = (torch.randn(batch, 3, height, width, generator=random) * 2 + 3).requires_grad_()
    z = layers(x)
    dz = torch.randn(z.shape, generator=random)
    z.backward(dz)

    pixels, out = innermost(x), np.full_like(innermost(z), np.nan)
    where, dx = np.full(out.shape, 99, np.uint8), np.full_like(pixels, np.nan)
    mean, rstd, dgamma, dbeta = (np.empty(3, np.float32) for _ in range(4))
    numbers = (0.3, norm.eps, training, k)
    images.norm_pool_forward(
        pixels, gamma.numpy(), beta.numpy(), running_mean, running_var, *numbers, mean, rstd, out, where
    )
    same(out, z.movedim(0, -1), 1e-4)
    same(running_mean, norm.running_mean)
    same(running_var, norm.running_var)
    if training:
        images.norm_pool_backward(innermost(dz), where, pixels, gamma.numpy(), mean, rstd, k, dx, dgamma, dbeta)
        same(dx, x.grad.movedim(0, -1), 1e-4)
        same(dgamma, norm.weight.grad, 1e-4)
        same(dbeta, norm.bias.grad)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("batch", [5, 32])
def test_pooling(k: int, batch: int) -> None:
    random = torch.Generator().manual_seed(4)
    x = torch.randn(batch, 3, 11, 8, generator=random).round(decimals=1).requires_grad_()
    columns, dx = innermost(x), np.full_like(innermost(x), np.nan)

    z = functional.max_pool2d(x, k)
    dz = torch.randn(z.shape, generator=random)
    z.backward(dz)
    out, where = np.empty_like(innermost(z)), np.empty(innermost(z).shape, np.uint8)
    images.max_pool_forward(columns, k, out, where)
    images.max_pool_backward(innermost(dz), where, k, dx)
    same(out, z.movedim(0, -1))
    same(dx, x.grad.movedim(0, -1))

    x.grad = None
    z = functional.avg_pool2d(x, k)
    z.backward(dz)
    dx[:] = np.nan
    images.avg_pool_forward(columns, k, out)
    images.avg_pool_backward(innermost(dz), k, dx)
    same(out, z.movedim(0, -1))
    same(dx, x.grad.movedim(0, -1))


def test_max_pooling_passes_nan_on() -> None:
    x = np.ones((1, 2, 2, 4), np.float32)
    for tap in range(4):
        x[0, tap // 2, tap % 2, tap] = np.nan
    out, where = np.empty((1, 1, 1, 4), np.float32), np.empty((1, 1, 1, 4), np.uint8)
    images.max_pool_forward(x, 2, out, where)
    assert np.isnan(out).all()
    assert where.ravel().tolist() == [0, 1, 2, 3]
