"""Train one perceptron whose layers are all small: 64 samples at a time through all layers, forward and back.

The values of a block stay in the first-level cache, products are summed in vector registers, and no library is called
for a layer: for a network of a few dozen weights that would cost more than the arithmetic.
"""

import numpy as np

from goodfit.population.compiled.denormals import flush_denormals, restore_denormals
from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.losses import add_loss
from goodfit.population.compiled.optimisers import penalise, update
from goodfit.population.compiled.passes import activate, drop_units, drop_weights, times
from goodfit.population.compiled.program import (
    ACTIVATION,
    BIAS,
    CODE,
    FIELDS,
    IN,
    KIND,
    LINEAR,
    N_IN,
    N_OUT,
    OUT,
    RATE,
    WEIGHT,
)  # fmt: skip
from goodfit.population.compiled.vectors import (
    LANES,
    add,
    floats,
    integer_at,
    integers,
    load,
    load_at,
    multiply,
    multiply_add,
    number_at,
    splat,
    store_at,
    total_of,
)

F = np.float32
_ZERO, _ONE = F(0), F(1)

BLOCK = 4 * LANES
"""Samples taken at a time."""
SMALL = 1024
"""Weights of a layer up to which this loop is faster than matrix products of the whole batch."""
_BYTES = 4 * BLOCK
"""Of one unit's values."""


@loop
def _linear_forward(op, w_at, p_at, values_at):
    """Compute one linear layer of a block; `op` is the address of its operation."""
    n_in, n_out, bias = integer_at(op, N_IN), integer_at(op, N_OUT), integer_at(op, BIAS)
    h, z = values_at + integer_at(op, IN) * _BYTES, values_at + integer_at(op, OUT) * _BYTES
    at = integer_at(op, WEIGHT)
    for o in range(n_out):
        a = splat(number_at(p_at, bias + o) if bias >= 0 else _ZERO)
        b, c, d = a, a, a
        for u in range(n_in):
            v, i = splat(number_at(w_at, at + u)), u * BLOCK
            a = multiply_add(v, load_at(h, i), a)
            b = multiply_add(v, load_at(h, i + LANES), b)
            c = multiply_add(v, load_at(h, i + 2 * LANES), c)
            d = multiply_add(v, load_at(h, i + 3 * LANES), d)
        _store(z, o * BLOCK, a, b, c, d)
        at += n_in


@loop
def _store(at, i, a, b, c, d):
    store_at(at, i, a)
    store_at(at, i + LANES, b)
    store_at(at, i + 2 * LANES, c)
    store_at(at, i + 3 * LANES, d)


@loop
def _linear_backward(op, activated, w_at, values_at, slopes_at, deltas_at, sums_at):
    """Add a block's part of the gradient to `sums` [P, LANES]; write that of the input to `deltas`.

    Where the input is `activated`, its gradient is taken through the activation at once.
    """
    n_in, n_out, bias = integer_at(op, N_IN), integer_at(op, N_OUT), integer_at(op, BIAS)
    h, dz = values_at + integer_at(op, IN) * _BYTES, deltas_at + integer_at(op, OUT) * _BYTES
    at = integer_at(op, WEIGHT)
    for o in range(n_out):
        i = o * BLOCK
        a, b = load_at(dz, i), load_at(dz, i + LANES)
        c, d = load_at(dz, i + 2 * LANES), load_at(dz, i + 3 * LANES)
        for u in range(n_in):
            place, i = (at + o * n_in + u) * LANES, u * BLOCK
            total = multiply_add(a, load_at(h, i), load_at(sums_at, place))
            other = multiply(b, load_at(h, i + LANES))
            total = multiply_add(c, load_at(h, i + 2 * LANES), total)
            other = multiply_add(d, load_at(h, i + 3 * LANES), other)
            store_at(sums_at, place, add(total, other))
        if bias >= 0:
            place = (bias + o) * LANES
            store_at(sums_at, place, add(add(add(a, b), add(c, d)), load_at(sums_at, place)))
    if integer_at(op, IN) > 0:
        dh, slope = deltas_at + integer_at(op, IN) * _BYTES, slopes_at + integer_at(op, IN) * _BYTES
        for u in range(n_in):
            a = splat(_ZERO)
            b, c, d = a, a, a
            for o in range(n_out):
                v, i = splat(number_at(w_at, at + o * n_in + u)), o * BLOCK
                a = multiply_add(v, load_at(dz, i), a)
                b = multiply_add(v, load_at(dz, i + LANES), b)
                c = multiply_add(v, load_at(dz, i + 2 * LANES), c)
                d = multiply_add(v, load_at(dz, i + 3 * LANES), d)
            if activated:
                i = u * BLOCK
                a, b = multiply(a, load_at(slope, i)), multiply(b, load_at(slope, i + LANES))
                c, d = multiply(c, load_at(slope, i + 2 * LANES)), multiply(d, load_at(slope, i + 3 * LANES))
            _store(dh, u * BLOCK, a, b, c, d)


