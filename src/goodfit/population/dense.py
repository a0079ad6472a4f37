"""The batched kernel: K multi-layer perceptrons of one shape as batched matrix products.

Parameters are layer-major contiguous blocks, weight [K, n_out, n_in] and bias [K, 1, n_out].

Two measures make a member's numbers independent of its neighbours, to the last bit (rule 1 of the engine):
every operation used gives an element the same result wherever it lies in its tensor (see
`goodfit.nn.activations`, `goodfit.optim.optimisers`; matrix products need MKL_CBWR, set in
`goodfit/__init__.py`), and one member alone is padded to two, because a batch of one takes another
matrix-product routine than a batch of two.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.nn.activations import ACTIVATIONS
from goodfit.nn.mlp import MLP
from goodfit.nn.models import build_model
from goodfit.optim.optimisers import Hyper, find_optimiser
from goodfit.population.kernel import EVALUATION_ROWS
from goodfit.population.problem import Part, Problem
from goodfit.randomness import dropout_keys, keep_mask


class DenseKernel:
    """K MLPs that agree in widths, activation and optimiser (see `goodfit.population.kernel.Kernel`)."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._configs = list(configs)
        self._problem = problem
        self._activation = ACTIVATIONS[configs[0].activation]
        self._optimiser = find_optimiser(configs[0].optimiser)
        networks = [build_model(config, problem.input_shape, problem.outputs) for config in configs]
        states = [network.state_dict() for network in networks if isinstance(network, MLP)]
        self._names = list(states[0])
        self._blocks = [
            torch.stack([state[name] if state[name].ndim == 2 else state[name].unsqueeze(0) for state in states])
            .to(problem.device)
            .requires_grad_()
            for name in self._names
        ]
        self._state = [self._optimiser.start(block.detach()) for block in self._blocks]
        self._seat(range(len(configs)))

    def step(self, rows: Tensor, step: int, rates: Tensor) -> Tensor:
        rows = rows[self._padding]
        x = self._problem.train.x[rows].flatten(2)
        output = self._forward(x, step)
        losses = self._problem.row_loss(output, self._problem.train.y[rows]).mean(1)
        gradients = torch.autograd.grad(losses.sum(), self._blocks)
        hyper = self._hyper(step + 1, rates)
        with torch.no_grad():
            for block, gradient, state in zip(self._blocks, gradients, self._state, strict=True):
                self._optimiser.update(block, gradient, state, hyper)
        return losses.detach()[: len(self._configs)]

    @torch.no_grad()
    def output(self, part: Part) -> Tensor:
        shape = (len(self._padding), -1, -1)
        chunks = [self._forward(x.flatten(1).expand(shape), None) for x in part.x.split(EVALUATION_ROWS)]
        return torch.cat(chunks, dim=1)[: len(self._configs)]

    def weights(self, member: int) -> dict[str, Tensor]:
        named = zip(self._names, self._blocks, strict=True)
        return {
            name: (block[member] if name.endswith("weight") else block[member, 0]).detach().cpu().clone()
            for name, block in named
        }

    def keep(self, members: Sequence[int]) -> None:
        self._configs = [self._configs[k] for k in members]
        self._seat(members)

    def _seat(self, members: Sequence[int]) -> None:
        """Select the members' rows of every block, padding one to two, and gather their hyper-parameters."""
        seats = list(members) if len(members) > 1 else list(members) * 2
        self._blocks = [block.detach()[seats].requires_grad_() for block in self._blocks]
        self._state = [{slot: value[seats] for slot, value in state.items()} for state in self._state]
        padded = self._configs if len(self._configs) > 1 else self._configs * 2
        self._padding = torch.tensor(range(len(self._configs)) if len(members) > 1 else (0, 0))
        self._values = {
            name: np.array([getattr(config, name) for config in padded], dtype=np.float64)
            for name in ("weight_decay", "momentum", "beta1", "beta2", "eps")
        }
        self._dropout = torch.tensor(
            [config.dropout for config in padded], dtype=torch.float64, device=self._problem.device
        )
        self._seeds = [config.seed for config in padded]

    def _forward(self, x: Tensor, step: int | None) -> Tensor:
        """Return the outputs [K, B, n_out] for inputs [K, B, n_in]; `step` is None in evaluation."""
        h = x
        last = len(self._blocks) // 2 - 1
        for layer in range(last + 1):
            weight, bias = self._blocks[2 * layer], self._blocks[2 * layer + 1]
            h = torch.baddbmm(bias, h, weight.transpose(1, 2))
            if layer == last:
                break
            h = self._activation(h)
            if step is not None and bool(self._dropout.any()):
                h = h * self._dropout_scale(step, layer, tuple(h.shape[1:]))
        return h

    def _dropout_scale(self, step: int, layer: int, shape: tuple[int, ...]) -> Tensor:
        """Return what each unit is multiplied by: 0 or 1/(1 - rate) of its member."""
        keys = dropout_keys(self._seeds, step, layer).to(self._problem.device)
        scale = (1 / (1 - self._dropout)).float().reshape(-1, 1, 1)
        return keep_mask(keys, self._dropout, shape) * scale

    def _hyper(self, t: int, rates: Tensor) -> Hyper:
        beta1, beta2 = self._values["beta1"], self._values["beta2"]
        values = {
            **self._values,
            "lr": rates.numpy()[self._padding.numpy()],
            "rest1": 1 - beta1,
            "rest2": 1 - beta2,
            "bias1": 1 - beta1**t,
            "bias2": 1 - beta2**t,
        }
        return Hyper(**{name: self._per_member(value) for name, value in values.items()})

    def _per_member(self, value: np.ndarray) -> Tensor:
        return torch.from_numpy(value).float().reshape(-1, 1, 1).to(self._problem.device)
