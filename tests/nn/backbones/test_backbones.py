"""Parts of a backbone: what it sees, its blocks, what is frozen and what trains."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import interpolate

import goodfit as gf
from goodfit.nn import build_model
from goodfit.nn.backbones import Backbone, FineTuning, ImageInput
from goodfit.nn.backbones.backbone import blocks
from goodfit.nn.backbones.fine_tuning import TransferNetwork
from goodfit.nn.backbones.inputs import Adapter
from goodfit.nn.backbones.kinds import without_head

RANDOM = torch.Generator().manual_seed(0)


def wanted(size: tuple[int, int, int], resample: str = "bilinear") -> ImageInput:
    count = size[0]
    return ImageInput(size=size, values="bytes", mean=(0.4,) * count, scale=(0.2,) * count, resample=resample)


@settings(deadline=None)
@given(
    st.sampled_from([(3, 3), (1, 1)]), st.integers(2, 40), st.integers(2, 40), st.integers(2, 40), st.integers(2, 40),
    st.sampled_from(["bilinear", "bicubic"]),
)  # fmt: skip
def test_resizing_equals_pytorchs_antialiased_interpolation(
    channels: tuple[int, int], height: int, width: int, new_height: int, new_width: int, resample: str
) -> None:
    x = torch.rand(2, channels[0], height, width, generator=RANDOM)
    found = Adapter(wanted((channels[1], new_height, new_width), resample), x.shape[1:])(x)
    expected = interpolate(x, (new_height, new_width), mode=resample, align_corners=False, antialias=True)
    torch.testing.assert_close(found, (expected - 0.4) / 0.2, rtol=1e-4, atol=1e-4)


def test_grey_and_colour_are_turned_into_one_another() -> None:
    grey, colour = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    plain = ImageInput(size=(3, 4, 4), values="bytes", mean=(0,) * 3, scale=(1,) * 3)
    assert torch.equal(Adapter(plain, (1, 4, 4))(grey), grey.expand(-1, 3, -1, -1))
    single = ImageInput(size=(1, 4, 4), values="bytes", mean=(0,), scale=(1,))
    expected = torch.einsum("bchw,c->bhw", colour, torch.tensor([0.299, 0.587, 0.114]))[:, None]
    torch.testing.assert_close(Adapter(single, (3, 4, 4))(colour), expected)
    with pytest.raises(gf.GoodfitError, match="the images have 2 channels and the backbone was trained on 3"):
        Adapter(plain, (2, 4, 4))


@pytest.mark.parametrize(
    ("model", "count", "features"),
    [("cnn", 3, 1152), ("lenet", 4, 84), ("resnet-8", 4, 64), ("densenet-bc", 6, 132), ("mlp", 2, 256)],
)
def test_blocks_of_our_models(model: str, count: int, features: int) -> None:
    whole = build_model(gf.Config(model=model), (1, 28, 28), 5)
    network = without_head(whole, model).eval()
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, features)
    found = blocks(network)
    assert len(found) == count
    assert [name for block in found for name in block] == [name for name, _ in network.named_parameters()]


def test_a_network_without_hidden_layers_is_no_backbone() -> None:
    with pytest.raises(gf.GoodfitError, match="model 'mlp' cannot be a backbone: take a network with hidden layers"):
        without_head(build_model(gf.Config(depth=0), (1, 8, 8), 2), "mlp")


def test_a_perceptron_without_its_head_gives_its_last_hidden_units_undropped() -> None:
    whole = build_model(gf.Config(width=(6, 5), activation="selu", norm="batch", dropout=0.5), (1, 4, 4), 3).eval()
    x = torch.rand(7, 1, 4, 4, generator=RANDOM)
    logits, head = whole(x), whole.get_submodule("layers.2")
    network = without_head(whole, "mlp")
    assert isinstance(head, nn.Linear) and "layers.2.weight" not in network.state_dict()
    torch.testing.assert_close(head(network(x)), logits)
    assert [len(block) for block in blocks(network)] == [2, 6], "norms belong to the last layer's block"
    assert [getattr(layer, "active", None) for layer in network.get_submodule("dropouts").children()] == [True, False]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    config = gf.Config(model="cnn", width=3, depth=2)
    description = {"config": config.settings(), "input_shape": [1, 12, 12], "outputs": 4}
    network = without_head(build_model(config, (1, 12, 12), 4), "cnn")
    return Backbone("tiny", "goodfit", description, wanted((1, 12, 12)), 54, network.state_dict())


def network_of(backbone: Backbone, unfreeze: int, layer_rate: float = 0.5) -> TransferNetwork:
    made = FineTuning(backbone, (3, 16, 16), 2, unfreeze, layer_rate)()
    assert isinstance(made, TransferNetwork)
    return made


def test_last_blocks_train_each_at_a_rate_of_its_own(backbone: Backbone) -> None:
    network = network_of(backbone, 1)
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    last = {f"trunk.network.block2.{name}" for name in ("conv.weight", "norm.weight", "norm.bias")}
    assert trained == last | {"head.weight", "head.bias"}
    assert network.rate_factors == dict.fromkeys(last, 0.5)
    both = network_of(backbone, 2).rate_factors
    assert {name.split(".")[2]: factor for name, factor in both.items()} == {"block2": 0.5, "block1": 0.25}


def test_frozen_blocks_keep_weights_and_running_statistics(backbone: Backbone) -> None:
    network = network_of(backbone, 1).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    network(torch.rand(8, 3, 16, 16)).square().sum().backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert not any("block1" in name for name in changed)
    assert {"trunk.network.block2.norm.running_mean", "trunk.network.block2.conv.weight", "head.weight"} <= changed


def test_pieces_without_gradient_equal_the_whole(backbone: Backbone) -> None:
    network = network_of(backbone, 1).eval()
    x = torch.rand(11, 3, 16, 16)
    whole = network(x).detach()
    network.trunk.at_once = 4
    with torch.no_grad():
        torch.testing.assert_close(network(x), whole)


@pytest.mark.parametrize(
    ("unfreeze", "layer_rate", "message"),
    [
        (3, 0.5, "3 blocks of backbone tiny to be trained: it has 2, so give 1 to 2"),
        (1, 0.0, r"the factor of the rate from block to block is 0: give one in \(0, 1\]"),
    ],
)
def test_mistakes_are_named(backbone: Backbone, unfreeze: int, layer_rate: float, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        network_of(backbone, unfreeze, layer_rate)


def test_equal_names_mean_equal_networks(backbone: Backbone) -> None:
    def name(unfreeze: int, source: Backbone = backbone) -> str:
        return str(gf.Config(model=FineTuning(source, (1, 12, 12), 2, unfreeze)).settings()["model"])

    other = Backbone("tiny", "goodfit", backbone.description, backbone.input, 54,
                     {n: w + 1 for n, w in backbone.weights.items()})  # fmt: skip
    assert name(1) == name(1) and len({name(1), name(2), name(1, other)}) == 3


def test_blocks_follow_numbers_and_join_norms() -> None:
    class Vision(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(3))
            self.layers = nn.ModuleList(nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)) for _ in range(2))
            self.last = nn.LayerNorm(3)

    found = blocks(nn.ModuleDict({"model": Vision()}))
    assert [block[0] for block in found] == ["model.token", "model.layers.0.0.weight", "model.layers.1.0.weight"]
    assert found[-1][-2:] == ["model.last.weight", "model.last.bias"]
    assert np.concatenate([np.array(block) for block in found]).size == 11
