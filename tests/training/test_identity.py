"""Functions of one name are told apart by what they are: in a run folder, in memory, and from one process to the next."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import goodfit as gf
from goodfit.identity import identity
from goodfit.losses import cross_entropy

CONFIG = gf.Config(epochs=2, width=8, batch_size=16)
TASK = gf.Task.from_arrays(
    np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32), np.arange(120) % 2, name="small"
)


def network(width: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))


def initialiser(scale: float) -> Callable[..., None]:
    def fill(weight: Tensor, bias: Tensor | None, generator: torch.Generator) -> None:
        nn.init.normal_(weight, 0, scale, generator=generator)

    return fill


def weighted(share: float) -> Callable[..., Tensor]:
    weights = torch.tensor([1.0, share])
    return lambda output, target: weights[target] * cross_entropy(output, target)


VARIANTS = {
    "model": (network(2), network(16)),
    "init": (initialiser(0.01), initialiser(0.5)),
    "loss": (weighted(1.0), weighted(9.0)),
}


@pytest.mark.parametrize("setting", VARIANTS)
def test_functions_of_one_name_are_told_apart(setting: str, tmp_path: Path) -> None:
    configs = gf.vary(CONFIG, seed=range(2), **{setting: VARIANTS[setting]})
    runs = gf.train(configs, TASK)
    assert runs.varied() == [setting] and len(runs.compare()) == 2 and runs.frame()[setting].nunique() == 2
    assert len({config.point() for config in configs}) == 2
    for _ in range(2):
        kept = [gf.train(config, TASK, folder=tmp_path / "run")[0] for config in configs]
        assert [t.validation_loss for t in kept] == [t.validation_loss for t in runs]
        assert [t.id for t in kept] == ["t0001", "t0002", "t0003", "t0004"], "each is trained once"


def test_what_was_defined_anew_is_another(tmp_path: Path) -> None:
    found = []
    for width in (2, 32):
        space: dict[str, Any] = {"nn": nn, "__name__": __name__}
        exec(f"class Own(nn.Linear):\n def __init__(self):\n  super().__init__(4, 2)\n  self.add = {width}", space)
        exec("def own():\n return Own()", space)
        found.append(space["own"])
    config = CONFIG.replace(model=found[0])
    assert len({identity(own) for own in found}) == 2, "the same code names another class"
    assert config.settings()["model"].startswith(f"{__name__}:own ") and config.replace(model=found[1]) != config
    runs = [gf.train(CONFIG.replace(model=own), TASK, folder=tmp_path / "run")[0] for own in found]
    assert [t.id for t in runs] == ["t0001", "t0002"]


def row_loss(output: Tensor, target: Tensor, power: float = 2.0) -> Tensor:
    return (output.squeeze(-1) - target).abs() ** power


class Scaled:
    def __init__(self, scale: object) -> None:
        self.scale = scale

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        return row_loss(output, target)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: x + 1, lambda x: x + 2), (lambda x: x.sin(), lambda x: x.cos()), (lambda x, a=1: x, lambda x, a=2: x),
        (lambda *, a=1: a, lambda *, a=2: a), (lambda x: x in {"a", "b"}, lambda x: x in {"a", "c"}), (Scaled(1), Scaled(2)),
        (Scaled(torch.ones(2)), Scaled(torch.zeros(2))), (Scaled([1, 2]), Scaled((1, 2))), (Scaled(1), Scaled(1.0)),
        (nn.HuberLoss(delta=1.0), nn.HuberLoss(delta=2.0)), (nn.Linear, nn.Bilinear), (network(1), lambda: network(1)),
        (partial(row_loss, power=1.0), partial(row_loss, power=3.0)), (Scaled(row_loss), Scaled(network)),
    ],
)  # fmt: skip
def test_an_identity_tells_what_is_held(one: Any, other: Any) -> None:
    assert identity(one) == identity(one) != identity(other)


def test_what_cannot_be_told_counts_by_its_type() -> None:
    assert identity(Scaled(object())) == identity(Scaled(object())) != identity(Scaled(torch.Generator()))
    itself = Scaled(0)
    itself.scale = itself
    assert identity(itself) == identity(itself)


PROCESS = """
import enum, sys, torch
from torch import nn
import goodfit as gf
from goodfit.identity import identity
from goodfit.recipe.own_loss import read_loss
class Kind(enum.Enum):
    A = "a"
class Net(nn.Module):
    kinds = frozenset({"a", "b", "c"})
    def __init__(self):
        super().__init__()
        self.kind, self.inner = Kind.A, nn.Linear(4, 2)
    def forward(self, x):
        return self.inner(x) if str(self.kind) not in {"x", "y", "z"} else x
def build(width, memo={object(): object, "k": print}):
    return lambda: (Net(), width, memo, {"u", "v", "w"}, Kind)[0]
loss = read_loss(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0])), torch.zeros(8, 2), torch.arange(8) % 2)
import numpy as np
task = gf.Task.from_arrays(np.random.default_rng(0).normal(size=(120, 4)), np.arange(120) % 2)
run = gf.train(gf.Config(model=build(3), loss=loss, epochs=1), task, folder=sys.argv[1], kernel="sequential")
print(identity(build(3)), identity(loss), identity(Net), run[0].id, len(gf.RunFolder.open(sys.argv[1]).store.trainings()))
"""


def test_another_process_finds_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "run")]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert said[0] == said[1] and said[0].split()[-2:] == ["t0001", "1"]
