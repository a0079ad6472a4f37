"""The ways to learn the held-back classes: what each trains, with which rate, and how well that does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.model import Member, forward, load_weights
from goodfit.nn.backbones import Backbone
from goodfit.nn.backbones.backbone import blocks
from goodfit.nn.models import make_module
from goodfit.runs import Runs, Training
from goodfit.studies.comparison import TUNING_FIRST_SEED, TUNING_SEEDS, Means
from goodfit.task import Task
from goodfit.transfer import fine_tune, freeze

SCRATCH, FROZEN, TUNED = "from scratch", "frozen, new head", "fine-tuned"
ARCHITECTURE = (
    "model", "width", "depth", "activation", "norm", "skip", "init", "init_scale", "dropout", "dropconnect", "pixels",
)  # fmt: skip
"""Settings that training from scratch shares with the pretraining, and that the others have from the backbone."""
PRETRAINING_ALONE = ("epochs", "train_rows", "max_steps", "lr", "seed")
"""Settings that no way shares with the pretraining; the others hold for all trainings."""
STEPS, EPOCHS = 300, 8
"""Every training takes so many steps at least, and more where the images are so many that these are fewer epochs."""


def steps_for(rows: int, batch_size: int) -> int:
    """Return how long is trained on so many images."""
    return max(STEPS, EPOCHS * -(-rows // batch_size))


@dataclass(frozen=True)
class Way:
    """A way to learn the held-back classes.

    Attributes:
        task: its test part judges. tuning: how many of the test rows, the first ones, choose rates alone.
        steps: None where they follow from the number of images.
    """

    name: str
    task: Task
    config: Config
    tuning: int
    kernel: str = "auto"
    steps: int | None = None

    def at(self, size: int, rate: float, seed: int) -> Config:
        """Return the training on so many images of each class."""
        rows = size * len(self.task.code.classes)
        steps = self.steps or steps_for(rows, self.config.batch_size)
        return self.config.replace(train_rows=rows, lr=rate, seed=seed, epochs=steps, max_steps=steps)

    def train(self, configs: Sequence[Config], stage: str, means: Means) -> Runs:
        """Train on the held-back classes."""
        return means.train(configs, self.task, stage, keep_weights=True, kernel=self.kernel)

    def judged(self, training: Training, part: slice) -> tuple[float, float]:
        """Return accuracy and mean cross-entropy of a training's last weights on some of the test rows."""
        x, truth = self.task.matrix(training.config, "test"), self.task.truth("test")[part]
        module = load_weights(
            make_module(training.config, x.shape[1:], self.task.code.outputs), Member(training.config, training.weights)
        )
        probabilities = self.task.code.decode(forward(module, x[part]))
        of_truth = probabilities[np.arange(len(truth)), truth]
        return float((probabilities.argmax(1) == truth).mean()), float(-np.log(np.maximum(of_truth, 1e-12)).mean())


def ways_to_learn(target: Task, base: Config, backbone: Backbone, means: Means) -> list[Way]:
    """Return the three ways; `base` is the pretraining's config.

    Raises:
        GoodfitError: too few judging images to choose rates on half of them.
    """
    tuning = len(target.rows("test")) // 2
    if tuning < 1:
        raise GoodfitError("fewer than 2 images of the held-back classes judge: give more, or other classes")
    given = {name: getattr(base, name) for name in base.model_fields_set}
    network = {name: value for name, value in given.items() if name in ARCHITECTURE}
    shared = {name: value for name, value in given.items() if name not in (*ARCHITECTURE, *PRETRAINING_ALONE)}
    tuned = fine_tune(target, backbone, len(blocks(backbone.network())), dropout=base.dropout)
    frozen = freeze(target, backbone, means.device)
    return [
        Way(SCRATCH, target, Config(**network, **shared), tuning, steps=base.max_steps),
        Way(FROZEN, frozen, Config(depth=0, **shared), tuning, steps=base.max_steps),
        # not vectorised: under torch.func perceptrons take longer, convolutions ten times as long
        Way(TUNED, target, Config(**tuned, **shared), tuning, "side-by-side", base.max_steps),
    ]


def best_rates(way: Way, sizes: Sequence[int], rates: Sequence[float], means: Means) -> list[float]:
    """Return for every size the rate with the smallest loss on the tuning rows, with seeds that judge nothing."""
    if len(rates) == 1:
        return list(rates) * len(sizes)
    means.on_stage(way.name, f"{len(rates)} learning rates for each number of images")
    seeds = range(TUNING_FIRST_SEED, TUNING_FIRST_SEED + TUNING_SEEDS)
    configs = [way.at(size, rate, seed) for size in sizes for rate in rates for seed in seeds]
    losses = [way.judged(t, slice(way.tuning))[1] for t in way.train(configs, f"{way.name}, rates", means)]
    return [rates[int(row.argmin())] for row in np.reshape(losses, (len(sizes), len(rates), len(seeds))).mean(2)]


def errors_by_size(
    way: Way, sizes: Sequence[int], rates: Sequence[float], seeds: Sequence[range], means: Means
) -> list[np.ndarray]:
    """Return for every size the errors of its seeds on the rows that chose nothing."""
    means.on_stage(way.name, f"{len(sizes)} numbers of images, {sum(map(len, seeds))} trainings")
    configs = [way.at(size, rate, seed) for size, rate, its in zip(sizes, rates, seeds, strict=True) for seed in its]
    found = [1 - way.judged(t, slice(way.tuning, None))[0] for t in way.train(configs, way.name, means)]
    ends = np.cumsum([len(its) for its in seeds])
    return np.split(np.array(found), ends[:-1])
