"""Grouping changes nothing: alone or together, in any order, beside a diverging member, after others left."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import (
    BASE,
    CLASSES,
    IMAGES,
    MEMBERS,
    PERCEPTRONS,
    REGRESSION,
    Residual,
    Tabular,
    assert_same,
    blocks,
    lenet,
    make_problem,
    run,
    wide,
)

from goodfit.config import vary
from goodfit.population import KERNELS, Problem

TOGETHER = ("resident", "dense", "generic")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("problem", [REGRESSION, CLASSES], ids=["regression", "classes"])
def test_alone_equals_together(kernel: str, problem: Problem) -> None:
    members = MEMBERS if kernel == "generic" else PERCEPTRONS
    together = run(members, problem, kernel)
    for config, member in zip(members, together, strict=True):
        assert_same(run([config], problem, kernel)[0], member)


@pytest.mark.parametrize("kernel", TOGETHER)
@settings(max_examples=10, deadline=None)
@given(
    order=st.lists(st.integers(0, len(MEMBERS) - 1), min_size=1, max_size=9),
    width=st.sampled_from([(17, 9), (1,), (64,), (33, 5, 8), ()]),
    activation=st.sampled_from(["relu", "tanh", "selu", "mish", "gelu", "sigmoid", "elu", "softplus"]),
    optimiser=st.sampled_from(["adamw", "adam", "sgd", "nesterov", "adagrad", "rmsprop", "adadelta", "lion"]),
)
def test_any_grouping_gives_the_same_bits(
    kernel: str, order: list[int], width: tuple[int, ...], activation: str, optimiser: str
) -> None:
    configs = [m.replace(width=width, activation=activation, optimiser=optimiser, epochs=2) for m in MEMBERS]
    reference = run(configs, CLASSES, kernel)
    for i, member in zip(order, run([configs[i] for i in order], CLASSES, kernel), strict=True):
        assert_same(member, reference[i])


@pytest.mark.parametrize(
    ("kernel", "model", "problem"),
    [
        *itertools.product(("generic", "side-by-side", "sequential"), (Tabular,), (REGRESSION,)),
        *itertools.product(("generic", "side-by-side", "sequential"), (Residual,), (IMAGES,)),
        *itertools.product(("resident", "generic", "side-by-side", "sequential"), (lenet,), (IMAGES,)),
        *itertools.product(("resident",), (blocks, wide), (IMAGES,)),
    ],
)
@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(5)).flatmap(lambda p: st.integers(1, 5).map(lambda n: p[:n])))
def test_own_modules_in_any_grouping(kernel: str, model: object, problem: Problem, order: list[int]) -> None:
    configs = vary(BASE.replace(model=model, epochs=2), seed=range(5))
    configs[2] = configs[2].replace(lr=1e30)
    reference = run(configs, problem, kernel)
    assert reference[2][0].reason == "diverged"
    for i, member in zip(order, run([configs[i] for i in order], problem, kernel), strict=True):
        assert_same(member, reference[i])


NAMED = [
    *itertools.product(("generic", "resident"), [{"model": "mlp", "norm": "batch"}, {"model": "cnn", "depth": 2}]),
    ("generic", {"model": "mlp", "norm": "layer", "activation": "prelu"}),
    ("generic", {"model": "mlp", "norm": "group", "activation": "selu"}),
    ("generic", {"model": "lenet", "norm": "layer"}),
    ("generic", {"model": "cnn", "depth": 1, "norm": "group", "activation": "prelu"}),
    *(("generic", {"model": model}) for model in ("resnet-8", "preact-resnet-8", "densenet-bc")),
]


@pytest.mark.parametrize(("kernel", "settings_"), NAMED, ids=str)
def test_named_models_in_any_grouping(kernel: str, settings_: dict[str, object]) -> None:
    model = str(settings_["model"])
    problem = CLASSES if model == "mlp" else make_problem(rows=70, columns=(1, 16, 16), classes=3, validation=20)
    base = BASE.replace(width=4, epochs=2, activation="tanh", **({"depth": 1} if model == "densenet-bc" else {}))
    configs = vary(base.replace(**settings_), seed=range(5))
    configs[2] = configs[2].replace(lr=1e30)
    configs[3] = configs[3].replace(dropout=0.3)
    reference = run(configs, problem, kernel)
    for order in ([0], [3], [4, 2, 0], [1, 3], [2, 3, 4, 0, 1]):
        for i, member in zip(order, run([configs[i] for i in order], problem, kernel), strict=True):
            assert_same(member, reference[i])


def test_networks_of_one_name_may_differ_in_everything_on_the_resident_kernel() -> None:
    problem = make_problem(rows=70, columns=(1, 16, 16), classes=3, validation=20)
    lenets = vary(BASE.replace(model="lenet", width=4, epochs=2), norm=["batch", "none"], activation=["tanh", "selu"])
    configs = [*lenets, lenets[0].replace(width=3, dropout=0.2), lenets[3].replace(dropout=0.4)]
    for config, member in zip(configs, run(configs, problem, "resident"), strict=True):
        assert_same(run([config], problem, "resident")[0], member)


@pytest.mark.parametrize("kernel", TOGETHER)
def test_a_large_population_with_early_leavers(kernel: str) -> None:
    configs = vary(BASE.replace(epochs=3, patience=1), lr=np.geomspace(1e-4, 1e3, 16).tolist(), seed=range(4))
    together = run(configs, REGRESSION, kernel)
    assert len({outcome.epochs for outcome, _ in together}) > 1
    for i in (0, 17, 35, 63):
        assert_same(run([configs[i]], REGRESSION, kernel)[0], together[i])


def test_a_member_that_explodes_is_reported_and_leaves() -> None:
    results = run(MEMBERS, REGRESSION)
    assert results[2][0].reason == "diverged"
    assert len(results[2][1]) < len(results[0][1])
    assert all(torch.isfinite(w).all() for w in results[2][0].weights.values())
    assert all(np.isfinite(results[i][0].validation_loss) for i in (0, 1, 3, 4, 5, 6, 7))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_cores_changes_nothing(threads: int) -> None:
    before = torch.get_num_threads()
    reference = run(PERCEPTRONS, CLASSES, "resident")
    torch.set_num_threads(threads)
    try:
        for a, b in zip(run(PERCEPTRONS, CLASSES, "resident"), reference, strict=True):
            assert_same(a, b)
    finally:
        torch.set_num_threads(before)
