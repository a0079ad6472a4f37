"""Which modules the compiled loops take, and why they refuse the others."""

from collections.abc import Callable

import pytest
import torch
from problems import blocks, lenet, wide
from torch import Tensor, nn
from torch.nn import functional as F

from goodfit.nn.dropout import key_dropouts
from goodfit.population.chain import NotAChain, read_chain
from goodfit.population.compiled import program as column
from goodfit.population.program import Program, compile_chain


def kinds(module: nn.Module, *shape: int) -> list[str]:
    return [link.kind for link in read_chain(key_dropouts(module), shape)]


def test_layers_are_read_in_order_of_use() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.body = nn.Linear(6, 2), nn.Linear(4, 6)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.dropout(torch.relu(self.body(x)), 0.0, training=False).relu())

    with pytest.raises(NotAChain, match="'dropout' has no compiled form"):
        read_chain(Backwards(), (4,))
    assert kinds(nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.2), nn.Linear(6, 1)), 4) == [
        "linear", "activation", "dropout", "linear",
    ]  # fmt: skip
    assert kinds(lenet(), 1, 8, 8)[:5] == ["convolution", "batch-norm", "activation", "max-pool", "convolution"]


def laid_out(module: nn.Module) -> Program:
    return compile_chain(read_chain(module, (1, 8, 8)), {}, {})


def test_how_convolutions_are_done() -> None:
    joined, apart = laid_out(blocks()), laid_out(wide())
    kinds = [column.CONVOLUTION, column.NORM_POOL, column.CONVOLUTION, column.NORM_POOL, column.LINEAR]
    assert joined.ops[:, column.KIND].tolist() == kinds
    assert joined.ops[:4, column.CODE].tolist() == 2 * [column.AS_ONE] + 2 * [column.IN_PLACE]
    assert joined.ways == {0} and apart.ways == {0, 1}
    assert laid_out(blocks(8)).units - joined.units == 2 * (4 * 4) + 4 * (2 * 2) + 4, (
        "of the first results 4 channels are kept"
    )


class _Module(nn.Module):
    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.free = nn.Parameter(torch.ones(4))
        self.call = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self, x)


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda m, x: m.a(x) + x, "do not form a chain|has no compiled form"),
        (lambda m, x: m.b(m.a(m.a(x))), "layer 'a' is used twice"),
        (lambda m, x: m.a(x) * m.free, "directly|do not form a chain|has no compiled form"),
        (lambda m, x: m.a(x) if x.sum() > 0 else m.b(x), "cannot be traced"),
        (lambda m, x: m.a(x.mean(0, keepdim=True)), "mixes samples|has no compiled form"),
        (lambda m, x: m.a(x) if m.training else m.b(x), "computes something else in evaluation"),
        (lambda m, x: (m.a(x), m.b(x)), "returns more|do not form a chain|cannot be traced"),
        (lambda m, x: x, "no layer with weights"),
        (lambda m, x: F.leaky_relu(m.a(x), 0.3), "'leaky_relu' has no compiled form"),
    ],
)
def test_what_is_no_chain_is_refused(forward: Callable[[nn.Module, Tensor], Tensor], reason: str) -> None:
    with pytest.raises(NotAChain, match=reason):
        read_chain(_Module(forward), (4,))


def _frozen(module: nn.Module) -> nn.Module:
    module[0].weight.requires_grad_(False)
    return module


def _shared(module: nn.Module) -> nn.Module:
    module[2].weight = module[0].weight
    return module


def _hooked(module: nn.Module) -> nn.Module:
    module[1].register_forward_hook(lambda layer, inputs, output: 2 * output)
    return module


def _parametrised(module: nn.Module) -> nn.Module:
    nn.utils.parametrizations.weight_norm(module[0])
    return module


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_frozen, "some of its parameters are frozen"),
        (_shared, "layers share parameters"),
        (_hooked, "it has hooks"),
        (_parametrised, "no compiled form|cannot be traced"),
        (lambda m: m.double(), "not float32"),
    ],
)
def test_what_stands_beside_the_layers_is_not_overlooked(change: Callable[[nn.Module], nn.Module], reason: str) -> None:
    with pytest.raises(NotAChain, match=reason):
        read_chain(change(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))), (4,))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Conv2d(2, 2, 3, groups=2), "convolution '0' has settings"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), "convolution '0' has settings"),
        (nn.BatchNorm2d(2, track_running_stats=False), "batch norm '0' has settings|computes something else"),
        (nn.MaxPool2d(3, stride=2), "square windows side by side"),
        (nn.MaxPool2d(2, padding=1), "pooling with padding"),
        (nn.AdaptiveAvgPool2d(2), "adaptive pooling"),
        (nn.GroupNorm(1, 2), "no compiled form"),
        (nn.ELU(0.5), "layer '0' \\(ELU\\) has no compiled form"),
    ],
)
def test_layers_with_other_settings_are_refused(layer: nn.Module, reason: str) -> None:
    values = layer(torch.zeros(2, 2, 8, 8))[0].numel()
    with pytest.raises(NotAChain, match=reason):
        read_chain(nn.Sequential(layer, nn.Flatten(), nn.Linear(values, 3)), (2, 8, 8))
