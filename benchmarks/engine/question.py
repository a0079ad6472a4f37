"""The whole question: which of 8 initialisers is best on Fashion-MNIST, 8 seeds each, 2 epochs? Prints JSON.

Beside goodfit's answer the time of the tutorial's loop for one of these trainings, validation after each epoch
included, of which the question needs 64.
"""

import json
import time

import numpy as np
import torch
from loops import Images
from torch import nn
from torch.utils.data import DataLoader

import goodfit as gf

BATCH, EPOCHS, SEEDS = 100, 2, 8
INITS = (
    "zeros", "ones", "uniform(-0.5, 0.5)", "general-rule", "normal-rule", "xavier-normal", "kaiming-normal", "default",
)  # fmt: skip


def goodfit_seconds(task: gf.Task) -> tuple[float, str]:
    """Return the seconds for all 64 trainings, and the answer in words."""
    config = gf.Config(width=(256, 128), activation="relu", dropout=0.2, optimiser="adam", lr=1e-3, batch_size=BATCH,
                       epochs=EPOCHS, pixels="min-max")  # fmt: skip
    began = time.perf_counter()
    runs = gf.train(gf.vary(config, init=INITS, seed=range(SEEDS)), task)
    answer = runs.compare()[["init", "n", "mean", "low", "high", "verdict"]]
    return time.perf_counter() - began, answer.to_string(index=False, float_format="{:.4f}".format)


def loop_seconds(task: gf.Task) -> float:
    """Return the seconds of one training as the tutorial writes it: a DataLoader that prepares image after image."""
    parts = []
    for part in ("train", "validation"):
        images = np.ascontiguousarray(np.asarray(task.raw(part))[:, 0])
        labels = torch.from_numpy(task.code.encode(task.truth(part)))
        parts.append(DataLoader(Images(images, labels), batch_size=BATCH, shuffle=part == "train"))
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(),
                          nn.Dropout(0.2), nn.Linear(128, 10))  # fmt: skip
    optimiser, loss_of = torch.optim.Adam(model.parameters(), lr=1e-3), nn.CrossEntropyLoss()
    began = time.perf_counter()
    for _ in range(EPOCHS):
        model.train()
        for x, y in parts[0]:
            optimiser.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimiser.step()
            loss.item()
        model.eval()
        with torch.no_grad():
            right = sum(int((model(x).argmax(1) == y).sum()) for x, y in parts[1])
    assert right > 0.7 * len(task.rows("validation"))
    return time.perf_counter() - began


if __name__ == "__main__":
    data = gf.load("fashion-mnist", validation=0.2)
    seconds, words = goodfit_seconds(data)
    print(json.dumps({"goodfit": seconds, "loop": loop_seconds(data), "answer": words}))
