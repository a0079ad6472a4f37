"""Operations on images in the table that the compiled loops run: convolution, batch norm, pooling.

The results of the first convolution are the largest images of most networks and cheap to make, since its input has few
channels. Where batch norm, ReLU and max pooling follow, they are never kept: a few channels lie in the cache while
they are pooled, and are made again when the gradient comes back, so that nothing but pooled images goes through memory.
"""

from typing import NamedTuple

import numpy as np

from goodfit.population.compiled.images import (
    avg_pool_backward,
    avg_pool_forward,
    batch_norm_backward,
    batch_norm_forward,
    max_pool_backward,
    max_pool_forward,
    norm_pool_backward,
    norm_pool_forward,
)
from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.program import (
    APART,
    AS_ONE,
    BATCH_NORM,
    BIAS,
    C_OUT,
    CHOICE,
    CODE,
    CONVOLUTION,
    EPS,
    H_OUT,
    IN,
    IN_PLACE,
    KERNEL_H,
    KERNEL_W,
    KIND,
    MAX_POOL,
    MOMENTUM,
    N_OUT,
    NORM_POOL,
    OUT,
    SAVED,
    STATE,
    TRANSFORMED,
    VARIANCE,
    W_OUT,
    WEIGHT,
    C,
    H,
    W,
)  # fmt: skip
from goodfit.population.compiled.routines import BACKWARD_INPUT, BACKWARD_WEIGHT, FORWARD, WAYS, call
from goodfit.population.compiled.vectors import address

AT_ONCE = 4
"""Channels of a first block made at a time: a tile of registers, and 0.8 MB for 64 images of 28 x 28."""
MOST_PRODUCTS = 32
"""Products of a result (channels x height x width of a filter) up to which making it twice is cheaper than keeping it."""


class ImageMemory(NamedTuple):
    """What operations on images need beside values and weights.

    Attributes:
        saved: float32, what batch norm keeps. choice: uint8, what max pooling keeps.
        no_bias: float32 zeros [filters], where a convolution has none. unwanted: float32 [filters], for the gradient of that.
        scratch: float32, what convolutions need. routines: addresses, as `goodfit.population.compiled.routines` gives them.
    """

    saved: np.ndarray
    choice: np.ndarray
    no_bias: np.ndarray
    unwanted: np.ndarray
    scratch: np.ndarray
    routines: np.ndarray


@loop
def image_forward(ops, k, numbers, training, p, state, values, images, b):
    """Do operation k for b samples; `numbers` are its own."""
    op = ops[k]
    if op[KIND] == CONVOLUTION:
        if op[CODE] != AS_ONE:
            _convolve(op, p, values, images, b)
    elif op[KIND] == NORM_POOL:
        as_one = op[CODE] == AS_ONE
        channels = AT_ONCE if as_one else op[C]
        for first in range(0, op[C], channels):
            conv, pool = _part(ops[k - 1], op, first, channels)
            if as_one:
                _convolve(conv, p, values, images, b)
            _norm_pool(pool, numbers, training, p, state, values, images, b)
    elif op[KIND] == BATCH_NORM:
        n = op[C]
        batch_norm_forward(
            _input(op, values, b).reshape(n, -1), _gamma(op, p), _beta(op, p), _running_mean(op, state),
            _running_var(op, state), numbers[MOMENTUM], numbers[EPS], training, _mean(op, images.saved),
            _rstd(op, images.saved), _output(op, values, b).reshape(n, -1),
        )  # fmt: skip
    elif op[KIND] == MAX_POOL:
        y = _output(op, values, b)
        max_pool_forward(_input(op, values, b), op[KERNEL_H], y, _choice(op, images.choice, y))
    else:
        avg_pool_forward(_input(op, values, b), op[KERNEL_H], _output(op, values, b))


@loop
def image_backward(ops, k, p, g, values, deltas, images, b):
    """Turn the gradient at the outputs of operation k into that of its inputs and parameters."""
    op = ops[k]
    if op[KIND] == CONVOLUTION:
        if op[CODE] != AS_ONE:
            _convolve_back(op, g, values, values if op[CODE] == IN_PLACE else deltas, images, b)
            if op[IN] > 0:
                _convolve_back_to_input(op, p, values if op[CODE] == IN_PLACE else deltas, deltas, images, b)
    elif op[KIND] == NORM_POOL:
        as_one = op[CODE] == AS_ONE
        channels = AT_ONCE if as_one else op[C]
        for first in range(0, op[C], channels):
            conv, pool = _part(ops[k - 1], op, first, channels)
            if as_one:
                _convolve(conv, p, values, images, b)
            _norm_pool_back(pool, p, g, values, deltas, deltas if op[CODE] == APART else values, images, b)
            if as_one:
                _convolve_back(conv, g, values, values, images, b)
    elif op[KIND] == BATCH_NORM:
        n = op[C]
        batch_norm_backward(
            _output(op, deltas, b).reshape(n, -1), _input(op, values, b).reshape(n, -1), _gamma(op, p),
            _mean(op, images.saved), _rstd(op, images.saved), _input(op, deltas, b).reshape(n, -1), _gamma(op, g),
            _beta(op, g),
        )  # fmt: skip
    elif op[KIND] == MAX_POOL:
        dy = _output(op, deltas, b)
        max_pool_backward(dy, _choice(op, images.choice, dy), op[KERNEL_H], _input(op, deltas, b))
    else:
        avg_pool_backward(_output(op, deltas, b), op[KERNEL_H], _input(op, deltas, b))


