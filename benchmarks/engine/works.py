"""What is trained in the measurements: data, network, batch size, number of networks."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

import goodfit as gf
from goodfit.losses import RowLoss, find_loss


@dataclass(frozen=True)
class Work:
    """One kind of network on one set of data.

    Attributes:
        sizes: units of a perceptron's layers, inputs and outputs included; empty for LeNet.
        images: unprepared images uint8 [n, 28, 28], which the plain loop prepares one by one.
    """

    name: str
    sizes: tuple[int, ...]
    activation: str
    dropout: float
    batch: int
    members: int
    x: Tensor
    y: Tensor
    images: np.ndarray | None = None

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        return 0 if self.y.is_floating_point() else 10

    @property
    def row_loss(self) -> RowLoss:
        """The loss of every row."""
        return find_loss("auto", "multiclass" if self.classes else "regression")

    def module(self) -> nn.Module:
        """Return the network in plain PyTorch."""
        if not self.sizes:
            return lenet()
        layers: list[nn.Module] = [nn.Flatten()] if self.x.ndim > 2 else []
        for n_in, n_out in zip(self.sizes, self.sizes[1:-1], strict=False):
            layers += [nn.Linear(n_in, n_out), nn.Tanh() if self.activation == "tanh" else nn.ReLU()]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
        return nn.Sequential(*layers, nn.Linear(self.sizes[-2], self.sizes[-1]))

    def loss(self, output: Tensor, y: Tensor) -> Tensor:
        """Mean loss of a batch, as anybody writes it."""
        if self.classes:
            return nn.functional.cross_entropy(output, y)
        return nn.functional.mse_loss(output[..., 0], y)

    def flops(self) -> float:
        """Floating-point operations of one step: products only, forward, and backward without the first input's."""
        if self.sizes:
            layers = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        else:
            layers = [6 * 25 * 576, 16 * 150 * 64, 256 * 120, 120 * 84, 84 * 10]
        return 2.0 * self.batch * (3 * sum(layers) - layers[0])


def lenet() -> nn.Module:
    """LeNet-5 with batch norm (the tutorial's)."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip


NAMES = (
    "2-4-3-1, batch 128", "8-256-256-256-1, batch 128", "784-256-128-10, dropout 0.2, batch 100",
    "LeNet with batch norm, batch 256",
)  # fmt: skip


def find_work(number: int) -> Work:
    """Return one work of the table, on real data where they are here."""
    name = NAMES[number]
    if number < 2:
        houses, prices = _houses()
        if number == 0:
            return Work(name, (2, 4, 3, 1), "tanh", 0.0, 128, 64, houses[:, :2].contiguous(), prices)
        return Work(name, (8, 256, 256, 256, 1), "relu", 0.0, 128, 16, houses, prices)
    images, labels = _fashion()
    x = torch.from_numpy(images).float().div(255).unsqueeze(1)
    if number == 2:
        return Work(name, (784, 256, 128, 10), "relu", 0.2, 100, 16, x, labels, images)
    return Work(name, (), "sigmoid", 0.0, 256, 8, x, labels, images)


def _houses() -> tuple[Tensor, Tensor]:
    try:
        task = gf.load("california-housing", validation=0)
        config = gf.Config(numeric="standard")
        return torch.from_numpy(task.matrix(config, "train")), torch.from_numpy(task.code.encode(task.truth("train")))
    except gf.GoodfitError as error:
        warnings.warn(f"{error}; random numbers instead", stacklevel=2)
        random = torch.Generator().manual_seed(0)
        x = torch.randn(16512, 8, generator=random)
        return x, torch.sin(x[:, 0]) + x[:, 1]


def _fashion() -> tuple[np.ndarray, Tensor]:
    try:
        task = gf.load("fashion-mnist")
        raw, labels = task.raw("train"), torch.from_numpy(task.code.encode(task.truth("train")))
        return np.ascontiguousarray(np.asarray(raw)[:, 0]), labels
    except gf.GoodfitError as error:
        warnings.warn(f"{error}; random numbers instead", stacklevel=2)
        random = np.random.default_rng(0)
        return random.integers(0, 256, (48000, 28, 28), dtype=np.uint8), torch.from_numpy(random.integers(0, 10, 48000))


Run = Callable[[int], int]
"""Take about so many steps with every network; return the network-steps that were taken."""
