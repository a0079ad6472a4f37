"""Initialisers that look at a network's structure: residual branches, first and last layers, growing widths."""

import math
import warnings

import torch
from torch import Tensor, nn

from goodfit.nn.dropout import KeyedDropout
from goodfit.nn.initialisers.distributions import kaiming_normal
from goodfit.nn.initialisers.start import LawOfFans, Start, fill_layers, middle


@torch.no_grad()
def residual_zero(start: Start, base: LawOfFans = kaiming_normal) -> None:
    """base, then 0 for the last layer or norm scale of each residual branch: Var(x + F(x)) = Var(x)"""
    fill_layers(start, base)
    for branch in start.branches():
        last = branch.last()
        if last is not None:
            last.weight.zero_()
            bias = getattr(last, "bias", None)
            if isinstance(bias, Tensor):
                bias.zero_()


@torch.no_grad()
def zero(start: Start) -> None:
    """identity where the width shrinks, Hadamard transform where it grows; at the kernel's centre"""
    for layer in start.layers().values():
        layer.weight.zero_()
        centre = middle(layer.weight)
        centre.copy_(zero_matrix(*centre.shape))
        if layer.bias is not None:
            layer.bias.zero_()


def zero_matrix(rows: int, columns: int) -> Tensor:
    """Return ZerO's matrix [rows, columns] (Zhao et al. 2022, arXiv 2110.12661, algorithm 1).

    The partial identity for rows <= columns, else I(m, p) (H_p / sqrt(p)) I(p, n) with p = 2^ceil(log2 m).
    """
    if rows <= columns:
        return torch.eye(rows, columns)
    size = 2 ** math.ceil(math.log2(rows))
    hadamard = torch.ones(1, 1)
    while len(hadamard) < size:
        hadamard = torch.cat([torch.cat([hadamard, hadamard], 1), torch.cat([hadamard, -hadamard], 1)])
    return hadamard[:rows, :columns] / math.sqrt(size)


@torch.no_grad()
def constnet(start: Start) -> None:
    """1 / n_in at the kernel's centre, 0 for the last layer and the last of each residual branch"""
    if not any(_drops(layer) for layer in start.module.modules()):
        warnings.warn(
            "init 'constnet' makes all features of a layer alike, and without dropout they stay so: set dropout=0.01",
            stacklevel=2,
        )
    layers = start.layers()
    ends = [list(branch.layers().values())[-1] for branch in start.branches() if branch.layers()]
    last = list(layers.values())[-1:]
    for layer in layers.values():
        layer.weight.zero_()
        if not any(layer is end for end in [*ends, *last]):
            middle(layer.weight).fill_(1 / layer.weight.shape[1])
        if layer.bias is not None:
            layer.bias.zero_()


def _drops(layer: nn.Module) -> bool:
    if isinstance(layer, KeyedDropout):
        return layer.active
    return isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0


@torch.no_grad()
def fixup(start: Start) -> None:
    """kaiming-normal, each residual branch x L^(-1/(2m-2)), its last layer and the network's last 0"""
    fill_layers(start, kaiming_normal)
    branches = [branch for branch in start.branches() if branch.layers()]
    for branch in branches:
        *inner, end = branch.layers().values()
        for layer in inner:
            # L branches of m layers each (Zhang et al. 2019, section 4)
            layer.weight.mul_(len(branches) ** (-1 / (2 * len(inner))))
        end.weight.zero_()
    list(start.layers().values())[-1].weight.zero_()
