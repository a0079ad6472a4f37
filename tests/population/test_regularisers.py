"""Every regulariser equals its definition on every kernel, and disturbs nobody beside it."""

import numpy as np
import pytest
import torch
from problems import BASE, CLASSES, IMAGES, REGRESSION, Residual, assert_same, lenet, losses, make_problem, run
from torch import Tensor, nn
from torch.nn import functional as F

import goodfit as gf
from goodfit.config import Config, vary
from goodfit.losses import cross_entropy, smoothing_term
from goodfit.nn import build_model
from goodfit.nn.dropout import KeyedDropout, step_key
from goodfit.population import KERNELS, Problem
from goodfit.population.compiled.passes import drop_weights
from goodfit.population.samples import Batch
from goodfit.randomness import batch_order, dropout_keys, keep_mask, numpy_generator

ALL = tuple(KERNELS)
SMOOTH = Config(width=(32, 16), activation="tanh", optimiser="sgd", lr=0.02, epochs=10, batch_size=37)
"""A smooth network: near a kink paths part by chance."""
UNHELD = make_problem(classes=3, validation=0)


def plain_loop(
    config: Config, problem: Problem, optimiser: torch.optim.Optimizer | None = None, module: nn.Module | None = None
) -> tuple[list[float], dict[str, Tensor]]:
    """What anybody would write: the penalty through autograd, PyTorch's smoothed loss; losses by epoch, and weights."""
    module = module or build_model(config, problem.input_shape, problem.outputs)
    weights = [p for name, p in module.named_parameters() if p.ndim > 1]
    optimiser = optimiser or torch.optim.SGD(module.parameters(), lr=config.lr, momentum=config.momentum)
    means = []
    for epoch in range(1, config.epochs + 1):
        order = torch.from_numpy(batch_order(config.seed, epoch, len(problem.train)))
        total = 0.0
        for rows in order.split(config.batch_size):
            output, y = module(problem.train.x[rows]), problem.train.y[rows]
            penalty = sum(config.l1 * w.abs().sum() + config.l2 / 2 * w.square().sum() for w in weights)
            loss = F.cross_entropy(output, y, label_smoothing=config.label_smoothing) + penalty
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += F.cross_entropy(output, y).item() * len(rows)
        means.append(total / len(order))
    return means, module.state_dict()


def assert_equals(
    config: Config, problem: Problem, kernel: str, expected: tuple[list[float], dict[str, Tensor]]
) -> None:
    """The member in the middle of three equals a plain loop in its losses, which hold no penalty, and its weights."""
    beside = [
        config.replace(l1=0, l2=0, label_smoothing=0, seed=8),
        config.replace(l1=0.5, label_smoothing=0.5, seed=9),
    ]
    outcome, records = run([beside[0], config, beside[1]], problem, kernel)[1]
    np.testing.assert_allclose([r.train_loss for r in records[1:]], expected[0], rtol=1e-4)
    for name, weight in expected[1].items():
        torch.testing.assert_close(outcome.weights[name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("width", [(32, 16), (70, 60)], ids=["small", "wide"])
@pytest.mark.parametrize(
    "changes",
    [{"l1": 3e-3}, {"l2": 0.1}, {"l1": 2e-3, "l2": 0.05}, {"label_smoothing": 0.2}, {"label_smoothing": 0.1, "l1": 2e-3}],
    ids=str,
)  # fmt: skip
def test_penalties_and_smoothing_equal_autograd(kernel: str, width: tuple[int, ...], changes: dict[str, float]) -> None:
    config = SMOOTH.replace(width=width, **changes)
    assert_equals(config, UNHELD, kernel, plain_loop(config, UNHELD))


class WithoutDropout(nn.Module):
    """LeNet with batch norm: filters are penalised, biases and the scales of norms are not."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = lenet()[:-2].append(nn.Linear(12, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.chain(x)


@pytest.mark.parametrize("kernel", ["resident", "generic", "side-by-side", "sequential"])
@pytest.mark.parametrize("model", [WithoutDropout, Residual])
def test_filters_are_penalised_and_norms_are_not(kernel: str, model: type[nn.Module]) -> None:
    problem = Problem(IMAGES.train, None, IMAGES.outputs, IMAGES.row_loss)
    config = SMOOTH.replace(model=model, l1=3e-3, l2=0.05, label_smoothing=0.1, epochs=5)
    if KERNELS[kernel].refusal(config, problem):
        assert (kernel, model) == ("resident", Residual)
        return
    assert_equals(config, problem, kernel, plain_loop(config, problem))


@pytest.mark.parametrize("kernel", ALL)
def test_decoupled_decay_against_l2(kernel: str) -> None:
    """With one optimiser: `weight_decay` is torch's AdamW, `l2` is torch's Adam with decay of the layers' weights."""
    base = SMOOTH.replace(optimiser="adamw", lr=3e-3, eps=1e-6)
    found = []
    for config in (base.replace(weight_decay=0.5), base.replace(l2=0.5)):
        module = build_model(config, (13,), 3)
        settings = {"lr": config.lr, "eps": config.eps}
        if config.l2:
            layers = {w: [p for p in module.parameters() if (p.ndim > 1) == w] for w in (True, False)}
            groups = [
                {"params": layers[True], "weight_decay": config.l2},
                {"params": layers[False], "weight_decay": 0.0},
            ]
            optimiser: torch.optim.Optimizer = torch.optim.Adam(groups, **settings)
        else:
            optimiser = torch.optim.AdamW(module.parameters(), weight_decay=config.weight_decay, **settings)
        expected = plain_loop(config.replace(l2=0), UNHELD, optimiser, module)
        assert_equals(config, UNHELD, kernel, expected)
        found.append(torch.linalg.vector_norm(expected[1]["layers.1.weight"]).item())
    # Adam divides the penalty's gradient by its own root mean square, so equal factors do not shrink equally
    assert found[1] < 0.5 * found[0]


@pytest.mark.parametrize("kernel", ALL)
def test_smoothing_goes_with_mixup_and_label_noise(kernel: str) -> None:
    """Mixed and noisy labels are smoothed, alike on every kernel."""
    config = BASE.replace(epochs=6, label_smoothing=0.2, mixup=0.4, label_noise=0.2)
    reference = losses(run([config], CLASSES, "sequential")[0])
    assert (
        np.abs(losses(run([config.replace(label_smoothing=0)], CLASSES, "sequential")[0]) / reference - 1).max() > 1e-3
    )
    np.testing.assert_allclose(losses(run([config], CLASSES, kernel)[0]), reference, rtol=1e-4)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.9])
