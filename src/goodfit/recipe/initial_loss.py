"""Step 1: before training, the loss must be that of a network that knows nothing; on zeroed inputs too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.losses import cross_entropy, find_loss
from goodfit.nn.dropout import KeyedDropout
from goodfit.paired import t_interval
from goodfit.population import Problem
from goodfit.population.start import first_network
from goodfit.randomness import numpy_generator
from goodfit.recipe.bare import without_regularisation
from goodfit.task import Task
from goodfit.training.tensors import make_problem
from goodfit.wording import figure

TOLERANCE = 0.25
"""Share of the expected value by which the mean over seeds may differ."""
FARTHEST_SCALE = 30.0
"""How many times more or less than 1 a target's standard deviation may be."""
MOST_ROWS = 1024
"""Training rows, drawn by the seed, that the untrained networks see."""

REFERENCES = {
    "cross-entropy": "log {classes}, a uniform guess over the classes",
    "squared-error": "the variance of the standardised target",
    "absolute-error": "the mean distance of the standardised target from its mean",
    "huber": "the Huber loss of always answering the target's mean",
}
"""What the loss of an output of 0 is, in words."""


@dataclass(frozen=True)
class Expected:
    """What an untrained network should lose.

    Attributes:
        value: the loss of an output of 0 on the training part. words: what that is.
        informed: the entropy of the class frequencies, which a network begins with whose last bias is set to
            their logarithms; None for regression.
        off_centre: the target's mean in units of its standard deviation, as the loss sees it; 0 for classes.
        scale: the target's standard deviation, as the loss sees it; 1 for classes.
    """

    value: float
    words: str
    informed: float | None
    off_centre: float
    scale: float = 1.0


@dataclass(frozen=True)
class Untrained:
    """Losses of one untrained network: on data, on zeroed inputs, with its last bias set to the log frequencies
    (NaN where that cannot be done); and the standard deviation of its outputs. `ends_in` is the softmax or sigmoid that
    the module seems to end in although cross-entropy brings its own; empty where there is none."""

    data: float
    zeroed: float
    informed: float
    spread: float
    ends_in: str = ""


def check_initial_loss(task: Task, config: Config, *, seeds: int = 8) -> dict[str, Any]:
    """Look at untrained networks, regularisation off, and return the evidence with a verdict as JSON values.

    The networks are in training mode (batch norm uses the batch's statistics), their dropout layers are not.
    The check is that of Karpathy, "A Recipe for Training Neural Networks" (2019): "verify loss @ init".
    """
    bare = without_regularisation(config)
    problem = make_problem(task, bare, torch.device("cpu"))
    rows = np.sort(numpy_generator(config.seed, "initial loss").permutation(len(problem.train))[:MOST_ROWS])
    part, [places] = problem.train.fetch([rows])
    x, y = part.x[places], part.y[places]
    frequencies = np.bincount(problem.train.y.numpy(), minlength=problem.outputs) if problem.classes else None
    found = [
        look_at_untrained(first_network(bare.replace(seed=seed), problem), problem, x, y, frequencies)
        for seed in range(config.seed, config.seed + seeds)
    ]
    return judge_initial_loss(expected_loss(config, task), found)


def expected_loss(config: Config, task: Task) -> Expected:
    """Return what an untrained network should lose on a task's training part."""
    y = torch.from_numpy(task.code.encode(task.truth("train")))
    classes = len(task.code.classes)
    value = float(find_loss(config.loss, task.kind)(torch.zeros(len(y), task.code.outputs), y).mean())
    name = config.loss if config.loss != "auto" else "cross-entropy" if classes else "squared-error"
    words = REFERENCES.get(str(name), "the loss of an output of 0").format(classes=classes)
    if not classes:
        spread = float(y.std().clamp(min=1e-12))
        return Expected(value, words, None, float(y.mean()) / spread, spread)
    shares = np.bincount(y.numpy(), minlength=classes) / len(y)
    return Expected(value, words, float(-(shares * np.log(np.maximum(shares, 1e-300))).sum()), 0.0)


@torch.no_grad()
def look_at_untrained(
    module: nn.Module, problem: Problem, x: Tensor, y: Tensor, frequencies: np.ndarray | None
) -> Untrained:
    """Return one network's losses before its first step on rows x [n, ...], y [n]."""
    module.train()
    for layer in module.modules():
        if isinstance(layer, nn.modules.dropout._DropoutNd | KeyedDropout):
            layer.eval()

    def loss(inputs: Tensor) -> tuple[float, Tensor]:
        output = module(inputs).reshape(len(inputs), -1)
        return float(problem.row_loss(output, y).mean()), output

    data, output = loss(x)
    zeroed, _ = loss(torch.zeros_like(x))
    spread, ends_in = float(output.std()), _last_function(output) if problem.row_loss is cross_entropy else ""
    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear) and layer.bias is not None]
    if frequencies is None or not last or last[-1].out_features != len(frequencies):
        return Untrained(data, zeroed, math.nan, spread, ends_in)
    informed = torch.from_numpy(np.log((frequencies + 0.5) / frequencies.sum()))
    last[-1].bias.add_(informed.to(last[-1].bias.dtype))
    return Untrained(data, zeroed, loss(x)[0], spread, ends_in)


