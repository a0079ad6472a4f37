"""Layers written out for vectorising equal PyTorch's: forward, gradients, running statistics."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from goodfit.nn import ACTIVATIONS
from goodfit.nn.convolution import Convolution
from goodfit.nn.normalisation import write_out_norms
from goodfit.nn.written_out import WrittenOut


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 4), (6, 5, 4, 3)])
def test_batch_norm_equals_pytorch(
    training: bool, affine: bool, momentum: float | None, shape: tuple[int, ...]
) -> None:
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    random = torch.Generator().manual_seed(0)
    layers = [kind(5, affine=affine, momentum=momentum).double() for _ in range(2)]
    ours = nn.Sequential(layers[1])
    write_out_norms(ours)
    for layer in (layers[0], ours):
        layer.train()
    for _ in range(3):
        batch = 2 * torch.randn(shape, generator=random, dtype=torch.float64) + 1
        layers[0](batch), ours(batch)
    for layer in (layers[0], ours):
        layer.train(training)
    x = torch.randn(shape, generator=random, dtype=torch.float64)
    results = []
    for layer in (layers[0], ours):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.pow(3).sum().backward()
        results.append([y, leaf.grad, *(p.grad for p in layer.parameters()), *layer.state_dict().values()])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    "layer",
    [nn.Sigmoid(), nn.ELU(), nn.SELU(), nn.Softplus(), nn.GELU(), nn.SiLU(), nn.Mish()],
    ids=lambda layer: type(layer).__name__,
)
def test_fused_activations_become_formulas_with_the_same_values(layer: nn.Module) -> None:
    x = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    with WrittenOut():
        ours = layer(x)
    torch.testing.assert_close(ours, layer(x))
    assert torch.equal(ours, ACTIVATIONS[type(layer).__name__.lower()](x))


def test_activations_with_settings_of_their_own_stay() -> None:
    x = torch.linspace(-5, 5, 101)
    for layer in (nn.ELU(0.5), nn.Softplus(2, 10), nn.GELU("tanh")):
        with WrittenOut():
            ours = layer(x)
        assert torch.equal(ours, layer(x))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_convolution_equals_pytorch(data: st.DataObject) -> None:
    dimensions = data.draw(st.sampled_from([1, 2]))
    groups = data.draw(st.sampled_from([1, 2]))
    kernel = [data.draw(st.integers(1, 3)) for _ in range(dimensions)]
    stride = [data.draw(st.integers(1, 2)) for _ in range(dimensions)]
    padding = data.draw(st.sampled_from([0, 1, "same", "valid"]))
    if padding == "same":
        stride = [1] * dimensions
    make = nn.Conv1d if dimensions == 1 else nn.Conv2d
    layer = make(4, 6, kernel, stride=stride, padding=padding, dilation=data.draw(st.integers(1, 2)), groups=groups,
                 bias=data.draw(st.booleans())).double()  # fmt: skip
    ours = Convolution.replace_in(nn.Sequential(layer))
    x = torch.randn(3, 4, *[data.draw(st.integers(6, 9)) for _ in range(dimensions)], dtype=torch.float64)
    torch.testing.assert_close(ours(x), layer(x))