@loop
def _fill_up(rows_at, count, start, chosen_at):
    """Note which samples are in a block that reaches beyond the batch's end: the first one again."""
    chosen = integers(chosen_at, BLOCK)
    for i in range(BLOCK):
        chosen[i] = integer_at(rows_at, start + i if start + i < count else 0)


@loop
def _turn(rows_at, count, start, opposite_at):
    """Note which samples lie opposite those of a block (Mixup)."""
    opposite = integers(opposite_at, BLOCK)
    for i in range(BLOCK):
        opposite[i] = integer_at(rows_at, count - 1 - start - i if start + i < count else count - 1)


@loop
def _gather(x_at, n, chosen_at, opposite_at, mix, values_at):
    """Copy a block's inputs as [n, BLOCK]."""
    values = floats(values_at, (n, BLOCK))
    for u in range(n):
        for i in range(BLOCK):
            values[u, i] = number_at(x_at, integer_at(chosen_at, i) * n + u)
    if mix != _ONE:
        for u in range(n):
            for i in range(BLOCK):
                other = number_at(x_at, integer_at(opposite_at, i) * n + u)
                values[u, i] = mix * values[u, i] + (_ONE - mix) * other


@loop
def _loss(
    loss, smoothing, target_at, label_at, chosen_at, opposite_at, real, part, mix, n_out, out_at, gradient_at, seen_at,
    memory_at,
):  # fmt: skip
    """Return the block's part of the mean loss, and write its gradient at the outputs; `real` samples count.

    `target_at` is 0 where there are labels. `seen_at`, `memory_at`: scratch int64 [BLOCK], float32 [4, BLOCK].
    """
    truth, weight, labels = floats(memory_at, BLOCK), floats(memory_at + _BYTES, BLOCK), integers(seen_at, BLOCK)
    for o in range(4 * n_out):
        store_at(gradient_at, o * LANES, splat(_ZERO))
    mean = 0.0
    for turn in range(1 if mix == _ONE else 2):
        share = part * (mix if turn == 0 else _ONE - mix)
        rows_at = chosen_at if turn == 0 else opposite_at
        for i in range(BLOCK):
            weight[i] = share if i < real else _ZERO
        if target_at != 0:
            for i in range(BLOCK):
                truth[i] = number_at(target_at, integer_at(rows_at, i))
        else:
            for i in range(BLOCK):
                labels[i] = integer_at(label_at, integer_at(rows_at, i))
        mean += add_loss(
            loss, smoothing, n_out, BLOCK, out_at, gradient_at, memory_at, seen_at, memory_at + _BYTES,
            memory_at + 2 * _BYTES,
        )  # fmt: skip
    return mean


