"""Any module, in plain PyTorch: one network after another on all cores, or one on each core side by side."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.nn.dropout import key_dropouts, keyed_dropouts, step_key
from goodfit.nn.normalisation import write_out_norms
from goodfit.nn.rate_factors import rate_factors
from goodfit.optim.optimisers import find_optimiser
from goodfit.optim.penalties import is_penalised, penalised
from goodfit.population.kernel import Batches, Snapshot
from goodfit.population.problem import Part, Problem
from goodfit.population.samples import gather_one
from goodfit.population.start import first_network
from goodfit.population.workers import for_each
from goodfit.randomness import key


def refusal_side_by_side(config: Config, problem: Problem) -> str | None:
    """Say why the side-by-side kernel cannot train a config, or return None."""
    module = key_dropouts(first_network(config, problem))
    return "the module draws random numbers itself" if draws_random_numbers(module, problem) else None


_NOTHING = contextlib.nullcontext()


class SequentialKernel:
    """Members one after another, each on all cores (see `goodfit.population.kernel.Kernel`)."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._networks = [Network(config, problem) for config in configs]

    def advance(self, batches: Batches) -> np.ndarray:
        return np.stack([network.advance(batches, k) for k, network in enumerate(self._networks)])

    def output(self, part: Part, members: Sequence[int]) -> Tensor:
        return torch.stack([self._networks[k].output(part) for k in members])

    def snapshot(self, member: int) -> Snapshot:
        return self._networks[member].snapshot()

    def keep(self, members: Sequence[int]) -> None:
        self._networks = [self._networks[k] for k in members]


class SideBySideKernel:
    """Members at the same time, each on a core of its own (see `goodfit.population.kernel.Kernel`).

    Not for modules that draw random numbers themselves: the cores would share one stream.
    """

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._networks = [Network(config, problem) for config in configs]

    def advance(self, batches: Batches) -> np.ndarray:
        def train(k: int) -> np.ndarray:
            return self._networks[k].advance(batches, k)

        return np.stack(for_each(train, range(len(self._networks))))

    def output(self, part: Part, members: Sequence[int]) -> Tensor:
        return torch.stack(for_each(lambda k: self._networks[k].output(part), list(members)))

    def snapshot(self, member: int) -> Snapshot:
        return self._networks[member].snapshot()

    def keep(self, members: Sequence[int]) -> None:
        self._networks = [self._networks[k] for k in members]