def test_smoothed_loss_equals_pytorch(classes: int, share: float) -> None:
    random = torch.Generator().manual_seed(classes)
    output = (3 * torch.randn(40, classes, generator=random, dtype=torch.float64)).requires_grad_()
    target = torch.randint(classes, (40,), generator=random)
    ours = cross_entropy(output, target) + share * smoothing_term(output, target)
    theirs = F.cross_entropy(output, target, reduction="none", label_smoothing=share)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(v.sum(), output)[0] for v in (ours, theirs)))


def test_smoothed_mixup_equals_pytorch_on_mixed_labels() -> None:
    random = torch.Generator().manual_seed(0)
    output, y, opposite = torch.randn(30, 4, generator=random), torch.arange(30) % 4, torch.arange(30).flip(0) % 4
    batch = Batch(output, y, opposite, 0.3)
    mixed = 0.3 * F.one_hot(y, 4) + 0.7 * F.one_hot(opposite, 4)
    expected = F.cross_entropy(output, mixed, label_smoothing=0.2)
    torch.testing.assert_close(batch.loss(output, cross_entropy) + batch.smoothing(output, 0.2), expected)


@pytest.mark.parametrize("kernel", ALL)
def test_regularised_members_in_any_grouping(kernel: str) -> None:
    members = [
        BASE.replace(seed=0),
        BASE.replace(seed=1, label_smoothing=0.2, l1=1e-3),
        BASE.replace(seed=2, lr=1e8, l2=0.1),
        BASE.replace(seed=3, label_smoothing=0.1, mixup=0.3, dropout=0.2),
        BASE.replace(seed=4, l1=1e-3, l2=0.01, dropconnect=0.2, label_noise=0.2),
    ]
    reference = run(members, CLASSES, kernel)
    assert reference[2][0].reason == "diverged"
    for order in ([0], [1], [3, 0], [4, 2], [3, 4, 1, 0]):
        for i, member in zip(order, run([members[i] for i in order], CLASSES, kernel), strict=True):
            assert_same(member, reference[i])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropconnect_leaves_out_its_share_and_keeps_the_mean(rate: float) -> None:
    """Masks of 300 steps on 80 x 50 weights: Bernoulli(rate) for each weight, independent, mean kept."""
    steps, shape = 300, (80, 50)
    layer = KeyedDropout(rate, purpose="dropconnect").train()
    masks = np.empty((steps, *shape), np.float32)
    for step in range(steps):
        layer.key.fill_(step_key(layer, 0, 3, step))
        masks[step] = layer(torch.ones(shape)).numpy()
    assert set(np.unique(masks)) == {np.float32(0), np.float32(1) / np.float32(1 - rate)}
    left_out = (masks == 0).reshape(steps, -1)
    deviation = np.sqrt(rate * (1 - rate))
    assert abs(left_out.mean() - rate) < 5 * deviation / np.sqrt(left_out.size)
    assert abs(masks.mean() - 1) < 5 * deviation / (1 - rate) / np.sqrt(left_out.size)
    for axis, length in ((0, steps), (1, left_out.shape[1])):
        shares = left_out.mean(axis)
        assert np.abs(shares - rate).max() < 5.5 * deviation / np.sqrt(length)
    correlation = np.corrcoef(left_out[:, :200].T)[np.triu_indices(200, 1)]
    assert abs(correlation.mean()) < 5 / np.sqrt(steps * len(correlation)) and np.abs(correlation).max() < 6 / np.sqrt(
        steps
    )
    compiled = np.zeros(80 * 50, np.float32)
    drop_weights(np.uint64(step_key(layer, 0, 3, 7) % 2**64), rate, np.ones_like(compiled), compiled, 0, compiled.size)
    np.testing.assert_array_equal(compiled.reshape(shape), masks[7])


