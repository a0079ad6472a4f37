"""First weights: against PyTorch's, closed forms, SciPy, and what each paper promises."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.linalg import hadamard
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn import init

import goodfit as gf
from goodfit.losses import cross_entropy
from goodfit.nn import ACTIVATIONS, build_model
from goodfit.nn.initialisers import INITIALISERS, Sample, Start, initialise, read_initialiser
from goodfit.nn.initialisers.distributions import Fans
from goodfit.nn.initialisers.laws import Normal
from goodfit.nn.initialisers.measured import gradient_quotient
from goodfit.nn.initialisers.structured import zero_matrix
from goodfit.nn.mean_field import gain

LINEAR, CONV, CONV1D = (300, 400), (64, 32, 3, 5), (90, 60, 5)


def start(module: nn.Module, sample: Sample | None = None, activation: str = "relu") -> Start:
    return Start(module, lambda name: Generator().manual_seed(len(name)), gain(activation), sample)


def drawn(text: str, shape: tuple[int, ...], activation: str = "relu") -> Tensor:
    """Weights of one layer of that shape."""
    kinds = {2: nn.Linear, 3: nn.Conv1d, 4: nn.Conv2d}
    layer = kinds[len(shape)](shape[1], shape[0], *([shape[2:]] if len(shape) > 2 else []))
    initialise(start(layer, activation=activation), text)
    assert text == "default" or not layer.bias.detach().any()
    return layer.weight.detach()


PYTORCH: dict[str, Callable[[Tensor, Generator], Tensor]] = {
    "default": lambda w, g: init.kaiming_uniform_(w, a=math.sqrt(5), generator=g),
    "zeros": lambda w, g: init.zeros_(w),
    "ones": lambda w, g: init.ones_(w),
    "constant(0.7)": lambda w, g: init.constant_(w, 0.7),
    "uniform": lambda w, g: init.uniform_(w, -0.5, 0.5, generator=g),
    "uniform(0, 1)": lambda w, g: init.uniform_(w, 0, 1, generator=g),
    "normal": lambda w, g: init.normal_(w, 0, 0.01, generator=g),
    "normal(0.5, std=1.0)": lambda w, g: init.normal_(w, 0.5, 1, generator=g),
    "truncated-normal(0, 0.02)": lambda w, g: init.trunc_normal_(w, 0, 0.02, -0.04, 0.04, generator=g),
    "orthogonal(1.4)": lambda w, g: init.orthogonal_(w, 1.4, generator=g),
    "xavier-uniform": lambda w, g: init.xavier_uniform_(w, generator=g),
    "xavier-normal(1.5)": lambda w, g: init.xavier_normal_(w, 1.5, generator=g),
    "kaiming-uniform": lambda w, g: init.kaiming_uniform_(w, nonlinearity="relu", generator=g),
    "kaiming-normal(fan_out)": lambda w, g: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu", generator=g),
    "kaiming-normal(fan_in, 1)": lambda w, g: init.kaiming_normal_(w, nonlinearity="linear", generator=g),
}  # fmt: skip


@pytest.mark.parametrize("text", PYTORCH)
@pytest.mark.parametrize("shape", [LINEAR, CONV, CONV1D], ids=str)
def test_equals_pytorch_with_the_same_generator(text: str, shape: tuple[int, ...]) -> None:
    expected = PYTORCH[text](torch.empty(shape), Generator().manual_seed(0))
    torch.testing.assert_close(drawn(text, shape), expected, rtol=1e-6, atol=0)
    if text == "default":
        assert torch.equal(drawn(text, shape), expected), "the first weights of earlier versions"


@pytest.mark.parametrize("shape", [LINEAR, CONV, CONV1D], ids=str)
@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("default", lambda n, m: stats.uniform(-1 / math.sqrt(n), 2 / math.sqrt(n))),
        ("uniform(-0.5, 0.5)", lambda n, m: stats.uniform(-0.5, 1)),
        ("general-rule", lambda n, m: stats.uniform(-1 / math.sqrt(n), 2 / math.sqrt(n))),
        ("normal", lambda n, m: stats.norm(0, 0.01)),
        ("normal-rule", lambda n, m: stats.norm(0, 1 / math.sqrt(n))),
        ("lecun-normal", lambda n, m: stats.norm(0, 1 / math.sqrt(n))),
        ("truncated-normal", lambda n, m: stats.truncnorm(-2, 2, scale=1 / math.sqrt(n))),
        ("xavier-uniform", lambda n, m: stats.uniform(-math.sqrt(6 / (n + m)), 2 * math.sqrt(6 / (n + m)))),
        ("xavier-normal(2)", lambda n, m: stats.norm(0, 2 * math.sqrt(2 / (n + m)))),
        ("kaiming-uniform", lambda n, m: stats.uniform(-math.sqrt(6 / n), 2 * math.sqrt(6 / n))),
        ("kaiming-normal", lambda n, m: stats.norm(0, math.sqrt(2 / n))),
        ("kaiming-normal(fan_out)", lambda n, m: stats.norm(0, math.sqrt(2 / m))),
    ],
)
def test_distribution_is_the_definition(text: str, law: Callable[[int, int], object], shape: tuple[int, ...]) -> None:
    fields = math.prod(shape[2:])
    expected = law(shape[1] * fields, shape[0] * fields)
    weights = drawn(text, shape).double().numpy().ravel()
    assert stats.kstest(weights, expected.cdf).pvalue > 1e-3
    choice = read_initialiser(text)
    ours = choice.law(Fans.of(torch.empty(shape), gain("relu")))
    low, high = expected.support()
    assert ours.mean == pytest.approx(expected.mean(), abs=1e-12) and ours.std == pytest.approx(
        expected.std(), rel=1e-9
    )
    assert ours.bound == pytest.approx(max(abs(low), abs(high)))
    assert abs(weights).max() <= ours.bound * (1 + 1e-6)


def test_gain_follows_the_activation() -> None:
    assert gain("relu") == pytest.approx(math.sqrt(2), rel=1e-12)
    assert gain("leaky-relu") == pytest.approx(math.sqrt(2 / (1 + 0.01**2)), rel=1e-12)
    assert gain("identity") == pytest.approx(1) and gain("selu") == pytest.approx(1, abs=1e-9)
    for activation in ACTIVATIONS:
        std = drawn("kaiming-normal", (300, 400), activation).std()
        assert float(std) == pytest.approx(gain(activation) / 20, rel=0.02)


@pytest.mark.parametrize("shape", [(40, 70), (70, 40), (16, 8, 3, 3), (90, 8, 3, 3)], ids=str)
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = drawn("orthogonal(1.4)", shape).flatten(1)
    gram = matrix @ matrix.T if len(matrix) <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(gram, 1.96 * torch.eye(len(gram)), rtol=1e-4, atol=1e-4)
    law = read_initialiser("orthogonal(1.4)").law(Fans.of(torch.empty(shape), 1.0))
    assert float(matrix.square().mean().sqrt()) == pytest.approx(law.std, rel=1e-5)


@pytest.mark.parametrize(("rows", "columns"), [(10, 128), (128, 128), (256, 128), (300, 17), (3, 2), (1, 1), (5, 1)])
def test_zero_is_identity_or_hadamard(rows: int, columns: int) -> None:
    found = drawn("zero", (rows, columns))
    if rows <= columns:
        assert torch.equal(found, torch.eye(rows, columns))
    else:
        p = 2 ** math.ceil(math.log2(rows))
        expected = np.eye(rows, p) @ (hadamard(p) / math.sqrt(p)) @ np.eye(p, columns)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    carried = drawn("zero", (rows, columns, 3, 5))
    assert torch.equal(carried[:, :, 1, 2], zero_matrix(rows, columns))
    carried[:, :, 1, 2] = 0
    assert not carried.any()


class Block(nn.Module):
    """A residual block as a user may write it: the branch has the name that initialisers look for."""

    def __init__(self, channels: int, norm: bool) -> None:
        super().__init__()
        layers = [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)]
        self.branch = nn.Sequential(*layers, nn.BatchNorm2d(channels)) if norm else nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


def residual(norm: bool = False, blocks: int = 4, dropout: float = 0.01) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 1), *(Block(16, norm) for _ in range(blocks)), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(dropout), nn.Linear(16, 3),
    )  # fmt: skip


X = torch.randn(256, 3, 6, 6, generator=Generator().manual_seed(3))
SAMPLE = Sample(X, torch.arange(256) % 3, cross_entropy)
SAMPLE_OF_ROWS = Sample(X.flatten(1), SAMPLE.y, cross_entropy)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("init_text", ["residual-zero", "residual-zero(xavier-normal(2))"])
def test_residual_zero_keeps_the_variance_through_any_depth(norm: bool, init_text: str) -> None:
    module = residual(norm)
    initialise(start(module), init_text)
    ends = [block.branch[-1].weight for block in module if isinstance(block, Block)]
    assert not any(end.any() for end in ends)
    others = [p for name, p in module.named_parameters() if name.endswith("weight") and not any(p is e for e in ends)]
    assert all(p.any() for p in others)
    stem = module[0](X)
    torch.testing.assert_close(module[:5](X), stem)


def test_constnet() -> None:
    module = residual()
    initialise(start(module), "constnet")
    assert torch.equal(module[0].weight, torch.full((16, 3, 1, 1), 1 / 3)) and not module[-1].weight.any()
    for block in (layer for layer in module if isinstance(layer, Block)):
        assert not block.branch[-1].weight.any()
        first = block.branch[0].weight
        assert torch.equal(first[:, :, 1, 1], torch.full((16, 16), 1 / 16)) and first.count_nonzero() == 256
    features = module[:-2](X)
    assert torch.equal(features, features[:, :1].expand_as(features)), "all features are alike"
    with pytest.warns(UserWarning, match=r"without dropout they stay so: set dropout=0\.01"):
        initialise(start(residual(dropout=0)), "constnet")


def test_fixup_scales_by_depth() -> None:
    deep, shallow = residual(blocks=16), residual(blocks=1)
    for module in (deep, shallow):
        initialise(start(module), "fixup")
        assert not module[-1].weight.any() and not module[1].branch[-1].weight.any()
    ratio = deep[3].branch[0].weight.detach().std() / shallow[1].branch[0].weight.detach().std()
    assert float(ratio) == pytest.approx(16**-0.5, rel=0.05)


@pytest.mark.parametrize("activation", ["relu", "tanh", "elu"])
def test_lsuv_gives_every_layer_variance_1(activation: str) -> None:
    config = gf.Config(width=50, depth=8, activation=activation, init="lsuv", dropout=0.5)
    module = build_model(config, (108,), 3, SAMPLE_OF_ROWS)
    h = SAMPLE_OF_ROWS.x
    for layer in module.layers:
        h = layer(h)
        assert float(h.detach().var()) == pytest.approx(1, abs=0.02)
        h = ACTIVATIONS[activation](h)
    for layer in module.layers[:-1]:
        gram = (
            layer.weight @ layer.weight.T
            if len(layer.weight) <= layer.weight.shape[1]
            else layer.weight.T @ layer.weight
        )
        torch.testing.assert_close(gram / gram[0, 0], torch.eye(len(gram)), atol=1e-4, rtol=1e-4)


def test_lsuv_of_a_convolutional_network_in_the_order_of_computation() -> None:
    class Reversed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.second, self.first = nn.Linear(8, 3), nn.Conv2d(8, 8, 3, bias=False), nn.Conv2d(3, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = F.relu(self.second(F.relu(self.first(x))))
            return self.head(h.mean((2, 3)))

    module = Reversed()
    initialise(start(module, SAMPLE), "lsuv(tolerance=0.001)")
    for layer, x in ((module.first, X), (module.second, F.relu(module.first(X)))):
        assert float(layer(x).detach().var(correction=0)) == pytest.approx(1, abs=1e-3)
    assert float(module(X).detach().var(correction=0)) == pytest.approx(1, abs=1e-3)


def test_metainit_lowers_the_gradient_quotient() -> None:
    found = {}
    for text in ("normal(0, 1)", "kaiming-normal", "metainit"):
        module = build_model(gf.Config(width=30, depth=4, init=text), (108,), 3, SAMPLE_OF_ROWS)
        found[text] = float(gradient_quotient(module, SAMPLE_OF_ROWS).detach())
    assert found["metainit"] < 0.1 * found["kaiming-normal"] < 0.1 * found["normal(0, 1)"]


def test_gradient_quotient_of_a_quadratic() -> None:
    """For a loss with Hessian a everywhere, |H g / g| is a."""
    module = nn.Linear(1, 1, bias=False)
    sample = Sample(torch.full((4, 1), 3.0), torch.zeros(4), lambda output, y: (output[:, 0] - y).square())
    assert float(gradient_quotient(module, sample, eps=0.0).detach()) == pytest.approx(2 * 9, rel=1e-5)


def test_data_driven_without_data_is_one_line() -> None:
    with pytest.raises(gf.GoodfitError, match="setting 'init' is 'lsuv', which looks at training samples"):
        build_model(gf.Config(init="lsuv"), (4,), 1)


def own(weight: Tensor, bias: Tensor | None, generator: Generator) -> None:
    init.uniform_(weight, 2, 3, generator=generator)
    if bias is not None:
        init.constant_(bias, 7)


def test_own_function_and_scale() -> None:
    config = gf.Config(init=own, init_scale=0.5, width=4)
    module = build_model(config, (5,), 2)
    for layer in module.layers:
        weight = layer.weight.detach()
        assert 1 <= float(weight.min()) <= float(weight.max()) <= 1.5 and (layer.bias == 7).all()
    assert config.settings()["init"] == "test_initialisers:own"
    kept = build_model(gf.Config(model=lambda: nn.Linear(5, 2), init_scale=2), (5,), 2)
    plain = build_model(gf.Config(model=lambda: nn.Linear(5, 2)), (5,), 2)
    torch.testing.assert_close(kept.weight, 2 * plain.weight)
    assert torch.equal(kept.bias, plain.bias)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unifrm", r"did you mean 'uniform'\?\): choose one of default, zeros"),
        ("uniform(1, -1)", "a uniform distribution from 1 to -1 is empty"),
        ("uniform(0, 1, 2)", r"it takes uniform\(low=-0.5, high=0.5\)"),
        ("uniform(a, 1)", "'low' is a: it must be a number"),
        ("uniform(0, nan)", "'high' is nan: it must be a number"),
        ("normal(sd=1)", r"there is no 'sd' \(did you mean 'std'\?\); it takes normal\(mean=0.0, std=0.01\)"),
        ("normal(0, mean=1)", "'mean' is given twice"),
        ("normal(std=-1)", "std must not be negative"),
        ("constant", r"'value' is missing; it takes constant\(value\)"),
        ("kaiming-normal(fan_inn)", "'mode' is fan_inn: choose one of fan_in, fan_out"),
        ("lsuv(tries=2.5)", "'tries' is 2.5: it must be a whole number"),
        ("residual-zero(lsuv)", "'lsuv' is for whole networks"),
        ("residual-zero(2)", "'base' is 2: it must be a name"),
        ("zeros(1)", "it takes zeros, without arguments"),
        ("normal(0, 1", "cannot be read"), ("normal(0 1)", "cannot be read"), ("normal(std=1, 0)", "cannot be read"),
        ("__import__('os')", "cannot be read"), ("normal, zeros", "name one, such as normal"), ("", "name one"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(text: str, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        build_model(gf.Config(init=text), (4,), 1)
    assert "\n" not in str(caught.value)


@given(st.text("abz(),=0.5- e_", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        choice = read_initialiser(text)
    except gf.GoodfitError as error:
        assert "\n" not in str(error)
    else:
        assert choice.name in INITIALISERS


@pytest.mark.parametrize("cut", [1e-9, 1e-4, 0.99e-3, 1.01e-3, 1.0])
def test_a_normal_distribution_that_is_cut_has_the_std_of_its_integral(cut: float) -> None:
    variance = quad(lambda z: z**2 * math.exp(-(z**2) / 2), -cut, cut, epsabs=0)[0]
    variance /= quad(lambda z: math.exp(-(z**2) / 2), -cut, cut, epsabs=0)[0]
    assert Normal(0.0, 2.0, cut).std == pytest.approx(2 * math.sqrt(variance), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lsuv(tolerance=0)", "lsuv has tolerance 0 and 10 tries: both must be positive"), ("lsuv(tries=0)", "both must be positive"),
        ("metainit(steps=-1)", "metainit has -1 steps"), ("metainit(momentum=1)", "momentum from 0 to below 1"),
    ],
)  # fmt: skip
def test_initialisers_that_measure_refuse_numbers_they_cannot_work_with(text: str, message: str) -> None:
    sample = Sample(torch.randn(8, 4), torch.zeros(8, dtype=torch.long), cross_entropy)
    with pytest.raises(gf.GoodfitError, match=message):
        initialise(start(nn.Linear(4, 2), sample), text)
