"""Modules and losses of one's own, tried on a few rows before anything is trained."""

import torch
from torch import Tensor, nn

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.losses import RowLoss
from goodfit.nn.models import make_module

TRIED_ROWS = 8


def try_module(config: Config, x: Tensor) -> Tensor:
    """Return what a config's own module gives for a few rows [B, ...]: [B, n_out] or [B].

    Raises:
        GoodfitError: it cannot be trained: it does not take them, gives something else, is cut off from its weights, or
            shares them with the next module.
    """
    module, other = (make_module(config, x.shape[1:], 1) for _ in range(2))
    _check_weights(module, other)
    with torch.random.fork_rng(devices=[]):
        # twice as many rows in training mode, for batch norm refuses a single one
        if not _output(module.train(), torch.cat([x, x])).requires_grad:
            raise GoodfitError(
                "no gradient reaches the module's weights: its output is cut off from them, by detach(), no_grad(), .data or NumPy"
            )
        return _output(module.eval(), x.clone())


def _check_weights(module: nn.Module, other: nn.Module) -> None:
    trained = [p for p in module.parameters() if p.requires_grad]
    half = next((p.dtype for p in trained if p.dtype in (torch.float16, torch.bfloat16)), None)
    if half:
        raise GoodfitError(
            f"the module's weights are {half}: leave out half() and dtype, for weights are trained in float32 "
            "(precision='bfloat16' computes in less)"
        )
    theirs = {id(p) for p in other.parameters()}
    if any(id(p) in theirs for p in trained):
        raise GoodfitError(
            "the model factory gives the same weights again: make new layers in every call, for every training needs its own"
        )


def _output(module: nn.Module, x: Tensor) -> Tensor:
    shape, rows = tuple(x.shape[1:]), len(x)
    try:
        output = module(x)
    except GoodfitError:
        raise
    except Exception as error:
        raise GoodfitError(f"the module does not take samples of shape {shape} ({_said(error)})") from None
    if not isinstance(output, Tensor) or output.ndim not in (1, 2) or len(output) != rows:
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise GoodfitError(f"the module gives {given} for {rows} samples: it must give [B, n_out] or [B]")
    return output


def try_loss(loss: RowLoss, name: str, output: Tensor, target: Tensor, called: str) -> None:
    """Refuse a loss of one's own that does not give one value for each row, or no gradient.

    Args:
        name: of the loss in messages. called: what it is called with, in words.
        output, target: a few rows, [..., B, n_out], [..., B].
    """
    # a copy of each, and no leaf, for a loss may change in place what it gets
    seen = output.detach().requires_grad_().clone()
    try:
        with torch.random.fork_rng(devices=[]):
            found = loss(seen, target.clone())
        wrong = _no_row_values(found, target)
    except Exception as error:
        wrong = _said(error)
    if wrong:
        raise GoodfitError(
            f"the loss {name} does not give one value for each of {target.shape[-1]} rows ({wrong}): it is called with "
            f"{called}, and must not average over them"
        )
    if not found.requires_grad:
        raise GoodfitError(
            f"the loss {name} gives no gradient: compute it from the outputs without detach(), .item() or NumPy"
        )


def _no_row_values(found: object, target: Tensor) -> str:
    """Say what a loss gave instead of a value for each row; nothing where it gave those."""
    if not isinstance(found, Tensor):
        return f"it gives {type(found).__name__}"
    shapes = tuple(found.shape), tuple(target.shape)
    return "" if shapes[0] == shapes[1] else f"it gives shape {shapes[0]} for targets of shape {shapes[1]}"


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
