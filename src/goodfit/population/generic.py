"""The generic kernel: K modules of one make, any that `torch.func` can vectorise, as one program.

The members' parameters and buffers are stacked, [K, ...]; the module's own forward runs once under `vmap`. Batch norm
keeps every member's own running statistics (they are buffers), dropout every member's own mask and rate (key and rate
of `KeyedDropout` are buffers too).
"""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from goodfit.config import Config
from goodfit.errors import GoodfitError
from goodfit.nn.convolution import Convolution
from goodfit.nn.dropout import key_dropouts, keyed_dropouts, step_key
from goodfit.nn.models import STRUCTURE
from goodfit.nn.normalisation import write_out_norms
from goodfit.nn.rate_factors import rate_factors
from goodfit.nn.written_out import WrittenOut
from goodfit.optim.optimisers import Hyper, find_optimiser, hyper_table
from goodfit.optim.penalties import is_penalised, penalised
from goodfit.population.chain import has_gradient_hooks
from goodfit.population.kernel import Batches, Snapshot
from goodfit.population.own_values import own_values
from goodfit.population.problem import Part, Problem
from goodfit.population.samples import Samples, gather
from goodfit.population.sequential import draws_random_numbers, lent, shaped
from goodfit.population.start import first_network

Tensors = dict[str, Tensor]

SHARED = (*STRUCTURE, "optimiser", "precision", "batch_size", "train_rows")
"""Settings in which the members of one population must agree."""