@loop
def _part(conv, pool, first, channels):
    """The rows of a norm-pool and the convolution before it for some of their channels, which lie where the first ones do."""
    conv, pool = conv.copy(), pool.copy()
    channels, pixels = min(channels, pool[C] - first), pool[H_OUT] * pool[W_OUT]
    conv[WEIGHT] += first * conv[C] * conv[KERNEL_H] * conv[KERNEL_W]
    if conv[BIAS] >= 0:
        conv[BIAS] += first
    conv[C_OUT], pool[C], pool[C_OUT], pool[N_OUT] = channels, channels, channels, channels * pixels
    for place in (WEIGHT, BIAS, STATE, VARIANCE):
        pool[place] += first
    pool[SAVED] += 2 * first
    pool[OUT] += first * pixels
    pool[CHOICE] += first * pixels
    return conv, pool


@loop
def _row(op):
    """The address of an operation's row in the table."""
    return op.ctypes.data


@loop
def _convolve(op, p, values, images, b):
    bias = address(p, op[BIAS]) if op[BIAS] >= 0 else address(images.no_bias, 0)
    x, out, scratch = address(values, op[IN] * b), address(values, op[OUT] * b), address(images.scratch, 0)
    routine = images.routines[op[TRANSFORMED] * WAYS + FORWARD]
    call(routine, (_row(op), b, x, address(p, op[WEIGHT]), bias, out, scratch))


@loop
def _convolve_back(op, g, values, gradients, images, b):
    """Write the gradients of filters and bias; that of the results lies in `gradients`."""
    db = address(g, op[BIAS]) if op[BIAS] >= 0 else address(images.unwanted, 0)
    x, dz, scratch = address(values, op[IN] * b), address(gradients, op[OUT] * b), address(images.scratch, 0)
    routine = images.routines[op[TRANSFORMED] * WAYS + BACKWARD_WEIGHT]
    call(routine, (_row(op), b, x, dz, address(g, op[WEIGHT]), db, scratch))


@loop
def _convolve_back_to_input(op, p, gradients, deltas, images, b):
    dz, dx, scratch = address(gradients, op[OUT] * b), address(deltas, op[IN] * b), address(images.scratch, 0)
    routine = images.routines[op[TRANSFORMED] * WAYS + BACKWARD_INPUT]
    call(routine, (_row(op), b, dz, address(p, op[WEIGHT]), 0, dx, scratch))


@loop
def _norm_pool(op, numbers, training, p, state, values, images, b):
    y = _output(op, values, b)
    norm_pool_forward(
        _input(op, values, b), _gamma(op, p), _beta(op, p), _running_mean(op, state), _running_var(op, state),
        numbers[MOMENTUM], numbers[EPS], training, op[KERNEL_H], _mean(op, images.saved), _rstd(op, images.saved), y,
        _choice(op, images.choice, y),
    )  # fmt: skip


@loop
def _norm_pool_back(op, p, g, values, deltas, gradients, images, b):
    """Write the gradient of the input to `gradients`."""
    dy = _output(op, deltas, b)
    norm_pool_backward(
        dy, _choice(op, images.choice, dy), _input(op, values, b), _gamma(op, p), _mean(op, images.saved),
        _rstd(op, images.saved), op[KERNEL_H], _input(op, gradients, b), _gamma(op, g), _beta(op, g),
    )  # fmt: skip


@loop
def _image(values, at, channels, height, width, b):
    return values[at * b : (at + channels * height * width) * b].reshape(channels, height, width, b)


@loop
def _input(op, values, b):
    return _image(values, op[IN], op[C], op[H], op[W], b)


@loop
def _output(op, values, b):
    return _image(values, op[OUT], op[C_OUT], op[H_OUT], op[W_OUT], b)


@loop
def _gamma(op, p):
    """Batch norm's gamma, or the gradient of it."""
    return p[op[WEIGHT] : op[WEIGHT] + op[C]]


@loop
def _beta(op, p):
    """Batch norm's beta, or the gradient of it."""
    return p[op[BIAS] : op[BIAS] + op[C]]


@loop
def _mean(op, saved):
    """Of the batch, as batch norm keeps it."""
    return saved[op[SAVED] : op[SAVED] + op[C]]


@loop
def _rstd(op, saved):
    """1 / standard deviation of the batch."""
    return saved[op[SAVED] + op[C] : op[SAVED] + 2 * op[C]]


@loop
def _running_mean(op, state):
    return state[op[STATE] : op[STATE] + op[C]]


@loop
def _running_var(op, state):
    return state[op[VARIANCE] : op[VARIANCE] + op[C]]


@loop
def _choice(op, choice, y):
    """What max pooling chose for its output y."""
    b = y.shape[3]
    return choice[op[CHOICE] * b : (op[CHOICE] + op[N_OUT]) * b].reshape(y.shape)
