"""The reference kernel: one network, plain PyTorch, any module."""

from collections.abc import Sequence

import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.nn.models import build_model, seed_dropout
from goodfit.optim.optimisers import find_optimiser
from goodfit.population.kernel import EVALUATION_ROWS
from goodfit.population.problem import Part, Problem
from goodfit.randomness import key


class SequentialKernel:
    """A population of exactly one (see `goodfit.population.kernel.Kernel`).

    Random draws inside a user's own module come from PyTorch's global generator, which is seeded by
    (seed, step) for the time of the step and put back afterwards.
    """

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        (self._config,) = configs
        self._problem = problem
        self._module = build_model(self._config, problem.input_shape, problem.outputs).to(problem.device)
        parameters = [p for p in self._module.parameters() if p.requires_grad]
        if not parameters:
            raise GoodfitError("the model has no parameters to train: return a module with at least one layer")
        self._optimiser = find_optimiser(self._config.optimiser).torch(parameters, self._config)

    def step(self, rows: Tensor, step: int, rates: Tensor) -> Tensor:
        x, y = self._problem.train.x[rows[0]], self._problem.train.y[rows[0]]
        for group in self._optimiser.param_groups:
            group["lr"] = float(rates[0])
        self._module.train()
        devices = [x.device] if x.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(key(self._config.seed, "step", step) >> 1)
            seed_dropout(self._module, self._config.seed, step)
            loss = self._problem.row_loss(self._shaped(self._module(x), len(x)), y).mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        return loss.detach().reshape(1)

    @torch.no_grad()
    def output(self, part: Part) -> Tensor:
        self._module.eval()
        return torch.cat([self._shaped(self._module(x), len(x)) for x in part.x.split(EVALUATION_ROWS)]).unsqueeze(0)

    def weights(self, member: int) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self._module.state_dict().items()}

    def keep(self, members: Sequence[int]) -> None:
        """Nothing to do: the loop ends when the only member leaves."""

    def _shaped(self, output: Tensor, rows: int) -> Tensor:
        """Accept [B] for one output; name any other mismatch."""
        wanted = (rows, self._problem.outputs)
        if output.shape == (rows,) and self._problem.outputs == 1:
            return output.unsqueeze(-1)
        if tuple(output.shape) != wanted:
            raise GoodfitError(
                f"the model returns shape {tuple(output.shape)}: this task needs [rows, outputs] = {wanted}"
            )
        return output
