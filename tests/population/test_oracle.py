"""Every kernel against a plain PyTorch loop, from the same weights and batch order: 60 steps, 1e-4 relative."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from problems import (
    BASE,
    CLASSES,
    IMAGES,
    REGRESSION,
    Residual,
    Tabular,
    TwoInputs,
    Written,
    blocks,
    lenet,
    losses,
    make_problem,
    run,
    wide,
)
from torch import Tensor, nn

from goodfit.config import Config, vary
from goodfit.nn import ACTIVATIONS, build_model
from goodfit.nn.activation_layers import LEARNED_ACTIVATIONS
from goodfit.nn.inputs import SeveralInputs
from goodfit.optim.optimisers import OPTIMISERS, find_optimiser
from goodfit.population import KERNELS, Problem
from goodfit.population.dense import bucket
from goodfit.randomness import batch_order

ALL = tuple(KERNELS)
ANY_MODULE = ("generic", "side-by-side", "sequential")
COMPILED = ("resident", *ANY_MODULE)
"""Kernels for modules that are a chain of common layers."""


def plain_loop(config: Config, problem: Problem) -> tuple[np.ndarray, dict[str, Tensor]]:
    """What anybody would write; returns every step's loss and the weights at the end. No dropout."""
    module = build_model(config, problem.input_shape, problem.outputs)
    optimiser = find_optimiser(config.optimiser).torch(list(module.parameters()), config)
    found = []
    for epoch in range(1, config.epochs + 1):
        order = torch.from_numpy(batch_order(config.seed, epoch, len(problem.train)))
        for rows in order.split(config.batch_size):
            output = module(problem.train.x[rows])
            if output.ndim == 1:
                output = output.unsqueeze(-1)
            loss = problem.row_loss(output, problem.train.y[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            found.append((loss.item(), len(rows)))
    return np.array(found), module.state_dict()


def assert_equals_plain_loop(config: Config, problem: Problem, kernel: str, members: int = 3) -> None:
    configs = vary(config, seed=range(members))
    for own, (outcome, records) in zip(configs, run(configs, problem, kernel), strict=True):
        expected, weights = plain_loop(own, problem)
        per_epoch = expected.reshape(own.epochs, -1, 2)
        means = (per_epoch[..., 0] * per_epoch[..., 1]).sum(1) / per_epoch[..., 1].sum(1)
        np.testing.assert_allclose([r.train_loss for r in records[1:]], means, rtol=1e-4)
        assert outcome.steps == len(expected) == 60
        if problem.validation is None:
            for name, weight in weights.items():
                torch.testing.assert_close(outcome.weights[name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_perceptron_with_every_optimiser(kernel: str, optimiser: str) -> None:
    lr = {"sgd": 0.02, "nesterov": 0.02, "adagrad": 0.02, "adadelta": 1.0, "lion": 3e-4}.get(optimiser, 3e-3)
    # a smooth activation and a larger eps: near a kink, or where g/|g| is decided by rounding, paths part by chance
    config = Config(width=(32, 16), activation="tanh", optimiser=optimiser, lr=lr, eps=1e-6, epochs=10, batch_size=37,
                    weight_decay=0.02)  # fmt: skip
    assert_equals_plain_loop(config, make_problem(classes=3, validation=0), kernel)


@pytest.mark.parametrize("kernel", ["resident", "dense", "generic"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_perceptron_with_every_activation(kernel: str, activation: str) -> None:
    config = Config(width=(24, 24), activation=activation, optimiser="sgd", lr=0.02, epochs=10, batch_size=37)
    if activation in LEARNED_ACTIVATIONS and kernel != "generic":
        assert KERNELS[kernel].refusal(config, REGRESSION)
        return
    assert_equals_plain_loop(config, REGRESSION, kernel)


@pytest.mark.parametrize("loss", ["squared-error", "absolute-error", "huber"])
def test_resident_losses(loss: str) -> None:
    from goodfit.losses import find_loss

    problem = Problem(REGRESSION.train, REGRESSION.validation, 1, find_loss(loss, "regression"))
    config = Config(width=(24,), activation="tanh", optimiser="sgd", lr=0.01, epochs=10, batch_size=37, loss=loss)
    assert_equals_plain_loop(config, problem, "resident")


@pytest.mark.parametrize(
    ("kernel", "model", "problem"),
    [
        *((kernel, lambda: NoDropout(Tabular()), REGRESSION) for kernel in ANY_MODULE),
        *((kernel, lambda: NoDropout(lenet()), IMAGES) for kernel in COMPILED),
        *((kernel, lambda: NoDropout(Written()), IMAGES) for kernel in COMPILED),
        *((kernel, lambda: NoDropout(blocks()), IMAGES) for kernel in COMPILED),
        *((kernel, lambda: NoDropout(wide()), IMAGES) for kernel in COMPILED),
        *((kernel, lambda: NoDropout(Residual()), IMAGES) for kernel in ANY_MODULE),
        *((kernel, lambda: SeveralInputs(TwoInputs(), [(12,), (1,)]), REGRESSION) for kernel in ANY_MODULE),
    ],
)
def test_modules_of_ones_own(kernel: str, model: object, problem: Problem) -> None:
    config = Config(model=model, optimiser="sgd", lr=0.02, epochs=10, batch_size=37)
    assert_equals_plain_loop(config, problem, kernel)


class NoDropout(nn.Module):
    """A module without its dropout, whose draws differ between PyTorch and goodfit by intention."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        for layer in module.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.25}, {"dropconnect": 0.2}, {"mixup": 0.3}, {"label_noise": 0.3}, {"train_rows": 90},
        {"schedule": "cosine", "warmup_steps": 4, "dropout": 0.1}, {"activation": "selu", "dropout": 0.2},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("problem", [REGRESSION, CLASSES], ids=["regression", "classes"])
def test_kernels_agree_on_all_that_is_per_member(problem: Problem, changes: dict[str, object]) -> None:
    config = BASE.replace(epochs=10, **changes)
    reference = losses(run([config], problem, "sequential")[0])
    wide = losses(run([config.replace(width=(70, 60))], problem, "sequential")[0])
    # small perceptrons have a compiled loop of their own
    np.testing.assert_allclose(losses(run([config.replace(width=(70, 60))], problem, "resident")[0]), wide, rtol=1e-4)
    for kernel in ALL:
        np.testing.assert_allclose(losses(run([config], problem, kernel)[0]), reference, rtol=1e-4, err_msg=kernel)


def test_dropout_layers_of_a_module_agree_between_kernels() -> None:
    for model, problem, kernels in ((Tabular, REGRESSION, ANY_MODULE), (lenet, IMAGES, COMPILED)):
        config = Config(model=model, optimiser="sgd", lr=0.02, epochs=10, batch_size=37)
        reference = losses(run([config], problem, "sequential")[0])
        for kernel in kernels:
            np.testing.assert_allclose(losses(run([config], problem, kernel)[0]), reference, rtol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "softplus"])
def test_a_masked_narrow_member_equals_a_true_narrow_network(activation: str, dropout: float) -> None:
    """Units that are not there must not matter, also where the activation of 0 is not 0."""
    widths = [(33, 19), (34, 17), (40, 20)]
    assert len({tuple(map(bucket, width)) for width in widths}) == 1
    configs = [
        BASE.replace(width=w, activation=activation, dropout=dropout, epochs=10, seed=i) for i, w in enumerate(widths)
    ]
    for config, member in zip(configs, run(configs, CLASSES, "dense"), strict=True):
        alone = run([config], CLASSES, "sequential")[0]
        np.testing.assert_allclose(losses(member), losses(alone), rtol=1e-4)
        assert {n: w.shape for n, w in member[0].weights.items()} == {n: w.shape for n, w in alone[0].weights.items()}


def test_bfloat16_follows_float32_closely() -> None:
    config = BASE.replace(activation="relu", width=(64, 64), epochs=20)
    exact = losses(run([config], CLASSES, "dense")[0])
    for kernel in ("dense", "sequential"):
        rounded = losses(run([config.replace(precision="bfloat16")], CLASSES, kernel)[0])
        assert 0 < np.abs(rounded / exact - 1).max() < 0.1


def test_a_module_that_draws_random_numbers_keeps_them_to_itself() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(13, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x + 0.1 * torch.randn_like(x) * self.training)

    config = Config(model=Noisy, epochs=3, batch_size=37)
    assert "draws random numbers" in str(KERNELS["generic"].refusal(config, REGRESSION))
    assert "draws random numbers" in str(KERNELS["side-by-side"].refusal(config, REGRESSION))
    torch.manual_seed(1)
    first = losses(run([config], REGRESSION, "sequential")[0])
    torch.manual_seed(2)
    state = torch.get_rng_state()
    np.testing.assert_array_equal(losses(run([config], REGRESSION, "sequential")[0]), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_module_that_cannot_be_vectorised_says_why() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(13, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            return y if y.mean() > 0 else -y

    config = Config(model=Branching, epochs=1, batch_size=37)
    assert "torch.func cannot vectorise the module" in str(KERNELS["generic"].refusal(config, REGRESSION))
    assert KERNELS["side-by-side"].refusal(config, REGRESSION) is None


def test_frozen_parameters_stay() -> None:
    def factory() -> nn.Module:
        module = nn.Sequential(nn.Linear(13, 5), nn.ReLU(), nn.Linear(5, 1))
        module[0].requires_grad_(False)
        return module

    configs = vary(Config(model=factory, epochs=2, batch_size=37, lr=0.01), seed=range(2))
    for kernel in ANY_MODULE:
        for config, (outcome, _) in zip(configs, run(configs, REGRESSION, kernel), strict=True):
            start = deepcopy(build_model(config, (13,), 1)).state_dict()
            assert torch.equal(outcome.weights["0.weight"], start["0.weight"])
            assert not torch.equal(outcome.weights["2.weight"], start["2.weight"])
