"""Every random draw is keyed by (seed, purpose, where), never by what was drawn before it.

A training therefore gives the same numbers alone, in a population of 500 and after a resume:
nothing it draws depends on who else draws (rule 1 of the engine, see docs/design.md).

Three forms of the same idea:

- `numpy_generator` and `torch_generator`: a fresh generator for one purpose (batch order, initial weights);
- `uniform_bits`: a counter-based hash, element by element, for draws inside a network (dropout).
"""

import hashlib
from functools import lru_cache

import numba
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


def batch_order(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Return the order in which epoch `epoch` visits the training rows: int64 [rows]."""
    order = np.arange(rows)
    _shuffle(order, np.uint64(_purpose_key(seed, "batch order", 0)), np.uint64(epoch))
    return order


@numba.njit(nogil=True, cache=True)
def _shuffle(order: np.ndarray, base: np.uint64, stream: np.uint64) -> None:
    """Fisher-Yates with splitmix64 (Steele et al. 2014), without the GIL and 3 times as fast as NumPy's."""
    state = _splitmix(base + stream * np.uint64(0x9E3779B97F4A7C15))
    for i in range(len(order) - 1, 0, -1):
        state += np.uint64(0x9E3779B97F4A7C15)
        # the upper 32 bits times (i + 1): unbiased to one part in 2**32 / rows (Lemire 2019)
        j = ((_splitmix(state) >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32)
        order[i], order[j] = order[j], order[i]


@numba.njit(nogil=True, cache=True)
def _splitmix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def dropout_keys(seed: int, steps: np.ndarray, layer: int, purpose: str = "dropout") -> np.ndarray:
    """Return one key for each step for one dropout layer: uint64 [S].

    The step enters by a round of splitmix64, because a cryptographic hash for every layer and step would cost more
    than a small network's step.
    """
    with np.errstate(over="ignore"):
        z = np.uint64(_purpose_key(seed, purpose, layer)) + steps.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@lru_cache(maxsize=65536)
def _purpose_key(seed: int, purpose: str, layer: int) -> int:
    return key(seed, purpose, layer)


def uniform_bits(keys: Tensor, elements: Tensor) -> Tensor:
    """Hash (key, element) to uniform integers in [0, 2**31).

    Shape:
        keys: int64 [K], one key for each member.
        elements: int32 [K, ...], or [1, ...] where all members number their elements alike.
        returns: int32 [K, ...]; row k depends on keys[k] and the element's number alone.

    Two rounds of a 32-bit multiply-xorshift mixer (constants by C. Wellons, "hash-prospector",
    bias 0.107): the key's lower half enters before the first round, the upper half between the two,
    so that keys whose lower halves lie close together do not give shifted copies of one sequence.
    """
    shape = (-1, *[1] * (elements.ndim - 1))
    low, high = (_as_int32(half & 0xFFFFFFFF).reshape(shape) for half in (keys, keys >> 32))
    x = elements * _wrap(0x9E3779B1) + low
    x = x ^ _shift_right(x, 16)
    x = x * _wrap(0x7FEB352D)
    x = x ^ high
    x = x ^ _shift_right(x, 15)
    x = x * _wrap(0x846CA68B)
    x = x ^ _shift_right(x, 16)
    return x & 0x7FFFFFFF


def keep_mask(keys: Tensor, rate: Tensor, elements: Tensor) -> Tensor:
    """Return which elements dropout keeps, each with probability 1 - rate of its member.

    Shape:
        keys: int64 [K]. rate: [K]. elements: as in `uniform_bits`. returns: bool [K, ...].
    """
    threshold = (rate.double() * 2**BITS).round().clamp(max=2**BITS - 1).to(torch.int32)
    return uniform_bits(keys, elements) >= threshold.reshape(-1, *[1] * (elements.ndim - 1))


def _shift_right(x: Tensor, by: int) -> Tensor:
    """Shift int32 right and fill with zeros (PyTorch's `>>` on int32 repeats the sign bit)."""
    return (x >> by) & ((1 << (32 - by)) - 1)


def _wrap(value: int) -> int:
    return value - (1 << 32) if value >= _INT32_SIGN else value


def _as_int32(value: Tensor) -> Tensor:
    return torch.where(value >= _INT32_SIGN, value - (1 << 32), value).to(torch.int32)