class Network:
    """One network with its optimiser.

    PyTorch's dropout layers are replaced by keyed ones. Other draws inside a user's module come from PyTorch's
    global generator, which is seeded by (seed, step) for the time of the step and put back afterwards.
    """

    def __init__(self, config: Config, problem: Problem) -> None:
        self._config, self._problem = config, problem
        module = key_dropouts(first_network(config, problem))
        if config.batch_size == 1:
            # PyTorch's batch norm refuses a batch of one row
            write_out_norms(module)
        self._layout = _memory_format(config, problem)
        self._module = module.to(problem.device).to(memory_format=self._layout)  # type: ignore[call-overload]
        self._parameters, groups = _by_rate(self._module)
        penalty = config.l1 or config.l2
        self._penalised = [p for p in self._parameters if is_penalised(p)] if penalty else []
        self._dropouts = [(layer, number) for _, layer, number in keyed_dropouts(self._module) if layer.active]
        self._optimiser = find_optimiser(config.optimiser).torch(groups, config)
        self._draws = draws_random_numbers(self._module, problem)

    def advance(self, batches: Batches, member: int) -> np.ndarray:
        """Take the steps of one member; return the batch losses [S]."""
        self._module.train()
        losses = [self._step(batches, step, member) for step in range(batches.steps)]
        return torch.stack(losses).double().cpu().numpy()

    @torch.no_grad()
    def output(self, part: Part) -> Tensor:
        """Return the outputs [n, n_out] in evaluation mode."""
        self._module.eval()
        with self._surroundings(-1):
            return self._shaped(self._module(self._laid_out(lent(part, self._config))), len(part)).float()

    def snapshot(self) -> Snapshot:
        """Copy the weights to the CPU."""
        named = {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, value in self._module.state_dict().items()
        }
        return lambda: named

    def _step(self, batches: Batches, step: int, member: int) -> Tensor:
        batch = gather_one(batches, step, member)
        for group in self._optimiser.param_groups:
            group["lr"] = float(batches.rates[member, step]) * group["rate_factor"]
        number = batches.first_step + step
        for layer, place in self._dropouts:
            layer.key.fill_(step_key(layer, place, self._config.seed, number))
        with self._surroundings(number):
            output = self._shaped(self._module(self._laid_out(batch.x)), len(batch.x))
        output = output.float()
        loss = batch.loss(output, self._problem.row_loss)
        for p in self._parameters:  # as zero_grad does, without its bookkeeping: a third of a tiny network's update
            p.grad = None
        minimised = loss + batch.smoothing(output, self._config.label_smoothing)
        minimised.backward()
        for p in self._penalised:
            if p.grad is not None:
                p.grad = penalised(p.detach(), p.grad, self._config.l1, self._config.l2)
        self._optimiser.step()
        return loss.detach()

    def _surroundings(self, step: int) -> contextlib.AbstractContextManager[object]:
        """Return what the forward pass runs in: its own random stream, its precision; mostly nothing."""
        if not self._draws and self._config.precision == "float32":
            return _NOTHING
        return self._own_stream(step)

    @contextlib.contextmanager
    def _own_stream(self, step: int) -> Iterator[None]:
        device = self._problem.device
        low = self._config.precision != "float32"
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else [], enabled=self._draws),
            torch.autocast(device.type, dtype=torch.bfloat16, enabled=low),
        ):
            if self._draws:
                stream = key(self._config.seed, "step", step) >> 1
                torch.default_generator.manual_seed(stream)
                if device.type == "cuda":
                    torch.cuda.manual_seed(stream)
            yield

    def _laid_out(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=self._layout)

    def _shaped(self, output: Tensor, rows: int) -> Tensor:
        return shaped(output, rows, self._problem.outputs)


def lent(part: Part, config: Config) -> Tensor:
    """Return a part's samples as a network gets them: a module of one's own may change its input in place."""
    return part.x if isinstance(config.model, str) else part.x.clone()


def _memory_format(config: Config, problem: Problem) -> torch.memory_format:
    """Return how images lie in memory: on the CPU a convolution takes two thirds of the time with channels last.

    A module of one's own may look at its values as if they lay as they came (`view`), so there they do.
    """
    faster = problem.device.type == "cpu" and len(problem.input_shape) == 3 and isinstance(config.model, str)
    return torch.channels_last if faster else torch.contiguous_format


def _by_rate(module: torch.nn.Module) -> tuple[list[torch.nn.Parameter], list[dict[str, Any]]]:
    """Return the trained parameters, and groups of those that share a factor of the rate."""
    factors = rate_factors(module)
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for name, parameter in trained.items():
        groups.setdefault(factors.get(name, 1.0), []).append(parameter)
    return list(trained.values()), [{"params": ps, "rate_factor": factor} for factor, ps in groups.items()]


def shaped(output: Tensor, rows: int, outputs: int) -> Tensor:
    """Accept [B] for one output; name any other mismatch."""
    wanted = (rows, outputs)
    if output.shape == (rows,) and outputs == 1:
        return output.unsqueeze(-1)
    if tuple(output.shape) != wanted:
        raise GoodfitError(f"the model returns shape {tuple(output.shape)}: this task needs [rows, outputs] = {wanted}")
    return output


class _Listener(torch.utils._python_dispatch.TorchDispatchMode):
    """Hears whether any operation draws random numbers."""

    heard = False

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.heard |= torch.Tag.nondeterministic_seeded in operation.tags
        return operation(*args, **kwargs or {})


def draws_random_numbers(module: torch.nn.Module, problem: Problem) -> bool:
    """Return whether a module draws random numbers of its own in training (beside dropout layers, which are keyed)."""
    state = {name: value.clone() for name, value in module.state_dict().items()}
    module.train()
    x = problem.train.head(2).x
    with torch.no_grad(), torch.random.fork_rng(), _Listener() as listener:
        module(torch.cat([x, x]))
    module.load_state_dict(state)
    return listener.heard
