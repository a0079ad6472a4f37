"""Compiled image layers give what PyTorch gives, whatever the size, the stride and the number of samples."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from goodfit.population.compiled import convolution, images

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


def same(ours: np.ndarray, theirs: torch.Tensor, tolerance: float = 1e-5) -> None:
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(("c", "h", "w", "o", "kh", "kw", "stride", "padding", "batch"), CONVOLUTIONS)
def test_convolution(c: int, h: int, w: int, o: int, kh: int, kw: int, stride: int, padding: int, batch: int) -> None:
    random = torch.Generator().manual_seed(1)
    x = torch.randn(batch, c, h, w, generator=random, requires_grad=True)
    weight = torch.randn(o, c, kh, kw, generator=random, requires_grad=True)
    bias = torch.randn(o, generator=random, requires_grad=True)
    z = functional.conv2d(x, weight, bias, stride, padding)
    dz = torch.randn(z.shape, generator=random)
    z.backward(dz)
    # NaN shows what is read before it is written, and what lies behind must stay
    size = convolution.conv_scratch(c, h, w, o, kh, kw, padding)
    memory = np.full(size + 1000, 7, np.float32)
    scratch = memory[:size]
    scratch[:] = np.nan

    ours = np.full_like(innermost(z), np.nan)
    convolution.conv_forward(
        innermost(x), weight.detach().numpy(), bias.detach().numpy(), stride, padding, ours, scratch
    )
    same(ours, z.movedim(0, -1))

    scratch[:] = np.nan
    dw, db = np.full((o, c, kh, kw), np.nan, np.float32), np.full(o, np.nan, np.float32)
    convolution.conv_backward_weight(innermost(x), innermost(dz), stride, padding, dw, db, scratch)
    same(dw, weight.grad)
    same(db, bias.grad)

    scratch[:] = np.nan
    dx = np.full_like(innermost(x), np.nan)
    convolution.conv_backward_input(innermost(dz), weight.detach().numpy(), stride, padding, dx, scratch)
    same(dx, x.grad.movedim(0, -1))
    assert (memory[size:] == 7).all()


def test_a_sample_does_not_depend_on_its_place_in_the_batch_or_in_memory() -> None:
    random = np.random.default_rng(2)
    memory = random.standard_normal(3 * 9 * 9 * 40 + 3, np.float32)
    w, bias = random.standard_normal((7, 3, 3, 3), np.float32), np.ones(7, np.float32)
    scratch = np.empty(convolution.conv_scratch(3, 9, 9, 7, 3, 3, 1) + 1, np.float32)
    x = memory[:-3].reshape(3, 9, 9, 40)
    moved = memory.copy()[3:]
    moved[:] = memory[:-3]
    out, again, part = (np.empty((7, 9, 9, batch), np.float32) for batch in (40, 40, 5))
    convolution.conv_forward(x, w, bias, 1, 1, out, scratch)
    convolution.conv_forward(moved.reshape(x.shape), w, bias, 1, 1, again, scratch[1:])
    convolution.conv_forward(np.ascontiguousarray(x[..., 30:35]), w, bias, 1, 1, part, scratch)
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
