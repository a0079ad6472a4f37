"""Modules and losses of one's own: they leave the data and the random streams alone, and mistakes are one line."""

import functools
import gc
import itertools
import random
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import goodfit as gf
from goodfit.nn.models import make_module
from goodfit.population import KERNELS, Problem
from goodfit.training import planner
from goodfit.training.tensors import make_problem
from goodfit.training.train import explain

CONFIG = gf.Config(epochs=2, width=8, batch_size=16)
X = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
CPU = torch.device("cpu")


def own_task() -> gf.Task:
    return gf.Task.from_arrays(X, (X[:, 0] > 0).astype(int))


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def in_place() -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), *network())


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = network()

    def forward(self, x: Tensor) -> Any:
        return self.layers(x)


class Halving(Own):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.mul_(0.5))


class HalvingACopy(Own):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x * 0.5)


class Shifting(Own):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.add_(self.layers[0].weight.mean()))


class Noisy(Own):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x + 0.1 * torch.randn_like(x))


class Pair(Own):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return self.layers(x), 1


class PairInTraining(Own):
    def forward(self, x: Tensor) -> Any:
        return (self.layers(x), 1) if self.training else self.layers(x)


class CutOff(Own):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).detach()


@pytest.mark.parametrize(
    ("model", "kernel"),
    [
        (in_place, "resident"),
        *itertools.product([in_place, Halving], ["generic", "side-by-side", "sequential", "auto"]),
    ],
)
def test_a_module_that_changes_its_input_leaves_the_data_alone(model: Any, kernel: str) -> None:
    task = own_task()
    before = {part: task.matrix(CONFIG, part).copy() for part in ("train", "validation")}  # type: ignore[arg-type]
    runs = gf.train(gf.vary(CONFIG.replace(model=model), seed=range(2)), task, kernel=kernel)
    runs.predict(task.raw("validation"))
    for part, values in before.items():
        np.testing.assert_array_equal(task.matrix(CONFIG, part), values)  # type: ignore[arg-type]


def test_nobody_notices_a_module_that_changes_its_input() -> None:
    beside = gf.train([CONFIG.replace(model=in_place), CONFIG], own_task())[1]
    alone = gf.train(CONFIG, own_task())[0]
    assert beside.curve.equals(alone.curve)


@pytest.mark.parametrize("kernel", ["generic", "side-by-side", "sequential"])
def test_changing_the_input_is_as_good_as_changing_a_copy(kernel: str) -> None:
    task = own_task()
    changed, copied = (
        gf.train(gf.vary(CONFIG.replace(model=model), seed=range(2)), task, kernel=kernel)
        for model in (Halving, HalvingACopy)
    )
    assert all(a.curve.equals(b.curve) for a, b in zip(changed, copied, strict=True))
    raw = task.raw("validation")
    np.testing.assert_array_equal(changed.predict(raw), copied.predict(raw))


def test_an_input_that_cannot_be_changed_for_all_members_at_once_goes_to_another_kernel() -> None:
    [(population, _)] = explain(gf.vary(CONFIG.replace(model=Shifting), seed=range(2)), own_task())
    assert population.kernel != "generic" and "cannot vectorise" in population.reason


def hooked(hook: Callable[[nn.Sequential], object]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        module = network()
        hook(module)
        return module

    return make


def _no_gradient(p: Tensor) -> None:
    assert p.grad is not None
    p.grad.zero_()


@pytest.mark.parametrize(
    "hook",
    [
        lambda module: module[0].weight.register_hook(lambda g: g * 0),
        lambda module: module[0].weight.register_post_accumulate_grad_hook(_no_gradient),
        lambda module: module[2].register_full_backward_pre_hook(lambda layer, g: (g[0] * 0,)),
        lambda module: module[2].register_full_backward_hook(lambda layer, g_in, g_out: (g_in[0] * 0,)),
    ],
)
def test_hooks_on_gradients_are_called(hook: Callable[[nn.Sequential], object]) -> None:
    task, configs = own_task(), gf.vary(CONFIG.replace(model=hooked(hook)), seed=range(2))
    for training in gf.train(configs, task):
        start = make_module(training.config, (4,), 2).state_dict()
        assert torch.equal(training.weights["0.weight"], start["0.weight"]), "its gradient is 0"
    for kernel in ("resident", "generic"):
        with pytest.raises(gf.GoodfitError, match="hooks on gradients"):
            gf.train(configs, task, kernel=kernel)


def test_threads_that_predict_at_once_share_the_networks() -> None:
    task = own_task()
    runs = gf.train(gf.vary(CONFIG.replace(model=Own), seed=range(8)), task)
    expected, raw = runs.model().predict(task.raw("validation")), task.raw("validation")
    for _ in range(5):
        model = runs.model()
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _, model=model: model.predict(raw), range(8)))
        assert len(model._modules) == 8
        for prediction in found:
            np.testing.assert_array_equal(prediction, expected)


def test_no_data_set_is_kept_alive_by_what_was_asked_about_it() -> None:
    part, columns = make_problem(own_task(), CONFIG, CPU).train.head(50), torch.zeros(4)

    def model(columns: Tensor = columns) -> nn.Module:
        return nn.Linear(len(columns), 2)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return gf.losses.cross_entropy(output, target)

    kept = Problem(part, None, 2, loss)
    planner.plan([CONFIG.replace(model=model)], [0], kept)
    ends = [weakref.ref(thing) for thing in (kept, part, model, loss)]
    del kept, part, model, loss
    gc.collect()
    assert not any(end() for end in ends)


