"""The named models are the published ones: shapes, parameter counts, what every setting does."""

import pytest
import torch
from torch import nn

import goodfit as gf
from goodfit.nn import MODELS, build_model
from goodfit.nn.densenet import dense_block, transition
from goodfit.nn.models import settled
from goodfit.nn.resnet import Residual
from goodfit.nn.stages import stages


@pytest.mark.parametrize(
    ("model", "shape", "count"),
    [
        ("lenet", (1, 28, 28), 44_878),
        # as published implementations of the CIFAR-10 networks count, with projections where a stage begins
        ("resnet-20", (3, 32, 32), 272_474),
        ("resnet-18", (3, 32, 32), 11_173_962),
        ("preact-resnet-18", (3, 32, 32), 11_172_170),
        ("densenet-bc", (3, 32, 32), 176_122),
        ("mlp", (1, 28, 28), 784 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10),
    ],
)
def test_parameter_counts(model: str, shape: tuple[int, ...], count: int) -> None:
    module = build_model(gf.Config(model=model), shape, 10)
    assert sum(p.numel() for p in module.parameters()) == count
    assert sum(stage.parameters for stage in stages(module, shape)) == count


def test_layers_of_residual_networks() -> None:
    for layers in (8, 14, 18, 20, 32, 56):
        module = build_model(gf.Config(model=f"resnet-{layers}", width=2, skip=False), (1, 8, 8), 10)
        assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in module.modules()) == layers


def test_lenet_is_the_tutorials() -> None:
    found = [(s.kind, s.shape) for s in stages(build_model(gf.Config(model="lenet"), (1, 28, 28), 10), (1, 28, 28))]
    assert found == [
        ("convolution 5 x 5", (6, 24, 24)), ("batch norm", (6, 24, 24)), ("sigmoid", (6, 24, 24)),
        ("max-pooling 2 x 2", (6, 12, 12)),
        ("convolution 5 x 5", (16, 8, 8)), ("batch norm", (16, 8, 8)), ("sigmoid", (16, 8, 8)),
        ("max-pooling 2 x 2", (16, 4, 4)), ("flatten", (256,)),
        ("linear", (120,)), ("batch norm", (120,)), ("sigmoid", (120,)),
        ("linear", (84,)), ("batch norm", (84,)), ("sigmoid", (84,)), ("linear", (10,)),
    ]  # fmt: skip
    plain = build_model(gf.Config(model="lenet", norm="none", activation="relu"), (1, 28, 28), 10)
    kinds = [s.kind for s in stages(plain, (1, 28, 28))]
    assert "batch norm" not in kinds and "relu" in kinds and "sigmoid" not in kinds


def test_densenet_stages_of_a_96_pixel_image() -> None:
    found = {s.name: s.shape for s in stages(build_model(gf.Config(model="densenet"), (1, 96, 96), 10), (1, 96, 96))}
    assert found == {
        "stem": (64, 24, 24), "block1": (192, 24, 24), "transition1": (96, 12, 12), "block2": (224, 12, 12),
        "transition2": (112, 6, 6), "block3": (240, 6, 6), "transition3": (120, 3, 3), "block4": (248, 3, 3),
        "norm": (248, 3, 3), "activation": (248, 3, 3), "pool": (248, 1, 1), "flatten": (248,), "head": (10,),
    }  # fmt: skip


def test_dense_block_and_transition_of_the_tutorial() -> None:
    config = settled(gf.Config(model="densenet"))
    y = dense_block(config, 3, layers=2, growth=10, bottleneck=False)(torch.randn(4, 3, 8, 8))
    assert y.shape == (4, 23, 8, 8)
    assert transition(config, 23, 10)(y).shape == (4, 10, 4, 4)


@pytest.mark.parametrize("preact", [False, True])
def test_a_residual_block_without_its_branch_is_the_identity(preact: bool) -> None:
    """And without the skip it is the branch alone."""
    name = "preact-resnet-8" if preact else "resnet-8"
    x = torch.rand(2, 16, 8, 8)
    with_skip, without = (
        build_model(gf.Config(model=name, skip=skip), (1, 8, 8), 10).eval().get_submodule("stage1.block1")
        for skip in (True, False)
    )
    assert isinstance(with_skip, Residual)
    convolutions = [m for m in with_skip.branch.modules() if isinstance(m, nn.Conv2d)]
    nn.init.zeros_(convolutions[-1].weight)
    assert torch.equal(with_skip(x), x)
    nn.init.zeros_([m for m in without.modules() if isinstance(m, nn.Conv2d)][-1].weight)
    assert not without(x).any()