@pytest.mark.parametrize("kernel", ["resident", "dense", "sequential"])
def test_last_weights_instead_of_the_best(kernel: str) -> None:
    """A rate at which the validation loss soon rises: patience stops both, one keeps its best epoch, one its last."""
    config = BASE.replace(epochs=40, lr=0.03, patience=4)
    best, last = run(vary(config, best_weights=[True, False]), REGRESSION, kernel)
    assert best[0].reason == last[0].reason == "early stopped"
    np.testing.assert_array_equal(losses(best), losses(last))
    assert (best[0].best_epoch, last[0].best_epoch) == (best[0].epochs - 4, best[0].epochs)
    for outcome, records in (best, last):
        assert outcome.validation_loss == records[outcome.best_epoch].validation_loss
    shorter = run([config.replace(epochs=last[0].epochs, patience=None, best_weights=False)], REGRESSION, kernel)[0]
    assert all(torch.equal(w, shorter[0].weights[name]) for name, w in last[0].weights.items())
    assert best[0].validation_loss < last[0].validation_loss


def test_smoothing_needs_classes(house_task: gf.Task) -> None:
    with pytest.raises(gf.GoodfitError, match=r"setting 'label_smoothing' is 0\.1, which is for cross-entropy"):
        gf.train(Config(label_smoothing=0.1), house_task)
    with pytest.raises(gf.GoodfitError, match="setting 'l1' is -1"):
        Config(l1=-1)


def masked_loop(config: Config, problem: Problem) -> dict[str, Tensor]:
    """Dropout, DropConnect and Mixup written out for a perceptron, from the draws alone; returns the weights."""
    weights = {
        n: w.clone().requires_grad_() for n, w in build_model(config, problem.input_shape, 3).state_dict().items()
    }
    optimiser = torch.optim.SGD(weights.values(), lr=config.lr, momentum=config.momentum)
    step, layers = 0, range(len(config.hidden) + 1)

    def scaled_mask(purpose: str, rate: float, layer: int, shape: torch.Size) -> Tensor:
        key = torch.from_numpy(dropout_keys(config.seed, np.array([step]), layer, purpose).view(np.int64))
        elements = torch.arange(shape.numel(), dtype=torch.int32).reshape(1, *shape)
        return keep_mask(key, torch.tensor([rate]), elements)[0] / (1 - rate)

    for epoch in range(1, config.epochs + 1):
        for rows in torch.from_numpy(batch_order(config.seed, epoch, len(problem.train))).split(config.batch_size):
            share = float(numpy_generator(config.seed, "mixup", step).beta(config.mixup, config.mixup))
            x, y = problem.train.x[rows], problem.train.y[rows]
            h = share * x + (1 - share) * x.flip(0)
            for k in layers:
                w = weights[f"layers.{k}.weight"]
                h = F.linear(
                    h, w * scaled_mask("dropconnect", config.dropconnect, k, w.shape), weights[f"layers.{k}.bias"]
                )
                if k < len(config.hidden):
                    h = torch.tanh(h)
                    h = h * scaled_mask("dropout", config.dropout, k, h.shape)
            loss = share * F.cross_entropy(h, y) + (1 - share) * F.cross_entropy(h, y.flip(0))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
    return weights


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("width", [(32, 16), (70, 60)], ids=["small", "wide"])
def test_dropout_dropconnect_and_mixup_equal_their_formulas(kernel: str, width: tuple[int, ...]) -> None:
    config = SMOOTH.replace(width=width, dropout=0.3, dropconnect=0.2, mixup=0.4, epochs=4)
    without = config.replace(dropout=0, dropconnect=0, mixup=0, seed=8)
    outcome, _ = run([without, config, config.replace(dropout=0.6, seed=9)], UNHELD, kernel)[1]
    for name, weight in masked_loop(config, UNHELD).items():
        torch.testing.assert_close(outcome.weights[name], weight.detach(), rtol=1e-3, atol=1e-4)