def test_a_kernel_is_asked_once_about_alike_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refusal(config: gf.Config, problem: Problem) -> str | None:
        asked.append(config)
        return None

    entry = KERNELS["resident"]
    monkeypatch.setitem(KERNELS, "resident", type(entry)(entry.make, entry.shared, refusal, entry.words))
    monkeypatch.setattr(planner, "_answers", {})
    for seed in range(3):
        planner.plan([CONFIG.replace(model=Own, seed=seed)], [0], make_problem(own_task(), CONFIG, CPU), "resident")
    assert len(asked) == 1


@pytest.mark.parametrize("model", [Noisy, Own])
def test_training_leaves_the_random_streams_alone(model: type[nn.Module]) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index] # noqa: NPY002
    gf.train(gf.vary(CONFIG.replace(model=model), seed=range(2)), own_task())
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
    np.testing.assert_array_equal(np.random.get_state()[1], before[2])  # type: ignore[index] # noqa: NPY002


def drawn() -> nn.Module:
    module = network()
    with torch.no_grad():
        module[0].bias.fill_(random.random())
        module[2].bias.fill_(np.random.rand())  # noqa: NPY002
    return module


def test_every_generator_is_seeded_for_the_constructor() -> None:
    weights = [make_module(CONFIG.replace(model=drawn, seed=seed), (4,), 2).state_dict() for seed in (0, 0, 1)]
    for name in ("0.bias", "2.bias"):
        assert torch.equal(weights[0][name], weights[1][name]) and not torch.equal(weights[0][name], weights[2][name])


ONE, BODY = network(), nn.Linear(4, 4)


def raises() -> nn.Module:
    raise RuntimeError("no such file")


def averages(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.flatten(0, -2), target.flatten())


def forgets_to_return(output: Tensor, target: Tensor) -> None:
    output.sum()


def keeps_an_axis(output: Tensor, target: Tensor) -> Tensor:
    return output.sum(-1, keepdim=True)


def breaks(output: Tensor, target: Tensor) -> Tensor:
    raise ValueError("bad targets")


def knows_no_population(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output, target, reduction="none")


def cut_off(output: Tensor, target: Tensor) -> Tensor:
    return output.detach().sum(-1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": raises}, r"the model factory raises RuntimeError \(no such file\): it is called without arguments"),
        ({"model": nn.Linear}, "the model factory raises TypeError"),
        ({"model": ONE}, "the module is one network: give a function that makes it"),
        ({"model": lambda: nn.Linear(3, 2)}, r"the module does not take samples of shape \(4,\)"),
        ({"model": Pair}, "the module gives tuple for 16 samples"),
        ({"model": PairInTraining}, "the module gives tuple for 16 samples"),
        ({"model": lambda: nn.Sequential(network(), nn.Unflatten(1, (2, 1)))}, r"gives \(16, 2, 1\) for 16 samples"),
        ({"model": lambda: nn.Linear(4, 3)}, r"the model returns shape \(8, 3\)"),
        ({"model": CutOff}, "no gradient reaches the module's weights"),
        ({"model": lambda: network().half()}, "the module's weights are torch.float16"),
        ({"model": lambda: ONE}, "the model factory gives the same weights again"),
        ({"model": lambda: nn.Sequential(BODY, nn.Linear(4, 2))}, "the model factory gives the same weights again"),
        ({"loss": averages}, r"the loss averages does not give one value for each of 8 rows \(it gives shape \(\)"),
        ({"loss": forgets_to_return}, "it gives NoneType"),
        ({"loss": keeps_an_axis}, r"it gives shape \(8, 1\) for targets of shape \(8,\)"),
        ({"loss": breaks}, "bad targets"),
        ({"loss": knows_no_population}, "with or without axes in front"),
        ({"loss": cut_off}, "the loss cut_off gives no gradient"),
        ({"loss": nn.CrossEntropyLoss()}, "the loss CrossEntropyLoss does not give one value"),
        ({"loss": averages, "model": Own}, "the loss averages does not give one value"),
    ],
)
def test_what_cannot_train_is_one_line_before_anything_trains(settings: dict[str, Any], message: str) -> None:
    heard: list[object] = []
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        gf.train([CONFIG, CONFIG.replace(**settings)], own_task(), on_progress=heard.append)
    assert not heard and "\n" not in str(caught.value)


def test_frozen_layers_may_be_shared() -> None:
    body = nn.Linear(4, 4).requires_grad_(False)
    runs = gf.train(
        gf.vary(CONFIG.replace(model=lambda: nn.Sequential(body, nn.Linear(4, 2))), seed=range(2)), own_task()
    )
    assert len(runs) == 2


class Factory:
    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def __call__(self) -> nn.Module:
        return nn.Linear(4, self.outputs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Factory)


def scaled(output: Tensor, target: Tensor, factor: float) -> Tensor:
    return factor * (output - F.one_hot(target, 2)).square().mean(-1)


class Scaled:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scaled)

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return scaled(output, target, 2.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": functools.partial(nn.Linear, 4, 2)},
        {"model": Factory(2)},
        {"loss": functools.partial(scaled, factor=2.0)},
        {"loss": Scaled()},
    ],
)
def test_objects_that_can_be_called_train(settings: dict[str, Any]) -> None:
    assert len(gf.train(gf.vary(CONFIG.replace(**settings), seed=range(2)), own_task())) == 2


def test_a_loss_that_bears_the_name_of_one_of_ours_is_trained_with() -> None:
    def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
        return 100 + gf.losses.cross_entropy(output, target)

    [training] = gf.train(CONFIG.replace(loss=cross_entropy), own_task())
    assert training.validation_loss > 100 and training.kernel != "resident"
