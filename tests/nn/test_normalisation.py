"""Layer and group norm written out equal PyTorch's; group counts; what batch norm does beyond PyTorch's.

Batch norm itself is compared in `test_written_out`, all of them in populations in `tests/population/test_norms`.
"""

import pytest
import torch
from torch import nn

import goodfit as gf
from goodfit.nn import build_model
from goodfit.nn.convolution import Convolution
from goodfit.nn.norm_layers import group_count
from goodfit.nn.normalisation import GroupNorm, LayerNorm, write_out_norms


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(7, 12), (7, 12, 5), (3, 12, 5, 4)])
@pytest.mark.parametrize("kind", ["layer", "layer over the last axis", "group", "one group"])
def test_layer_and_group_norm_equal_pytorch(kind: str, shape: tuple[int, ...], affine: bool) -> None:
    random = torch.Generator().manual_seed(0)
    make = {
        "layer": lambda: nn.LayerNorm(shape[1:], elementwise_affine=affine),
        "layer over the last axis": lambda: nn.LayerNorm(shape[-1], elementwise_affine=affine),
        "group": lambda: nn.GroupNorm(3, 12, affine=affine),
        "one group": lambda: nn.GroupNorm(1, 12, affine=affine),
    }[kind]
    theirs = make().double()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, generator=random)
    ours = nn.Sequential(make().double())
    ours[0].load_state_dict(theirs.state_dict())
    write_out_norms(ours)
    assert isinstance(ours[0], LayerNorm | GroupNorm)
    x = 3 * torch.randn(shape, generator=random, dtype=torch.float64) + 2
    found = []
    for layer in (ours, theirs):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.pow(3).sum().backward()
        found.append([y, leaf.grad, *(p.grad for p in layer.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_a_layer_that_computes_something_else_stays() -> None:
    class OverChannels(nn.LayerNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.movedim(1, -1)).movedim(-1, 1)

    class Doubling(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    module = nn.Sequential(OverChannels(3), Doubling(3, 2, 1), nn.LayerNorm(4))
    x = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    expected = module(x)
    replaced = Convolution.replace_in(write_out_norms(module))
    assert [type(layer) for layer in replaced] == [OverChannels, Doubling, LayerNorm]
    torch.testing.assert_close(replaced(x), expected)


def test_batch_norm_takes_a_batch_of_one_row() -> None:
    layer = nn.BatchNorm1d(3)
    nn.init.constant_(layer.bias, 0.5)
    assert torch.equal(write_out_norms(nn.Sequential(layer))(torch.randn(1, 3)), torch.full((1, 3), 0.5))


@pytest.mark.parametrize(("units", "groups"), [(1, 1), (2, 1), (6, 3), (8, 4), (13, 1), (16, 8), (84, 7), (120, 8)])
def test_groups_share_units_evenly(units: int, groups: int) -> None:
    assert group_count(units) == groups


def test_width_of_one_is_refused_where_it_would_be_constant() -> None:
    with pytest.raises(gf.GoodfitError, match="norm 'layer' makes a layer of width 1 constant"):
        build_model(gf.Config(width=1, norm="layer"), (3,), 1)
    with pytest.raises(gf.GoodfitError, match=r"setting 'norm' is 'bach' \(did you mean 'batch'\?\)"):
        build_model(gf.Config(norm="bach"), (3,), 1)
