"""Loops over one network at a time: as people write them, and tuned; and the tuned one in several processes."""

from collections.abc import Iterator

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset
from works import Run, Work


class Images(Dataset[tuple[Tensor, Tensor]]):
    """Images that are prepared one by one, as a transform does."""

    def __init__(self, images: np.ndarray, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.images[row]).float().div(255).unsqueeze(0), self.labels[row]


def plain(work: Work) -> Run:
    """DataLoader, per-sample transform for images, torch.optim: the loop of most tutorials."""
    data = TensorDataset(work.x, work.y) if work.images is None else Images(work.images, work.y)
    loader = DataLoader(data, batch_size=work.batch, shuffle=True)

    def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        taken = 0
        while True:
            for batch in loader:
                yield batch
                taken += 1
                if taken == steps:
                    return

    def run(steps: int) -> int:
        torch.manual_seed(0)
        model = work.module()
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        total = 0.0
        for x, y in batches(steps):
            optimiser.zero_grad()
            loss = work.loss(model(x), y)
            loss.backward()
            optimiser.step()
            total += loss.item()
        return steps

    return run


def tuned(work: Work) -> Run:
    """The same, with data in memory, one gather for each batch and a fused optimiser."""

    def run(steps: int) -> int:
        _train_tuned(work, steps, 0)
        return steps

    return run


def processes(work: Work) -> Run:
    """The tuned loop in a process per core (joblib)."""
    cores = torch.get_num_threads()

    def run(steps: int) -> int:
        Parallel(n_jobs=cores)(delayed(_on_one_core)(work, steps, seed) for seed in range(cores))
        return cores * steps

    return run


def _on_one_core(work: Work, steps: int, seed: int) -> None:
    torch.set_num_threads(1)
    _train_tuned(work, steps, seed)


def _train_tuned(work: Work, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    model = work.module()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    taken = 0
    while taken < steps:
        for rows in torch.randperm(len(work.x)).split(work.batch)[: steps - taken]:
            loss = work.loss(model(work.x[rows]), work.y[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            taken += 1
