"""A loss as PyTorch users have it, turned into what the engine trains with."""

from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from goodfit.errors import GoodfitError
from goodfit.losses import LOSSES, RowLoss
from goodfit.training.trial import try_loss

SAME = {nn.MSELoss: "squared-error", nn.L1Loss: "absolute-error"}
"""Losses of PyTorch without settings that equal one of ours."""
NO_CLASS = -100
"""PyTorch's `ignore_index` where no class is ignored."""


def read_loss(loss: Any, output: Tensor, target: Tensor) -> str | RowLoss:
    """Return the name in `LOSSES`, or a function that gives one value for each row.

    Accepted are names; `nn.MSELoss`, `L1Loss`, `SmoothL1Loss`, `HuberLoss`, `CrossEntropyLoss`, `BCEWithLogitsLoss` and
    every other module with a `reduction`, whose mean over the rows is minimised (a row that it ignores counts as 0); and
    functions that give one value for each row.

    Args:
        output, target: a few rows, on which a loss of one's own is tried: [B, n_out], [B].

    Raises:
        GoodfitError: a sum over the batch, or a loss that does not give one value for each row.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise GoodfitError(
                f"loss '{loss}' is unknown: choose one of {', '.join(LOSSES)}, or give a loss of PyTorch"
            )
        return loss
    if isinstance(loss, type):
        raise GoodfitError(f"the loss is the class {loss.__name__}: give an instance, {loss.__name__}()")
    if getattr(loss, "reduction", "mean") == "sum":
        raise GoodfitError(
            "the loss sums over the batch, so that the learning rate would hang on its size: use reduction='mean'"
        )
    plain = _named(loss)
    if plain is not None:
        return plain
    rowwise: Any = loss
    if isinstance(loss, nn.Module) and hasattr(loss, "reduction"):
        rowwise = copy(loss)
        rowwise.reduction = "none"

    def own_loss(output: Tensor, target: Tensor) -> Tensor:
        flat = output.reshape(-1, output.shape[-1])
        flat = flat.squeeze(-1) if target.is_floating_point() else flat
        found: Tensor = rowwise(flat, target.reshape(-1))
        return found.reshape(target.shape)

    name = getattr(rowwise, "__name__", type(rowwise).__name__)
    try_loss(own_loss, name, output, target, "outputs [B, n_out] ([B] for regression) and targets [B]")
    return own_loss


def is_binary_logit(loss: Any) -> bool:
    """Return whether a loss reads one logit for two classes.

    Raises:
        GoodfitError: it reads a probability instead.
    """
    if isinstance(loss, nn.BCELoss):
        raise GoodfitError(
            "BCELoss takes probabilities: leave the sigmoid out of the module and use BCEWithLogitsLoss, which equals the two "
            "together and loses no digits"
        )
    return isinstance(loss, nn.BCEWithLogitsLoss)


def is_log_probability(output: Tensor) -> bool:
    """Return whether outputs [n, C] are logarithms of probabilities, as LogSoftmax gives them."""
    total = output.detach().exp().sum(-1)
    return output.ndim == 2 and output.shape[1] > 1 and torch.allclose(total, torch.ones_like(total), atol=1e-3)


def _named(loss: Any) -> str | None:
    """Return the name of the loss of ours that equals it."""
    if type(loss) in SAME:
        return SAME[type(loss)]
    if type(loss) is nn.SmoothL1Loss and loss.beta == 1:
        return "huber"
    if type(loss) is nn.HuberLoss and loss.delta == 1:
        return "huber"
    if getattr(loss, "ignore_index", NO_CLASS) != NO_CLASS:
        return None
    if type(loss) is nn.CrossEntropyLoss and loss.weight is None and not loss.label_smoothing:
        return "cross-entropy"
    if type(loss) is nn.NLLLoss and loss.weight is None:
        return "cross-entropy"  # of log-probabilities it is the same: log softmax leaves them as they are
    if type(loss) is nn.BCEWithLogitsLoss:
        if loss.weight is not None or loss.pos_weight is not None:
            raise GoodfitError(
                "BCEWithLogitsLoss with weights is not known: use two outputs and CrossEntropyLoss(weight=...)"
            )
        return "cross-entropy"
    return None