@loop
def train_small(
    x, target, label, rows, counts, mix, ops, numbers, keys, p, g, a, b, hyper, loss, smoothing, l1, l2, optimiser, values,
    slopes, deltas, sums, dropped, losses,
):  # fmt: skip
    """Take S steps (see `goodfit.population.compiled.steps.train_steps`).

    Shape: values, slopes, deltas: scratch [units * BLOCK]. sums: scratch [P * LANES].
    """
    before = flush_denormals()
    chosen, opposite, seen = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    memory = np.empty(4 * BLOCK, np.float32)
    values_at, slopes_at, deltas_at, sums_at = (
        values.ctypes.data,
        slopes.ctypes.data,
        deltas.ctypes.data,
        sums.ctypes.data,
    )
    chosen_at, opposite_at, ops_at, p_at = chosen.ctypes.data, opposite.ctypes.data, ops.ctypes.data, p.ctypes.data
    w_at = p_at if dropped.size == 0 else dropped.ctypes.data
    x_at, label_at, seen_at, memory_at = x.ctypes.data, label.ctypes.data, seen.ctypes.data, memory.ctypes.data
    target_at = target.ctypes.data if target.size > 0 else 0
    last, inputs = len(ops) - 1, x.shape[1]
    outputs, out = ops[last, N_OUT], ops[last, OUT] * _BYTES
    for s in range(rows.shape[0]):
        if dropped.size > 0:
            _drop_weights(ops, numbers, keys[s], p, dropped)
        sums[:] = _ZERO
        mean = 0.0
        count, share, part = counts[s], mix[s], _ONE / F(counts[s])
        rows_at = rows.ctypes.data + 8 * s * rows.shape[1]
        for start in range(0, count, BLOCK):
            block_at = rows_at + 8 * start
            if start + BLOCK > count:
                _fill_up(rows_at, count, start, chosen_at)
                block_at = chosen_at
            if share != _ONE:
                _turn(rows_at, count, start, opposite_at)
            _gather(x_at, inputs, block_at, opposite_at, share, values_at)
            for k in range(len(ops)):
                op = ops_at + 8 * FIELDS * k
                kind, units, row = integer_at(op, KIND), integer_at(op, N_OUT), integer_at(op, OUT) * _BYTES
                if kind == LINEAR:
                    _linear_forward(op, w_at, p_at, values_at)
                elif kind == ACTIVATION:
                    activate(integer_at(op, CODE), values_at + row, slopes_at + row, units * BLOCK, _ZERO)
                elif numbers[k, RATE] > 0:
                    alpha, rate = integer_at(op, CODE), numbers[k, RATE]
                    drop_units(alpha, keys[s, k], rate, values_at + row, slopes_at + row, units, BLOCK, start)
            mean += _loss(
                loss, smoothing, target_at, label_at, block_at, opposite_at, count - start, part, share, outputs,
                values_at + out, deltas_at + out, seen_at, memory_at,
            )  # fmt: skip
            for k in range(last, -1, -1):
                op = ops_at + 8 * FIELDS * k
                kind, row = integer_at(op, KIND), integer_at(op, OUT) * _BYTES
                if kind == LINEAR:
                    activated = k > 0 and integer_at(op - 8 * FIELDS, KIND) != LINEAR
                    _linear_backward(op, activated, w_at, values_at, slopes_at, deltas_at, sums_at)
                elif kind == ACTIVATION and row == out:
                    times(deltas_at + row, slopes_at + row, integer_at(op, N_OUT) * BLOCK)
        for i in range(p.size):
            g[i] = total_of(load(sums, i * LANES))
        if dropped.size > 0:
            _drop_weights(ops, numbers, keys[s], g, g)
        if l1 > _ZERO or l2 > _ZERO:
            penalise(ops, p, g, l1, l2)
        update(optimiser, p, g, a, b, hyper[s])
        losses[s] = mean
    restore_denormals(before)


@loop
def _drop_weights(ops, numbers, keys, source, dropped):
    for k in range(len(ops)):
        if ops[k, KIND] == LINEAR and numbers[k, RATE] > 0:
            drop_weights(keys[k], numbers[k, RATE], source, dropped, ops[k, WEIGHT], ops[k, N_IN] * ops[k, N_OUT])
