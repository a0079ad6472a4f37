"""Initialisers that look at training samples: layers are scaled until signals or gradients behave."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from goodfit.errors import GoodfitError
from goodfit.nn.initialisers.distributions import kaiming_normal, orthogonal
from goodfit.nn.initialisers.start import Sample, Start, fill_layers

_LAYER_CALLS = (F.linear, F.conv1d, F.conv2d, F.conv3d)


def lsuv(start: Start, tolerance: float = 0.02, tries: int = 10) -> None:
    """orthogonal, then W / sqrt(Var(output)) layer by layer, until |Var - 1| < tolerance on training samples"""
    if tolerance <= 0 or tries < 1:
        raise GoodfitError(f"lsuv has tolerance {tolerance:g} and {tries} tries: both must be positive")
    fill_layers(start, orthogonal)
    sample = _sample(start)
    was_training = start.module.training
    start.module.eval()  # dropout is not to be measured
    with torch.no_grad(), _UnitVariance([layer.weight for layer in start.layers().values()], tolerance, tries):
        start.module(sample.x)
    start.module.train(was_training)


class _UnitVariance(TorchFunctionMode):
    """Within the block, a layer that is computed is first scaled until its output has variance 1.

    One pass through the network thus treats all layers in the order in which they are computed, each with inputs from
    layers that have been treated; a layer that is used twice is scaled at its first use.
    """

    def __init__(self, weights: Sequence[Tensor], tolerance: float, tries: int) -> None:
        super().__init__()
        self._waiting, self._tolerance, self._tries = list(weights), tolerance, tries

    def __torch_function__(
        self, function: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        output = function(*args, **kwargs)
        if function not in _LAYER_CALLS:
            return output
        weight = args[1] if len(args) > 1 else kwargs["weight"]
        place = next((i for i, waiting in enumerate(self._waiting) if waiting is weight), None)
        if place is None:
            return output
        del self._waiting[place]
        for _ in range(self._tries):
            variance = float(output.double().var(correction=0))
            # an output that is constant or not finite cannot be scaled to 1
            if abs(variance - 1) < self._tolerance or not 0 < variance < math.inf:
                break
            weight.div_(math.sqrt(variance))
            output = function(*args, **kwargs)
        return output


def metainit(start: Start, steps: int = 100, lr: float = 0.02, momentum: float = 0.9) -> None:
    """kaiming-normal, then the layers' norms descend the gradient quotient on training samples"""
    if steps < 0 or lr <= 0 or not 0 <= momentum < 1:
        raise GoodfitError(
            f"metainit has {steps} steps, lr {lr:g} and momentum {momentum:g}: steps must not be negative, lr positive, momentum from 0 to below 1"
        )
    fill_layers(start, kaiming_normal)
    sample, module = _sample(start), start.module
    was_training = module.training
    module.eval()
    weights = [layer.weight for layer in start.layers().values() if layer.weight.requires_grad]
    norms = [float(weight.detach().norm()) for weight in weights]
    speeds, lowest, best = [0.0] * len(weights), math.inf, norms
    for step in range(steps + 1):
        quotient = gradient_quotient(module, sample)
        if float(quotient.detach()) < lowest:
            lowest, best = float(quotient.detach()), norms
        # signs move norms by whole steps: these shrink to 0, and the best norms seen are taken in the end
        rate = lr * (1 - step / max(steps, 1))
        gradients = torch.autograd.grad(quotient, weights, materialize_grads=True)
        slopes = [float((weight.detach() * g).sum()) for weight, g in zip(weights, gradients, strict=True)]
        signs = [(slope > 0) - (slope < 0) for slope in slopes]
        speeds = [momentum * speed - rate * sign for speed, sign in zip(speeds, signs, strict=True)]
        norms = [max(norm + speed, 0.01 * norm) for norm, speed in zip(norms, speeds, strict=True)]
        _set_norms(weights, norms)
    _set_norms(weights, best)
    module.train(was_training)


@torch.no_grad()
def _set_norms(weights: Sequence[Tensor], norms: Sequence[float]) -> None:
    for weight, norm in zip(weights, norms, strict=True):
        now = float(weight.norm())
        if now > 0:
            weight.mul_(norm / now)


def gradient_quotient(module: torch.nn.Module, sample: Sample, eps: float = 1e-5) -> Tensor:
    """Return how much one gradient step changes the gradient: mean |H g / g| (Dauphin & Schoenholz 2019, equation 2)."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    output = module(sample.x)
    output = output.unsqueeze(-1) if output.ndim == 1 else output
    loss = sample.row_loss(output, sample.y).mean()
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
    half_square = torch.stack([g.square().sum() for g in gradients]).sum() / 2
    products = torch.autograd.grad(half_square, parameters, create_graph=True, materialize_grads=True)
    signs = [torch.where(g.detach() >= 0, 1.0, -1.0) for g in gradients]
    quotients = [
        ((g - product) / (g + eps * sign) - 1).abs().sum()
        for g, product, sign in zip(gradients, products, signs, strict=True)
    ]
    return torch.stack(quotients).sum() / sum(p.numel() for p in parameters)


def _sample(start: Start) -> Sample:
    assert start.sample is not None  # `goodfit.nn.initialisers.initialise` sees to it
    return start.sample
