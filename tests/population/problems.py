"""Small problems, members that differ in everything, and modules of a user's own, shared by the tests here."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from goodfit.config import Config
from goodfit.losses import find_loss
from goodfit.population import KERNELS, EpochRecord, Outcome, Part, Problem, train_population

Result = tuple[Outcome, list[EpochRecord]]


def make_problem(
    rows: int = 203, columns: int | tuple[int, ...] = 13, classes: int = 0, validation: int = 61
) -> Problem:
    random = torch.Generator().manual_seed(5)
    shape = (columns,) if isinstance(columns, int) else columns
    x = torch.randn(rows + validation, *shape, generator=random)
    flat = x.flatten(1)
    y = torch.sin(2 * flat[:, 0]) + flat[:, 1] * flat[:, 2]
    if classes:
        y = (y > 0).long() + (flat[:, 3] > 1).long() * (classes - 2)
    kind = "multiclass" if classes else "regression"
    held_out = Part(x[rows:], y[rows:]) if validation else None
    return Problem(Part(x[:rows], y[:rows]), held_out, classes or 1, find_loss("auto", kind))


REGRESSION, CLASSES, IMAGES = make_problem(), make_problem(classes=3), make_problem(columns=(1, 8, 8), classes=3)
BASE = Config(width=(17, 9), activation="silu", epochs=4, batch_size=37, lr=3e-3, weight_decay=0.01)
# members that differ in everything that may differ on every kernel, one of which explodes
MEMBERS = [
    BASE.replace(seed=0),
    BASE.replace(seed=1, dropout=0.3),
    BASE.replace(seed=2, lr=1e8),
    BASE.replace(seed=0, lr=1e-2, schedule="cosine", warmup_steps=5),
    BASE.replace(seed=3, patience=1, lr=0.3),
    BASE.replace(seed=4, init="orthogonal", beta1=0.5, beta2=0.99, weight_decay=0.3),
    BASE.replace(seed=5, init="kaiming-normal", dropout=0.8, mixup=0.4),
    BASE.replace(seed=6, dropconnect=0.2, label_noise=0.3, epochs=3),
    BASE.replace(seed=7, l1=1e-3, l2=0.02, best_weights=False),
]
# members that differ in what only perceptrons may
PERCEPTRONS = [*MEMBERS, BASE.replace(seed=7, train_rows=101), BASE.replace(seed=8, width=(18, 10), max_steps=9)]


class Tabular(nn.Module):
    """Batch norm, dropout, a skip connection, shared weights (the same layer twice), one output as [B]."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(13)
        self.inner = nn.Sequential(nn.Linear(13, 13, bias=False), nn.BatchNorm1d(13), nn.ReLU(), nn.Dropout(0.5))
        self.twice = nn.Linear(13, 13)
        self.head = nn.Linear(13, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        h = h + self.inner(h)
        return self.head(torch.tanh(self.twice(torch.tanh(self.twice(h))))).squeeze(-1)


class TwoInputs(nn.Module):
    """Several inputs, of which one is an index into an embedding, and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers, self.kinds = nn.Linear(12, 6), nn.Embedding(5, 6)
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(6, 1)
        self.same = nn.Linear(6, 6)
        self.same.weight = self.mix.weight

    def forward(self, numbers: Tensor, kinds: Tensor) -> Tensor:
        h = torch.relu(self.numbers(numbers) + self.kinds(kinds[:, 0].abs().mul(2).long().clamp(max=4)))
        return self.head(torch.tanh(self.same(torch.relu(self.mix(h)))))


def lenet(size: int = 4) -> nn.Module:
    """LeNet with batch norm, for 8 x 8 images."""
    return nn.Sequential(
        nn.Conv2d(1, size, 3, padding=1, bias=False), nn.BatchNorm2d(size), nn.Sigmoid(), nn.MaxPool2d(2),
        nn.Conv2d(size, 2 * size, 3, bias=False), nn.BatchNorm2d(2 * size), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(2 * size, 12), nn.Sigmoid(), nn.Dropout(0.1), nn.Linear(12, 3),
    )  # fmt: skip


def blocks(size: int = 6) -> nn.Module:
    """Two blocks that the compiled loops join; the first convolution is cheap enough to be done twice."""
    return nn.Sequential(
        nn.Conv2d(1, size, 3, padding=1), nn.BatchNorm2d(size), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(size, 2 * size, 3, bias=False), nn.BatchNorm2d(2 * size), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(2 * size, 3),
    )  # fmt: skip


def wide() -> nn.Module:
    """A convolution wide enough for Winograd's algorithm."""
    return nn.Sequential(
        nn.Conv2d(1, 18, 3, padding=1), nn.BatchNorm2d(18), nn.Tanh(), nn.Conv2d(18, 20, 3, padding=1), nn.Tanh(),
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(80, 3),
    )  # fmt: skip


class Written(nn.Module):
    """A chain that is written out in `forward`, with strides, padding and functions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 5, 3, stride=2, padding=1), nn.Conv2d(5, 7, (3, 2), bias=False)
        self.norm, self.head = nn.BatchNorm2d(5), nn.Linear(7, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.norm(self.first(x)))
        h = F.max_pool2d(torch.tanh(self.second(F.avg_pool2d(h, 1))), 2)
        return F.silu(self.head(h.view(h.size(0), -1)))


class Residual(nn.Module):
    """A small pre-activation ResNet."""

    def __init__(self, channels: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1))
            for _ in range(2)
        )
        self.head = nn.Linear(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for block in self.blocks:
            h = h + block(h)
        return self.head(h.mean((2, 3)))


def run(configs: Sequence[Config], problem: Problem, kernel: str = "dense") -> list[Result]:
    """Train and return (outcome, records) of every member."""
    outcomes: dict[int, Outcome] = {}
    records: list[list[EpochRecord]] = [[] for _ in configs]
    for event in train_population(configs, problem, KERNELS[kernel].make):
        if isinstance(event, Outcome):
            outcomes[event.member] = event
        else:
            records[event.member].append(event)
    return [(outcomes[i], records[i]) for i in range(len(configs))]


def losses(result: Result) -> np.ndarray:
    """Return (training, validation) loss of every epoch."""
    return np.array([(r.train_loss, np.nan if r.validation_loss is None else r.validation_loss) for r in result[1]])


def assert_same(a: Result, b: Result) -> None:
    """Two trainings agree to the last bit."""
    assert (a[0].reason, a[0].best_epoch, a[0].epochs) == (b[0].reason, b[0].best_epoch, b[0].epochs)
    assert a[0].weights.keys() == b[0].weights.keys()
    for name, weight in a[0].weights.items():
        assert torch.equal(weight, b[0].weights[name]), name
    np.testing.assert_array_equal(losses(a), losses(b))
