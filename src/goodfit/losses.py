"""Losses, one value per row: `loss(output [..., B, n_out], target [..., B]) -> [..., B]`.

Leading axes pass through, so the same formula serves one network and a population.
Adding one is adding one entry to `LOSSES`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.metrics import CLASSIFICATION, TaskKind

RowLoss = Callable[[Tensor, Tensor], Tensor]


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """(y - y')^2."""
    return (output.squeeze(-1) - target).square()


def absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """|y - y'|."""
    return (output.squeeze(-1) - target).abs()


def huber(output: Tensor, target: Tensor) -> Tensor:
    """Half squared below 1, linear above (Huber 1964), in units of the standardised target."""
    distance = (output.squeeze(-1) - target).abs()
    return torch.where(distance < 1, 0.5 * distance.square(), distance - 0.5)


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """-log softmax(output)[target]; target holds class indices (int64)."""
    return -output.log_softmax(-1).gather(-1, target.unsqueeze(-1)).squeeze(-1)


def smoothing_term(output: Tensor, target: Tensor) -> Tensor:
    """What label smoothing adds to the cross-entropy for each unit of it: output[target] - mean(output).

    With the share e of the label spread over C classes (Szegedy et al. 2016, section 7), the loss
    -(1 - e) log p[target] - e/C sum_c log p[c] is cross-entropy + e * this.
    """
    centred = output - output.mean(-1, keepdim=True)
    return centred.gather(-1, target.unsqueeze(-1)).squeeze(-1)


def one_hot_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over the outputs of (y - y')^2 with y = 1 for the row's class and 0 for the others.

    The outputs rank the classes; they are no logits, so probabilities made of them by softmax are too even.
    """
    classes = torch.arange(output.shape[-1], device=output.device)
    return (output - (target.unsqueeze(-1) == classes).to(output.dtype)).square().mean(-1)


LOSSES: dict[str, tuple[RowLoss, tuple[TaskKind, ...]]] = {
    "squared-error": (squared_error, ("regression",)),
    "absolute-error": (absolute_error, ("regression",)),
    "huber": (huber, ("regression",)),
    "cross-entropy": (cross_entropy, CLASSIFICATION),
    "one-hot-squared-error": (one_hot_squared_error, CLASSIFICATION),
}


def find_loss(name: str | RowLoss, kind: TaskKind) -> RowLoss:
    """Return the loss of that name, or one's own; `auto` is squared error for regression, else cross-entropy."""
    if not isinstance(name, str):
        return name
    if name == "auto":
        name = "squared-error" if kind == "regression" else "cross-entropy"
    usable = [known for known, (_, kinds) in LOSSES.items() if kind in kinds]
    if name not in usable:
        raise GoodfitError(
            f"loss '{name}' does not fit a {kind} task{did_you_mean(name, usable)}: choose one of {', '.join(usable)}"
        )
    return LOSSES[name][0]