def test_skips_change_shape_by_a_projection() -> None:
    module = build_model(gf.Config(model="resnet-8"), (1, 8, 8), 10)
    second = module.get_submodule("stage2.block1")
    assert isinstance(second, Residual) and second.projection is not None
    assert second.projection(torch.randn(2, 16, 8, 8)).shape == (2, 32, 4, 4)


def test_auto_is_the_models_own() -> None:
    own = {name: settled(gf.Config(model=name)) for name in MODELS}
    assert (own["mlp"].activation, own["mlp"].norm, own["mlp"].hidden) == ("relu", "none", (256, 256))
    assert (own["lenet"].activation, own["lenet"].norm, own["lenet"].width) == ("sigmoid", "batch", 6)
    assert (own["cnn"].width, own["cnn"].depth) == (32, 3)
    chosen = settled(gf.Config(model="lenet", activation="tanh", norm="none", width=12))
    assert (chosen.activation, chosen.norm, chosen.width) == ("tanh", "none", 12)


def test_width_scales_every_layer() -> None:
    lenet = build_model(gf.Config(model="lenet", width=12), (1, 28, 28), 10)
    assert [m.weight.shape[0] for m in lenet if isinstance(m, nn.Conv2d | nn.Linear)] == [12, 32, 240, 168, 10]
    cnn = build_model(gf.Config(model="cnn", width=5, depth=2), (3, 9, 13), 10)
    assert [m.weight.shape for m in cnn.modules() if isinstance(m, nn.Conv2d)] == [(5, 3, 3, 3), (10, 5, 3, 3)]
    assert cnn(torch.randn(2, 3, 9, 13)).shape == (2, 10)


@pytest.mark.parametrize("norm", ["batch", "layer", "group"])
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_norm_layers_start_with_one_and_zero_whatever_the_initialiser(model: str, norm: str) -> None:
    module = build_model(gf.Config(model=model, norm=norm, width=8, init="kaiming-normal"), (1, 8, 8), 3)
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)
    norms = [layer for layer in module.modules() if isinstance(layer, kinds)]
    assert len(norms) == (2 if model == "mlp" else 3)
    assert all(bool((n.weight == 1).all()) and not n.bias.any() for n in norms)


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({"model": "lenet"}, (13,), r"model 'lenet' is for images \[C, H, W\] and a sample here has shape 13"),
        ({"model": "lenet"}, (1, 15, 28), "at least 16 x 16 pixels, here they have 15 x 28"),
        ({"model": "cnn"}, (1, 7, 7), "at least 8 x 8 pixels"),
        ({"model": "cnn", "depth": 4}, (1, 15, 15), "at least 16 x 16 pixels"),
        ({"model": "resnet-18"}, (1, 7, 8), "at least 8 x 8 pixels"),
        ({"model": "resnet-8"}, (1, 3, 3), "at least 4 x 4 pixels"),
        ({"model": "densenet"}, (1, 28, 28), "at least 29 x 29 pixels"),
        ({"model": "densenet-bc"}, (1, 3, 4), "at least 4 x 4 pixels"),
        ({"model": "resnet-18", "depth": 3}, (1, 28, 28), "model 'resnet-18' has a fixed depth"),
        ({"model": "cnn", "width": (3, 4)}, (1, 28, 28), "takes one number, its channels of the first block"),
        ({"model": "lenet", "skip": False}, (1, 28, 28), "does not know the setting 'skip'"),
        ({"model": "lenet", "dropconnect": 0.1}, (1, 28, 28), "does not know the setting 'dropconnect'"),
        ({"model": "resnet18"}, (1, 28, 28), r"did you mean 'resnet-18'\?"),
    ],
)
def test_mistakes_are_one_line(settings: dict[str, object], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        build_model(gf.Config(**settings), shape, 10)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", MODELS)
def test_the_smallest_image_that_is_named_is_enough(model: str) -> None:
    if model == "mlp":
        return
    with pytest.raises(gf.GoodfitError, match="at least") as caught:
        build_model(gf.Config(model=model, width=2), (1, 1, 1), 3)
    smallest = int(str(caught.value).split("at least ")[1].split(" x")[0])
    module = build_model(gf.Config(model=model, width=2), (1, smallest, smallest), 3)
    assert module(torch.randn(2, 1, smallest, smallest)).shape == (2, 3)
    with pytest.raises(gf.GoodfitError, match=f"at least {smallest} x {smallest}"):
        build_model(gf.Config(model=model, width=2), (1, smallest, smallest - 1), 3)