class GenericKernel:
    """K modules that agree in everything but values (see `goodfit.population.kernel.Kernel`)."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._configs, self._problem = list(configs), problem
        modules = [_vectorisable(first_network(config, problem)) for config in configs]
        self._module = deepcopy(modules[0]).to(problem.device)
        self._saved = set(self._module.state_dict())
        for module in modules:
            module.to(problem.device)
        for _, layer, _ in keyed_dropouts(self._module):
            layer.active = any(
                other.active for module in modules for _, other, _ in keyed_dropouts(module)
            )  # one program serves all: whoever drops nothing has rate 0
        parameters, self._buffers = stack_module_state(modules)
        trained = {name for name, p in self._module.named_parameters() if p.requires_grad}
        self._parameters = {name: p.detach() for name, p in parameters.items() if name in trained}
        self._frozen = {name: p.detach() for name, p in parameters.items() if name not in trained}
        self._factors = rate_factors(self._module)
        self._optimiser = find_optimiser(configs[0].optimiser)
        self._slots = {name: self._optimiser.start(p) for name, p in self._parameters.items()}
        self._seat(range(len(configs)))

    def advance(self, batches: Batches) -> np.ndarray:
        self._module.train()
        hypers = {factor: self._hyper(batches, factor) for factor in {1.0, *self._factors.values()}}
        losses = []
        with WrittenOut():
            for step in range(batches.steps):
                self._set_keys(batches.first_step + step)
                losses.append(self._step(gather(batches, step, filled=False), hypers, step))
        return torch.stack(losses, dim=1).double().cpu().numpy()[: len(self._configs)]

    @torch.no_grad()
    def output(self, part: Part, members: Sequence[int]) -> Tensor:
        self._module.eval()

        def one(parameters: Tensors, buffers: Tensors, x: Tensor) -> Tensor:
            return shaped(functional_call(self._module, (parameters, buffers), (x,)), len(x), self._problem.outputs)

        state = self._parameters | self._frozen
        with WrittenOut():
            x = lent(part, self._configs[0])
            return vmap(one, in_dims=(0, 0, None))(state, self._buffers, x)[list(members)]

    def snapshot(self, member: int) -> Snapshot:
        state = self._parameters | self._frozen | self._buffers
        named = {name: state[name][member].cpu().clone() for name in self._saved if name in state}
        return lambda: named

    def keep(self, members: Sequence[int]) -> None:
        self._configs = [self._configs[k] for k in members]
        self._seat(members)

    def _seat(self, members: Sequence[int]) -> None:
        """Select the members' rows of everything; one alone is padded to two (another routine serves one)."""
        seats = list(members) if len(members) > 1 else list(members) * 2
        self._padding = list(range(len(members))) if len(members) > 1 else [0, 0]
        for tensors in (self._parameters, self._frozen, self._buffers):
            for name, value in tensors.items():
                tensors[name] = value[seats]
        self._slots = {name: [slot[seats] for slot in slots] for name, slots in self._slots.items()}
        configs = [self._configs[k] for k in self._padding]
        self._smoothing = own_values(configs, "label_smoothing", device=self._problem.device)
        self._penalties = own_values(configs, "l1", "l2", device=self._problem.device)

    def _set_keys(self, step: int) -> None:
        for name, layer, number in keyed_dropouts(self._module):
            if layer.active:
                keys = [step_key(layer, number, self._configs[k].seed, step) for k in self._padding]
                self._buffers[f"{name}.key"].copy_(torch.tensor(keys))

    def _hyper(self, batches: Batches, factor: float) -> Tensor:
        """Return the members' hyper-parameters of the steps, [K, S, ...], at that multiple of their rates."""
        rates = batches.rates * factor
        tables = [hyper_table(c, r, batches.first_step) for c, r in zip(self._configs, rates, strict=True)]
        return torch.from_numpy(np.stack(tables)).float().to(self._problem.device)[self._padding]

    def _step(self, samples: Samples, hypers: dict[float, Tensor], step: int) -> Tensor:
        mix = samples.opposite is not None
        opposite = samples.opposite if samples.opposite is not None else samples.y
        seats = self._padding if len(samples.x) == 1 else slice(None)
        batch = (samples.x[seats], samples.y[seats], opposite[seats], samples.weight[seats], samples.mix[seats])
        smoothing = None if self._smoothing is None else 0
        gradients, (_, losses) = vmap(
            grad_and_value(self._loss, has_aux=True), in_dims=(0, 0, 0, *[0] * 5, None, smoothing)
        )(self._parameters, self._frozen, self._buffers, *batch, mix, self._smoothing)
        with torch.no_grad():
            for name, p in self._parameters.items():
                own = (-1, *[1] * (p.ndim - 1))
                gradient = gradients[name]
                if self._penalties is not None and is_penalised(p[0]):
                    gradient = penalised(p, gradient, *(value.reshape(own) for value in self._penalties))
                hyper = hypers[self._factors.get(name, 1.0)][:, step]
                values = Hyper(*(h.reshape(own) for h in hyper.unbind(1)))
                self._optimiser.update(p, gradient, self._slots[name], values)
        return losses

    def _loss(
        self, parameters: Tensors, frozen: Tensors, buffers: Tensors, x: Tensor, y: Tensor, opposite: Tensor,
        weight: Tensor, mix: Tensor, mixed: bool, smoothing: Tensor | None,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return what one member minimises on its batch, [B, ...], and the loss that is reported."""
        output = functional_call(self._module, (parameters | frozen, buffers), (x,))
        output = shaped(output, len(x), self._problem.outputs)
        samples = Samples(x, y[None], opposite[None] if mixed else None, weight[None], mix[None])
        loss = samples.losses(output[None], self._problem.row_loss)[0]
        if smoothing is None:
            return loss, loss
        added = samples.smoothing(output[None], smoothing[None])
        assert isinstance(added, Tensor)
        return loss + added[0], loss


def _vectorisable(module: nn.Module) -> nn.Module:
    """Replace layers whose vectorised form would draw from, or round by, what lies beside."""
    return Convolution.replace_in(write_out_norms(key_dropouts(module)))


def refusal(config: Config, problem: Problem) -> str | None:
    """Say why the kernel cannot train a config, or return None: one step of two small members is tried."""
    if config.precision != "float32":
        return f"precision '{config.precision}' is not vectorised"
    module = key_dropouts(first_network(config, problem))
    if draws_random_numbers(module, problem):
        return "the module draws random numbers itself"
    if has_gradient_hooks(module):
        return "the module has hooks on gradients"
    part = problem.train.head(4)
    small = config.replace(batch_size=4, train_rows=None, mixup=0, label_noise=0)
    rows = np.arange(4)[None]
    ones = np.ones((2, 1))
    try:
        # a factory may even make a new class for each module, which cannot be stacked
        kernel = GenericKernel([small, small], Problem(part, None, problem.outputs, problem.row_loss))
        kernel.advance(Batches(part, [rows, rows], 4 * ones.astype(int), ones.astype(np.float32), ones * config.lr, 0))
        kernel.output(part, [0, 1])
    except GoodfitError:
        raise
    except Exception as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:120]
        return f"torch.func cannot vectorise the module ({type(error).__name__}: {said})"
    return None
