"""Ideas that goodfit has no setting for, as changes of the columns or as modules of one's own."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor, nn

import goodfit as gf
from goodfit.data.cells import as_numbers
from goodfit.data.columns import Column
from goodfit.data.number_codes import encode_number, fit_number
from goodfit.nn.dropout import KeyedDropout
from goodfit.nn.mlp import MLP
from goodfit.randomness import numpy_generator


def with_columns(task: gf.Task, code: Callable[[np.ndarray, np.ndarray, str], dict[str, np.ndarray]]) -> gf.Task:
    """Return a task whose numbers are coded by `code(values [n], training rows, name) -> columns`; NaN stays NaN."""
    assert isinstance(task.inputs, pd.DataFrame)
    frame, columns, train = {}, [], task.rows("train")
    for column in task.columns or []:
        if column.used and column.kind == "number":
            made = code(as_numbers(task.inputs[column.name]), train, column.name)
            columns += [Column(name=name, kind="number", used=True, reason="", missing=0, distinct=0) for name in made]
            frame |= made
        else:
            columns.append(column)
            frame[column.name] = task.inputs[column.name].to_numpy()
    return replace(task, inputs=pd.DataFrame(frame), columns=columns, _prepared={})


def noisy_quantiles(task: gf.Task) -> gf.Task:
    """Quantiles of training values that were jittered by a thousandth of their spread (Gorishniy et al. 2022)."""

    def code(values: np.ndarray, train: np.ndarray, name: str) -> dict[str, np.ndarray]:
        known = values[train][~np.isnan(values[train])]
        if len(known) == 0:
            return {name: values}
        jitter = numpy_generator(0, "noisy quantiles", name).normal(size=len(known))
        fitted = QuantileTransformer(n_quantiles=max(10, min(1000, len(known) // 30)), output_distribution="normal")
        fitted.fit((known + 1e-3 * known.std() * jitter)[:, None])
        return {name: fitted.transform(values[:, None])[:, 0]}

    return with_columns(task, code)


def periodic(sigma: float, frequencies: int = 16) -> Callable[[gf.Task], gf.Task]:
    """Beside the quantile-coded number z, sin and cos of 2 pi c z with fixed c ~ N(0, sigma^2)."""

    def code(values: np.ndarray, train: np.ndarray, name: str) -> dict[str, np.ndarray]:
        z = encode_number(values, "quantile", fit_number(values[train], "quantile", 2))[:, 0]
        z[np.isnan(values)] = np.nan
        filled = np.where(np.isnan(z), 0.0, z)
        c = numpy_generator(0, "frequencies", name).normal(0, sigma, frequencies)
        waves = {
            f"{name} {f.__name__} {i}": f(2 * np.pi * c[i] * filled)
            for i in range(frequencies)
            for f in (np.sin, np.cos)
        }
        return {name: z} | waves

    return lambda task: with_columns(task, code)


class Scaled(nn.Module):
    """A learned factor for each input in front of a perceptron; `rate_factors` as the two ideas of RealMLP ask.

    Shape:
        input: [B, n_in]. output: [B, n_out].
    """

    def __init__(self, network: MLP, inputs: int, scaling: float, biases: float) -> None:
        super().__init__()
        self.network = network
        self.scale = nn.Parameter(torch.ones(inputs), requires_grad=scaling > 0)
        self.rate_factors = {name: biases for name, p in self.named_parameters() if name.endswith("bias")}
        if scaling > 0:
            self.rate_factors["scale"] = scaling

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x * self.scale)  # type: ignore[no-any-return]


class Embedded(nn.Module):
    """Learned periodic embeddings of numbers in front of a perceptron, as RealMLP's PBLD (arXiv 2407.04491, section 3).

    Each number x becomes (x, W cos(2 pi (c x + b)) + a) with 16 frequencies c ~ N(0, 0.1^2) and 3 outputs; all learn, c
    and b at a tenth of the rate.

    Shape:
        input: [B, n_in]. output: [B, n_out].
    """

    def __init__(self, make: Callable[[int], MLP], inputs: int, numbers: Sequence[int]) -> None:
        super().__init__()
        count, frequencies, outputs = len(numbers), 16, 3
        self.numbers = list(numbers)
        self.c = nn.Parameter(0.1 * torch.randn(count, frequencies))
        self.b = nn.Parameter(torch.rand(count, frequencies) - 0.5)
        bound = 1 / math.sqrt(frequencies)
        self.w = nn.Parameter(bound * (2 * torch.rand(count, frequencies, outputs) - 1))
        self.a = nn.Parameter(bound * (2 * torch.rand(count, outputs) - 1))
        self.network = make(inputs + count * outputs)
        self.rate_factors = {"c": 0.1, "b": 0.1}

    def forward(self, x: Tensor) -> Tensor:
        waves = torch.cos(2 * math.pi * (x[:, self.numbers, None] * self.c + self.b))
        coded = (waves.unsqueeze(-1) * self.w).sum(-2) + self.a
        return self.network(torch.cat([x, coded.flatten(1)], 1))  # type: ignore[no-any-return]


class SharedEnsemble(nn.Module):
    """k perceptrons that share their weights but for factors of inputs and outputs and biases, and heads of their own.

    BatchEnsemble (Wen et al. 2020) with the factors of TabM at the start (arXiv 2410.24210, section 3.3): random signs at
    the first inputs, 1 elsewhere. In training every member sees its share of the batch, so a step costs as much as one
    network's; in evaluation their outputs (for classes: probabilities) are averaged.

    Shape:
        input: [B, n_in]. output: [B, n_out].
    """

    def __init__(self, sizes: Sequence[int], members: int, dropout: float, classes: bool) -> None:
        super().__init__()
        self.members, self.classes = members, classes
        self.weights, self.ins, self.outs, self.biases = (nn.ParameterList() for _ in range(4))
        for number, (n_in, n_out) in enumerate(itertools.pairwise(sizes[:-1])):
            bound = 1 / math.sqrt(n_in)
            signs = torch.randint(0, 2, (members, n_in)) * 2.0 - 1.0
            self.weights.append(bound * (2 * torch.rand(n_in, n_out) - 1))
            self.ins.append(signs if number == 0 else torch.ones(members, n_in))
            self.outs.append(torch.ones(members, n_out))
            self.biases.append(bound * (2 * torch.rand(members, n_out) - 1))
        bound = 1 / math.sqrt(sizes[-2])
        self.heads = nn.Parameter(bound * (2 * torch.rand(members, sizes[-2], sizes[-1]) - 1))
        self.head_biases = nn.Parameter(bound * (2 * torch.rand(members, sizes[-1]) - 1))
        self.dropouts = nn.ModuleList(KeyedDropout(dropout) for _ in self.weights)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return self._of(torch.arange(len(x), device=x.device) % self.members, x)
        outputs = [self._of(torch.full((len(x),), k, device=x.device), x) for k in range(self.members)]
        together = torch.stack(outputs)
        return together.log_softmax(-1).logsumexp(0) if self.classes else together.mean(0)

    def _of(self, member: Tensor, x: Tensor) -> Tensor:
        """Return what the member of each row says of it."""
        h = x
        for w, r, s, b, drop in zip(self.weights, self.ins, self.outs, self.biases, self.dropouts, strict=True):
            h = drop(torch.relu(((h * r[member]) @ w) * s[member] + b[member]))
        return (h.unsqueeze(-1) * self.heads[member]).sum(1) + self.head_biases[member]
