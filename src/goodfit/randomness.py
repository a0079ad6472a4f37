"""Every random draw is keyed by (seed, purpose, where), never by what was drawn before it.

A training therefore gives the same numbers alone, in a population of 500 and after a resume:
nothing it draws depends on who else draws (rule 1 of the engine, see docs/design.md).

Three forms of the same idea:

- `numpy_generator` and `torch_generator`: a fresh generator for one purpose (batch order, initial weights);
- `uniform_bits`: a counter-based hash, element by element, for draws inside a network (dropout).
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

BITS = 31
"""`uniform_bits` returns integers in [0, 2**31)."""

_INT32_SIGN = 1 << 31


def key(seed: int, purpose: str, *where: int | str) -> int:
    """Return a 64-bit key for one draw; the same on every machine and Python version."""
    text = "\x1f".join([str(int(seed)), purpose, *map(str, where)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def numpy_generator(seed: int, purpose: str, *where: int | str) -> np.random.Generator:
    """Return a NumPy generator for one purpose."""
    return np.random.Generator(np.random.Philox(key(seed, purpose, *where)))


def torch_generator(seed: int, purpose: str, *where: int | str) -> torch.Generator:
    """Return a PyTorch CPU generator for one purpose."""
    return torch.Generator().manual_seed(key(seed, purpose, *where) >> 1)


def batch_order(seed: int, epoch: int, rows: int) -> Tensor:
    """Return the order in which epoch `epoch` visits the training rows: int64 [rows]."""
    return torch.from_numpy(numpy_generator(seed, "batch order", epoch).permutation(rows))


def dropout_keys(seeds: Sequence[int], step: int, layer: int) -> Tensor:
    """Return one key per member for one dropout layer in one step: int64 [K].

    The step enters by a round of splitmix64 (Steele et al. 2014), because a cryptographic hash for every
    member, layer and step would cost more than a small network's step.
    """
    base = np.array([_layer_key(seed, layer) for seed in seeds], dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = base + np.uint64(step) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return torch.from_numpy((z ^ (z >> np.uint64(31))).view(np.int64))


@lru_cache(maxsize=65536)
def _layer_key(seed: int, layer: int) -> int:
    return key(seed, "dropout", layer)


def uniform_bits(keys: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Hash (key, element) to uniform integers in [0, 2**31).

    Shape:
        keys: int64 [K], one key for each member.
        returns: int32 [K, *shape]; row k depends on keys[k] and the element's index alone.

    Two rounds of a 32-bit multiply-xorshift mixer (constants by C. Wellons, "hash-prospector",
    bias 0.107): the key's lower half enters before the first round, the upper half between the two,
    so that keys whose lower halves lie close together do not give shifted copies of one sequence.
    """
    count = int(np.prod(shape)) if shape else 1
    low, high = _as_int32(keys & 0xFFFFFFFF), _as_int32((keys >> 32) & 0xFFFFFFFF)
    x = torch.arange(count, dtype=torch.int32, device=keys.device) * _wrap(0x9E3779B1)
    x = x.unsqueeze(0) + low.unsqueeze(1)
    x ^= _shift_right(x, 16)
    x *= _wrap(0x7FEB352D)
    x ^= high.unsqueeze(1)
    x ^= _shift_right(x, 15)
    x *= _wrap(0x846CA68B)
    x ^= _shift_right(x, 16)
    return (x & 0x7FFFFFFF).reshape(-1, *shape)


def keep_mask(keys: Tensor, rate: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return which elements dropout keeps, each with probability 1 - rate of its member.

    Shape:
        keys: int64 [K]. rate: [K]. returns: bool [K, *shape].
    """
    threshold = (rate.double() * 2**BITS).round().clamp(max=2**BITS - 1).to(torch.int32)
    return uniform_bits(keys, shape) >= threshold.reshape(-1, *[1] * len(shape))


def _shift_right(x: Tensor, by: int) -> Tensor:
    """Shift int32 right and fill with zeros (PyTorch's `>>` on int32 repeats the sign bit)."""
    return (x >> by) & ((1 << (32 - by)) - 1)


def _wrap(value: int) -> int:
    return value - (1 << 32) if value >= _INT32_SIGN else value


def _as_int32(value: Tensor) -> Tensor:
    return torch.where(value >= _INT32_SIGN, value - (1 << 32), value).to(torch.int32)