def _last_function(logits: Tensor) -> str:
    """Name the function that these outputs [n, C], meant to be logits, seem to have gone through: softmax, sigmoid or none."""
    inside = bool(((logits >= 0) & (logits <= 1)).all())
    if inside and torch.allclose(logits.sum(1), torch.ones(len(logits), dtype=logits.dtype), atol=1e-4):
        return "softmax"
    # one logit z, as the two logits (0, z): see `goodfit.recipe.own.TwoLogits`
    lone = logits.shape[1] == 2 and not logits[:, 0].any()
    return "sigmoid" if inside and lone and bool(((logits[:, 1] > 0) & (logits[:, 1] < 1)).all()) else ""


def judge_initial_loss(expected: Expected, found: Sequence[Untrained]) -> dict[str, Any]:
    """Compare untrained networks with what is expected, and say what a difference means."""
    data, zeroed = [u.data for u in found], [u.zeroed for u in found]
    mean, low, high = t_interval(data)
    ok, meaning = _meaning(expected, mean, float(np.mean(zeroed)), float(np.mean([u.spread for u in found])))
    ends_in = found[0].ends_in
    follows = "" if ok else "The next step tries other initial weights; what comes after is to be read with care."
    if ok and ends_in and all(u.ends_in == ends_in for u in found):
        ok, meaning, follows = False, _twice(ends_in, expected.value), "What comes after is to be read with care."
    text = (
        f"Before training the loss is {_short(mean)} over {len(found)} seeds; expected is {_short(expected.value)} "
        f"({expected.words}). {meaning}"
    )
    informed = float(np.mean([u.informed for u in found]))
    if ok and expected.informed is not None and math.isfinite(informed) and expected.informed < 0.9 * expected.value:
        text += (
            f" With the last bias set to the logarithms of the class frequencies it begins at {informed:.3f} "
            f"(their entropy is {expected.informed:.3f}), which saves the first steps."
        )
    return {
        "ok": ok, "text": text, "changed": {},
        "follows": follows,
        "expected": expected.value, "observed": mean, "interval": [low, high], "per_seed": data,
        "zeroed": zeroed, "entropy": expected.informed,
        "informed": None if math.isnan(informed) else [u.informed for u in found],
    }  # fmt: skip


def _short(loss: float) -> str:
    return figure(loss) if abs(loss) >= 1e4 else f"{loss:.3f}"


def _twice(ends_in: str, blind: float) -> str:
    """Say what becomes of a softmax of a softmax, or a sigmoid of a sigmoid; `blind` is log C."""
    # an output of 1 for the true class and 0 for all others; or of 0 where the class is 0
    lowest = f"{math.log1p((math.exp(blind) - 1) / math.e):.3f}"
    if ends_in == "sigmoid":
        lowest = f"{math.log(2):.3f} for rows of class 0"
    return (
        f"But the outputs are probabilities already, as after a {ends_in}, and the loss takes the {ends_in} of them again: "
        f"it cannot fall below {lowest}, and falls slowly. Leave the {ends_in} out of the module."
    )


def _meaning(expected: Expected, observed: float, zeroed: float, spread: float) -> tuple[bool, str]:
    """Return whether the start is sound, and what it means."""
    room = TOLERANCE * expected.value
    if not (math.isfinite(observed) and math.isfinite(zeroed)):
        return (
            False,
            "It is not finite: the inputs hold values that the network cannot bear, or its weights are far too large.",
        )
    if abs(expected.off_centre) ** 2 > TOLERANCE:
        return False, (
            f"The target is not centred: its mean is {figure(expected.off_centre)} standard deviations from 0, so an "
            "untrained network loses more than the variance. Subtract its mean, or start the last bias with it."
        )
    if not 1 / FARTHEST_SCALE <= expected.scale <= FARTHEST_SCALE:
        return False, (
            f"The target's standard deviation is {figure(expected.scale)}: networks begin with outputs of about 1, and rates are made "
            "for that. Divide the target by it."
        )
    if observed > expected.value + room:
        if zeroed > expected.value + room:
            return False, (
                f"It is too high, on zeroed inputs too ({zeroed:.3f}): the network's own biases, or the coding of the "
                "target, are at fault."
            )
        return False, (
            f"It is too high, and on zeroed inputs it is not ({zeroed:.3f}): the outputs are too large (standard deviation "
            f"{figure(spread)}), so the inputs or the initial weights are badly scaled."
        )
    if observed < expected.value - room:
        informed = expected.informed
        if informed is not None and abs(observed - informed) <= TOLERANCE * informed and zeroed < expected.value - room:
            return True, "That is the entropy of the class frequencies: the last bias knows them already."
        return False, (
            "It is too low: an untrained network cannot know that much, so look for a leak of the target or for weights "
            "that were trained before."
        )
    if abs(zeroed - expected.value) > room:
        return False, f"On zeroed inputs, however, it is {zeroed:.3f}: the network's own biases are not near 0."
    return True, f"On zeroed inputs it is {zeroed:.3f}. Model, loss and target coding fit together."
