"""The batched kernel: K multi-layer perceptrons as batched matrix products, in plain PyTorch, on any device.

Parameters are layer-major contiguous blocks, weight [K, n_out, n_in] and bias [K, 1, n_out]. Hidden layers are as
wide as their bucket; a narrower member's surplus units are masked, so that it computes what the true width would.

Two measures make a member's numbers independent of its neighbours, to the last bit (rule 1 of the engine):
every operation used gives an element the same result wherever it lies in its tensor (see
`goodfit.nn.activations`, `goodfit.optim.optimisers`; matrix products need MKL_CBWR, set in
`goodfit/__init__.py`), and one member alone is padded to two, because a batch of one takes another
matrix-product routine than a batch of two.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from goodfit.config import Config
from goodfit.nn.activation_layers import LEARNED_ACTIVATIONS
from goodfit.nn.activations import ACTIVATIONS
from goodfit.nn.dropout import alpha_drop
from goodfit.nn.mlp import MLP
from goodfit.nn.models import settled
from goodfit.optim.optimisers import Hyper, find_optimiser, hyper_table
from goodfit.optim.penalties import penalised
from goodfit.population.kernel import Batches, Snapshot
from goodfit.population.own_values import own_values
from goodfit.population.problem import Part, Problem
from goodfit.population.samples import gather
from goodfit.population.start import first_network
from goodfit.randomness import dropout_keys, keep_mask

SHARED = ("model", "width", "depth", "activation", "optimiser", "precision", "batch_size")
"""Settings in which the members of one population must agree (of the widths, their buckets)."""


def refusal(config: Config, problem: Problem) -> str | None:
    """Say why the kernel cannot train a config, or return None."""
    if config.model != "mlp":
        return "it knows model 'mlp' only"
    own = settled(config)
    if own.norm != "none":
        return f"it does not know {own.norm} normalisation"
    return f"it does not learn activation '{own.activation}'" if own.activation in LEARNED_ACTIVATIONS else None


def bucket(width: int) -> int:
    """Return the width to which a layer is padded: at most a quarter more, and 8, 16, 32, 64, ... as they are."""
    if width <= 8:
        return width
    unit = 2 ** (math.ceil(math.log2(width)) - 3)
    return math.ceil(width / unit) * unit


class DenseKernel:
    """K MLPs that agree in the buckets of their widths, activation and optimiser (see `Kernel`)."""

    def __init__(self, configs: Sequence[Config], problem: Problem) -> None:
        self._configs = list(configs)
        self._problem = problem
        name = settled(configs[0]).activation
        self._activation, self._self_normalising = ACTIVATIONS[name], name == "selu"
        self._optimiser = find_optimiser(configs[0].optimiser)
        self._sizes = [_sizes(config, problem) for config in configs]
        padded = [_sizes(configs[0], problem)[0], *map(bucket, configs[0].hidden), problem.outputs]
        networks = [first_network(config, problem) for config in configs]
        states = [network.state_dict() for network in networks if isinstance(network, MLP)]
        self._names = list(states[0])
        self._blocks = [
            torch.stack([_padded(state[name], padded[i // 2], padded[i // 2 + 1]) for state in states])
            .to(problem.device)
            .requires_grad_()
            for i, name in enumerate(self._names)
        ]
        self._slots = [self._optimiser.start(block.detach()) for block in self._blocks]
        self._seat(range(len(configs)))

    def advance(self, batches: Batches) -> np.ndarray:
        tables = [hyper_table(c, r, batches.first_step) for c, r in zip(self._configs, batches.rates, strict=True)]
        hyper = torch.from_numpy(np.stack(tables)).float().to(self._problem.device)
        losses = [self._step(batches, step, hyper[:, step]) for step in range(batches.steps)]
        return torch.stack(losses, dim=1).double().cpu().numpy()

    @torch.no_grad()
    def output(self, part: Part, members: Sequence[int]) -> Tensor:
        shape = (len(self._padding), -1, -1)
        return self._forward(part.x.flatten(1).expand(shape), None)[list(members)]

    def snapshot(self, member: int) -> Snapshot:
        sizes, named = self._sizes[member], {}
        for i, (name, block) in enumerate(zip(self._names, self._blocks, strict=True)):
            n_in, n_out = sizes[i // 2], sizes[i // 2 + 1]
            value = block[member, :n_out, :n_in] if name.endswith("weight") else block[member, 0, :n_out]
            named[name] = value.detach().cpu().clone()
        return lambda: named

    def keep(self, members: Sequence[int]) -> None:
        self._configs = [self._configs[k] for k in members]
        self._sizes = [self._sizes[k] for k in members]
        self._seat(members)

    def _seat(self, members: Sequence[int]) -> None:
        """Select the members' rows of every block, padding one to two, and gather what differs between them."""
        seats = list(members) if len(members) > 1 else list(members) * 2
        self._blocks = [block.detach()[seats].requires_grad_() for block in self._blocks]
        self._slots = [[slot[seats] for slot in slots] for slots in self._slots]
        self._padding = list(range(len(self._configs))) if len(members) > 1 else [0, 0]
        padded, device = [self._configs[k] for k in self._padding], self._problem.device
        self._smoothing = own_values(self._configs, "label_smoothing", device=device)
        self._penalties = own_values(padded, "l1", "l2", device=device)
        self._masks = [self._mask(layer) for layer in range(len(self._sizes[0]) - 2)]

    def _mask(self, layer: int) -> Tensor | None:
        """Return which units of a hidden layer there are, [K, 1, units]; None where no member has fewer."""
        units = self._blocks[2 * layer].shape[1]
        true = torch.tensor([self._sizes[k][layer + 1] for k in self._padding])
        if bool((true == units).all()):
            return None
        return (torch.arange(units) < true.reshape(-1, 1, 1)).float().to(self._problem.device)

    def _step(self, batches: Batches, step: int, hyper: Tensor) -> Tensor:
        samples = gather(batches, step)
        x = samples.x.flatten(2)
        output = self._forward(x[self._padding] if len(x) == 1 else x, batches.first_step + step)
        losses = samples.losses(output, self._problem.row_loss)
        minimised = losses + samples.smoothing(output, self._smoothing)
        gradients = torch.autograd.grad(minimised.sum(), self._blocks)
        values = Hyper(*hyper[self._padding].reshape(len(self._padding), -1, 1, 1).unbind(1))
        with torch.no_grad():
            for name, block, gradient, slots in zip(self._names, self._blocks, gradients, self._slots, strict=True):
                if self._penalties is not None and name.endswith("weight"):
                    gradient = penalised(block, gradient, *self._penalties.reshape(2, -1, 1, 1))
                self._optimiser.update(block, gradient, slots, values)
        return losses.detach()[: len(self._configs)]

    def _forward(self, x: Tensor, step: int | None) -> Tensor:
        """Return the outputs [K, B, n_out] for inputs [K, B, n_in]; `step` is None in evaluation."""
        h = x
        last = len(self._blocks) // 2 - 1
        for layer in range(last + 1):
            weight, bias = self._blocks[2 * layer], self._blocks[2 * layer + 1]
            if step is not None:
                weight = self._thinned(weight, layer, step)
            h = self._affine(h, weight, bias)
            if layer == last:
                break
            h = self._activation(h)
            if step is not None:
                h = self._dropped(h, layer, step)
            mask = self._masks[layer]
            if mask is not None:
                # last, for alpha-dropout gives units that are not there a value
                h = h * mask
        return h

    def _affine(self, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if self._configs[0].precision == "bfloat16":
            return torch.bmm(h.bfloat16(), weight.bfloat16().transpose(1, 2)).float() + bias
        return torch.baddbmm(bias, h, weight.transpose(1, 2))

    def _dropped(self, h: Tensor, layer: int, step: int) -> Tensor:
        """Apply every member's dropout to a hidden layer; element (row, unit) is number row * width + unit."""
        return self._scaled(h, "dropout", layer, step, [self._sizes[k][layer + 1] for k in self._padding])

    def _thinned(self, weight: Tensor, layer: int, step: int) -> Tensor:
        """Apply every member's DropConnect to a weight; element (output, input) is number output * n_in + input."""
        return self._scaled(weight, "dropconnect", layer, step, [self._sizes[k][layer] for k in self._padding])

    def _scaled(self, values: Tensor, purpose: str, layer: int, step: int, row_lengths: Sequence[int]) -> Tensor:
        """Multiply each element by 0 or 1/(1 - rate) of its member; alpha-dropout for units after SELU."""
        configs = [self._configs[k] for k in self._padding]
        rates = [getattr(config, purpose) for config in configs]
        if not any(rates):
            return values
        device = self._problem.device
        keys = [dropout_keys(config.seed, np.array([step]), layer, purpose).view(np.int64) for config in configs]
        rate = torch.tensor(rates, dtype=torch.float64, device=device)
        rows, columns = (torch.arange(n, dtype=torch.int32, device=device) for n in values.shape[1:])
        length = torch.tensor(row_lengths, dtype=torch.int32, device=device).reshape(-1, 1, 1)
        keep = keep_mask(torch.from_numpy(np.concatenate(keys)).to(device), rate, rows[:, None] * length + columns)
        if self._self_normalising and purpose == "dropout":
            return alpha_drop(values, keep, rate.reshape(-1, 1, 1))
        return values * (keep * (1 / (1 - rate)).float().reshape(-1, 1, 1))


def _sizes(config: Config, problem: Problem) -> list[int]:
    return [math.prod(problem.input_shape), *config.hidden, problem.outputs]


def _padded(value: Tensor, n_in: int, n_out: int) -> Tensor:
    """Return a weight as [n_out, n_in] or a bias as [1, n_out], filled up with zeros."""
    block = torch.zeros(n_out, n_in) if value.ndim == 2 else torch.zeros(1, n_out)
    if value.ndim == 2:
        block[: value.shape[0], : value.shape[1]] = value
    else:
        block[0, : value.shape[0]] = value
    return block
