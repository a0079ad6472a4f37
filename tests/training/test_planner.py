"""Which configs train together, on which kernel, in how much memory, and that the reasons are true."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import goodfit as gf
from goodfit.population import KERNELS, Problem, train_population
from goodfit.training import measure, planner
from goodfit.training.planner import group_by_data, plan
from goodfit.training.tensors import make_problem
from goodfit.training.train import explain

WatchMemory = Callable[[str], AbstractContextManager[Any]]
CONFIG = gf.Config(width=16, epochs=4, lr=1e-2, batch_size=32)


@pytest.fixture(scope="module")
def problem(house_task: gf.Task) -> Problem:
    return make_problem(house_task, CONFIG, torch.device("cpu"))


def test_what_sees_the_same_data_is_grouped() -> None:
    configs = gf.vary(CONFIG, width=[8, 16], numeric=["standard", "quantile"], seed=range(2))
    assert group_by_data(configs, is_table=True) == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert group_by_data(gf.vary(CONFIG, bins=[8, 16]), True) == [[0, 1]], "bins matter for piecewise only"


def test_every_config_trains_once_and_the_reason_is_told(house_task: gf.Task) -> None:
    configs = gf.vary(CONFIG, width=[8, 16], numeric=["standard", "quantile"], dropout=[0, 0.1], seed=range(2))
    explained = explain(configs, house_task)
    assert [len(population.positions) for population, _ in explained] == [8, 8]
    assert sorted(k for population, _ in explained for k in population.positions) == list(range(16))
    assert all(p.kernel == "resident" and "a network per core" in p.reason for p, _ in explained)


@pytest.mark.parametrize(
    ("kernel", "settings", "groups"),
    [
        ("resident", {"width": [(8,), (64, 64)], "optimiser": ["adamw", "sgd"], "batch_size": [16, 32]}, 1),
        ("dense", {"width": [(33,), (40,), (64,)], "batch_size": [16, 32]}, 4),
        ("dense", {"optimiser": ["adamw", "sgd"], "activation": ["relu", "tanh"]}, 4),
        ("generic", {"width": [(33,), (40,)], "lr": [0.1, 0.2], "dropout": [0, 0.1]}, 2),
        ("sequential", {"width": [(33,), (40,)], "optimiser": ["adamw", "sgd"]}, 1),
        ("resident", {"norm": ["none", "batch"], "activation": ["relu", "selu"]}, 1),
        ("generic", {"norm": ["none", "batch", "layer"], "activation": ["relu", "prelu"], "lr": [0.1, 0.2]}, 6),
    ],
)
def test_members_share_what_their_kernel_needs(
    problem: Problem, kernel: str, settings: dict[str, list[object]], groups: int
) -> None:
    configs = gf.vary(CONFIG, **settings)
    populations = plan(configs, range(len(configs)), problem, kernel)
    assert len(populations) == groups
    for population in populations:
        # what the planner puts together the kernel must be able to train
        outcomes = [e for e in train_population([configs[k].replace(epochs=1) for k in population.positions], problem,
                                                KERNELS[kernel].make)]  # fmt: skip
        assert outcomes


@pytest.mark.parametrize(
    ("changes", "kernel", "reason"),
    [
        ({"precision": "bfloat16"}, "dense", "not resident: it does not compute in bfloat16"),
        ({"norm": "batch"}, "resident", "a network per core"),
        ({"norm": "layer"}, "generic", "not resident: layer 'norms.0' (LayerNorm) has no compiled form"),
        ({"activation": "prelu"}, "generic", "not resident: layer 'activations.0' (PReLU) has no compiled form"),
        ({"model": lambda: nn.Linear(4, 1)}, "generic", "vectorised by torch.func"),
    ],
)
def test_a_faster_kernel_that_cannot_is_named(
    changes: dict[str, object], kernel: str, reason: str, problem: Problem
) -> None:
    columns = problem.input_shape[0]
    if "model" in changes:
        changes = {"model": lambda: nn.Linear(columns, 1)}
    configs = gf.vary(CONFIG.replace(**changes), seed=range(4))
    [population] = plan(configs, range(4), problem)
    assert population.kernel == kernel and reason in population.reason


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_asked_for_by_name_trains_a_single_network(problem: Problem, kernel: str) -> None:
    [population] = plan([CONFIG], [0], problem, kernel, measure.seconds_per_step)
    assert population.kernel == kernel


def test_a_kernel_that_cannot_is_one_line(problem: Problem) -> None:
    with pytest.raises(gf.GoodfitError, match="kernel 'generic' cannot train this config"):
        plan([CONFIG.replace(precision="bfloat16")], [0], problem, "generic")
    with pytest.raises(gf.GoodfitError, match=r"kernel 'dens' is unknown \(did you mean 'dense'\?\)"):
        plan([CONFIG], [0], problem, "dens")


@pytest.mark.parametrize("kernel", KERNELS)
def test_populations_are_cut_to_fit_in_memory(problem: Problem, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    common = planner.shared_bytes([CONFIG], problem, kernel)
    room = common + 4 * planner.member_bytes(CONFIG, problem, kernel)
    monkeypatch.setattr(planner, "available_memory", lambda device: room / planner.LARGEST_SHARE_OF_MEMORY)
    populations = plan([CONFIG] * 10, range(10), problem, kernel)
    assert [len(p.positions) for p in populations] == [4, 4, 2] and "free memory" in populations[0].reason
    assert all(p.bytes <= room for p in populations)


def test_the_fastest_by_measurement_is_taken(problem: Problem) -> None:
    asked: list[Sequence[str]] = []

    def measured(configs: Sequence[gf.Config], problem: Problem, kernels: Sequence[str]) -> dict[str, float]:
        asked.append(kernels)
        return dict.fromkeys(kernels, 2.0) | {"side-by-side": 1.0}

    columns = problem.input_shape[0]
    configs = gf.vary(CONFIG.replace(model=lambda: nn.Linear(columns, 1), epochs=100), seed=range(8))
    [population] = plan(configs, range(8), problem, "auto", measured)
    assert population.kernel == "side-by-side" and "measured 1e+03 ms a step" in population.reason
    assert asked == [["generic", "side-by-side", "sequential"]]
    plan([c.replace(epochs=1) for c in configs], range(8), problem, "auto", measured)
    assert len(asked) == 1, "little work is not worth a measurement"


def test_a_measurement_is_remembered(problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "cache_folder", lambda: tmp_path / "cache")
    first = measure.seconds_per_step([CONFIG] * 4, problem, ["dense", "sequential"])
    assert all(seconds > 0 for seconds in first.values()) and set(first) == {"dense", "sequential"}
    assert measure.seconds_per_step([CONFIG] * 4, problem, ["dense", "sequential"]) == first
    assert len(json.loads((tmp_path / "cache" / "kernels.json").read_text())) == 2
    (tmp_path / "cache" / "kernels.json").write_text("[1]")
    assert set(measure.seconds_per_step([CONFIG] * 4, problem, ["dense"])) == {"dense"}


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_population_needs_no_more_memory_than_announced(kernel: str, watch_memory: WatchMemory) -> None:
    """Measured on networks large enough to stand out from the interpreter's own needs."""
    from goodfit.losses import find_loss
    from goodfit.population import Part

    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(6000, 200, generator=random), torch.randn(6000, generator=random)
    large = Problem(Part(x[:5000], y[:5000]), Part(x[5000:], y[5000:]), 1, find_loss("auto", "regression"))
    config = gf.Config(width=(700, 700), epochs=1, batch_size=500, dropout=0.1)
    configs = gf.vary(config, seed=range(8))
    for _ in train_population(configs[:2], large, KERNELS[kernel].make):  # libraries set up their own memory first
        pass
    [population] = plan(configs, range(8), large, kernel)
    with watch_memory("VmRSS") as peak:
        outcomes = list(train_population(configs, large, KERNELS[kernel].make))
    assert outcomes
    assert peak.bytes <= population.bytes, f"{peak.bytes / 1e6} of {population.bytes / 1e6} MB"
