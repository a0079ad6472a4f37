"""DenseNet on Fashion-MNIST: the tutorial's for a part of an epoch, and a small one.

Part 1 is the DenseNet of Dive into Deep Learning, section 8.7 (758,000 weights, 129 million multiply-adds an image), on
images enlarged to 96 x 96: Adam, rate 0.001, 60 batches of 64. Part 2 is DenseNet-BC of growth rate 16 with two layers
in each block (77,000 weights, 26 million multiply-adds), on the images as they are and all 60,000 of them.

    python examples/densenet.py            # both parts in full
    python examples/densenet.py --short    # some steps of each, to see it work
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate

import goodfit as gf
from goodfit.data.builtin import load_builtin

SIDE, BATCH = 96, 64
SMALL = gf.Config(
    model="densenet-bc", width=16, depth=2, optimiser="adamw", lr=5e-3, weight_decay=0.01, schedule="one-cycle",
    batch_size=128, epochs=5, best_weights=False,
)  # fmt: skip


def at_96_pixels(steps: int) -> None:
    """Train the tutorial's network for so many batches and print how its loss falls."""
    raw = load_builtin("fashion-mnist")
    assert raw.images is not None and raw.labels is not None
    rows = np.random.default_rng(0).permutation(60_000)[: steps * BATCH]
    small = torch.from_numpy(raw.images[rows]).float()
    large = interpolate(small, size=(SIDE, SIDE), mode="bilinear").round().byte().numpy()
    task = gf.Task.from_images(large, raw.labels[rows], name="fashion-mnist-96", test=0.0, validation=0.0)
    config = gf.Config(model="densenet", optimiser="adam", lr=1e-3, batch_size=BATCH, epochs=1)
    training = gf.train(config, task)[0]
    parts = np.array_split(training.first_losses, 6)
    falling = ", ".join(f"{part.mean():.3f}" for part in parts)
    print(f"densenet at 1x{SIDE}x{SIDE}: {training.steps} steps of {BATCH}, mean loss of each sixth: {falling}")


def small(config: gf.Config, folder: Path | None) -> None:
    """Train the small network on all training images and print its test accuracy, looked at once."""
    task = gf.load("fashion-mnist", validation=0.0)
    runs = gf.train(config, task, folder=gf.RunFolder.create(folder) if folder else None)
    accuracy = task.score(runs.model().predict(task.raw("test")), "test")
    print(f"densenet-bc at 1x28x28: {runs[0].steps} steps, seed {config.seed}, test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--out", type=Path, help="run folder of the small network; default: keep nothing")
    given = parser.parse_args()
    at_96_pixels(6 if given.short else 60)
    small(SMALL.replace(max_steps=6, train_rows=768) if given.short else SMALL, given.out)
