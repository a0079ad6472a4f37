"""Train or evaluate one network: many steps in one compiled loop.

Layers are matrix products (BLAS) and convolutions of whole batches. Networks that are small in every layer have a
loop of their own (`goodfit.population.compiled.small`).
"""

import numpy as np

from goodfit.population.compiled.denormals import flush_denormals, restore_denormals
from goodfit.population.compiled.image_steps import image_backward, image_forward
from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.losses import add_loss
from goodfit.population.compiled.optimisers import penalise, update
from goodfit.population.compiled.passes import activate, add_up, drop_units, drop_weights, times
from goodfit.population.compiled.program import (
    ACTIVATION,
    BIAS,
    CODE,
    DROPOUT,
    IN,
    KIND,
    LINEAR,
    N_IN,
    N_OUT,
    OUT,
    RATE,
    WEIGHT,
)
from goodfit.population.compiled.vectors import address

F = np.float32
_ZERO, _ONE = F(0), F(1)

GATHERED = 16
"""Samples whose numbers are written beside each other at a time when a batch is turned."""


@loop
def _gather(x, rows, mix, out):
    """Copy a batch as [B, n_in], mixed with its own reverse where `mix` < 1 (Mixup)."""
    n, b = x.shape[1], rows.size
    for i in range(b):
        r, partner = rows[i], rows[b - 1 - i]
        if mix == _ONE:
            for u in range(n):
                out[i * n + u] = x[r, u]
        else:
            for u in range(n):
                out[i * n + u] = mix * x[r, u] + (_ONE - mix) * x[partner, u]


@loop
def _gather_turned(x, rows, mix, out):
    """The same as [n_in, B]."""
    n, b = x.shape[1], rows.size
    for start in range(0, b, GATHERED):
        stop = min(start + GATHERED, b)
        for u in range(n):
            if mix == _ONE:
                for i in range(start, stop):
                    out[u * b + i] = x[rows[i], u]
            else:
                for i in range(start, stop):
                    out[u * b + i] = mix * x[rows[i], u] + (_ONE - mix) * x[rows[b - 1 - i], u]


@loop
def _add_bias(z, bias):
    for o in range(z.shape[0]):
        b = bias[o]
        for i in range(z.shape[1]):
            z[o, i] += b


@loop
def _linear_forward(op, rate, key, training, p, dropped, batch, values, b):
    n_in, n_out, at = op[N_IN], op[N_OUT], op[WEIGHT]
    source = p
    if training and rate > 0:
        drop_weights(key, rate, p, dropped, at, n_in * n_out)
        source = dropped
    w = source[at : at + n_in * n_out].reshape(n_out, n_in)
    z = values[op[OUT] * b : (op[OUT] + n_out) * b].reshape(n_out, b)
    if op[IN] < 0:
        np.dot(w, batch[: n_in * b].reshape(b, n_in).T, z)
    else:
        np.dot(w, values[op[IN] * b : (op[IN] + n_in) * b].reshape(n_in, b), z)
    if op[CODE] == 0 and op[BIAS] >= 0:
        _add_bias(z, p[op[BIAS] : op[BIAS] + n_out])


@loop
def _linear_backward(op, rate, key, p, g, dropped, batch, values, deltas, b):
    n_in, n_out, at = op[N_IN], op[N_OUT], op[WEIGHT]
    dz = deltas[op[OUT] * b : (op[OUT] + n_out) * b].reshape(n_out, b)
    dw = g[at : at + n_in * n_out].reshape(n_out, n_in)
    if op[IN] < 0:
        np.dot(dz, batch[: n_in * b].reshape(b, n_in), dw)
    else:
        np.dot(dz, values[op[IN] * b : (op[IN] + n_in) * b].reshape(n_in, b).T, dw)
    if op[BIAS] >= 0:
        add_up(dz, g[op[BIAS] : op[BIAS] + n_out])
    source = p
    if rate > 0:
        # the mask of the forward pass again: d(dropped w)/dw
        drop_weights(key, rate, g, g, at, n_in * n_out)
        source = dropped
    if op[IN] > 0:
        w = source[at : at + n_in * n_out].reshape(n_out, n_in)
        np.dot(w.T, dz, deltas[op[IN] * b : (op[IN] + n_in) * b].reshape(n_in, b))


@loop
def _activation_forward(op, p, values, slopes, b):
    value_at, slope_at = address(values, op[OUT] * b), address(slopes, op[OUT] * b)
    if op[BIAS] < 0:
        activate(op[CODE], value_at, slope_at, op[N_OUT] * b, _ZERO)
    else:
        for u in range(op[N_OUT]):
            activate(op[CODE], value_at + 4 * u * b, slope_at + 4 * u * b, b, p[op[BIAS] + u])


@loop
def _forward(ops, numbers, keys, training, p, dropped, state, batch, values, slopes, images, b):
    for k in range(len(ops)):
        op, rate = ops[k], numbers[k, RATE]
        if op[KIND] == LINEAR:
            _linear_forward(op, rate, keys[k], training, p, dropped, batch, values, b)
        elif op[KIND] == ACTIVATION:
            _activation_forward(op, p, values, slopes, b)
        elif op[KIND] == DROPOUT:
            if training and rate > 0:
                value_at, slope_at = address(values, op[OUT] * b), address(slopes, op[OUT] * b)
                drop_units(op[CODE], keys[k], rate, value_at, slope_at, op[N_OUT], b, 0)
        elif images is not None:
            image_forward(ops, k, numbers[k], training, p, state, values, images, b)


@loop
def _backward(ops, numbers, keys, p, g, dropped, batch, values, slopes, deltas, images, b):
    """Turn the gradient at the outputs into that of the weights, g."""
    for k in range(len(ops) - 1, -1, -1):
        op = ops[k]
        if op[KIND] == LINEAR:
            _linear_backward(op, numbers[k, RATE], keys[k], p, g, dropped, batch, values, deltas, b)
        elif op[KIND] == ACTIVATION:
            times(address(deltas, op[OUT] * b), address(slopes, op[OUT] * b), op[N_OUT] * b)
        elif op[KIND] != DROPOUT and images is not None:
            image_backward(ops, k, p, g, values, deltas, images, b)


@loop
def train_steps(
    x, target, label, rows, counts, mix, ops, numbers, keys, p, g, a, b, state, hyper, loss, smoothing, l1, l2, optimiser,
    values, slopes, deltas, batch, dropped, losses, images,
):  # fmt: skip
    """Take S steps with one network; write the mean loss of each batch to `losses` [S].

    Shape:
        x: float32 [n, n_in]. target: float32 [n] or empty. label: int64 [n] or empty.
        rows: int64 [S, B]; counts: int64 [S], how many of them are real.
        mix: float32 [S], share of a row's own sample in it (Mixup; 1 is none).
        ops: int64 [ops, FIELDS]; numbers: float64 [ops, NUMBERS]; keys: uint64 [S, ops].
        p, g, a, b: float32 [P]. state: running statistics. hyper: float32 [S, fields of `Hyper`].
        smoothing, l1, l2: float32, label smoothing and penalties, which are not in the losses written.
        values, slopes, deltas: scratch [units * B]. batch: scratch [n_in * B]. dropped: [P], or empty.
        images: None for perceptrons, else `goodfit.population.compiled.image_steps.ImageMemory`.
    """
    before = flush_denormals()
    last, first = ops[-1], ops[0]
    outputs = last[N_OUT]
    width = rows.shape[1]
    labels, truth, weight = np.zeros(width, np.int64), np.zeros(width, np.float32), np.empty(width, np.float32)
    scratch = np.empty(2 * width, np.float32)
    for s in range(rows.shape[0]):
        n, share = counts[s], mix[s]
        chosen = rows[s, :n]
        if first[IN] < 0:
            _gather(x, chosen, share, batch)
        else:
            _gather_turned(x, chosen, share, values)
        _forward(ops, numbers, keys[s], True, p, dropped, state, batch, values, slopes, images, n)
        begin = last[OUT] * n
        deltas[begin : begin + outputs * n] = _ZERO
        mean = 0.0
        for turn in range(1 if share == _ONE else 2):
            part = share if turn == 0 else _ONE - share
            for i in range(n):
                r = chosen[i] if turn == 0 else chosen[n - 1 - i]
                weight[i] = part / F(n)
                if target.size > 0:
                    truth[i] = target[r]
                else:
                    labels[i] = label[r]
            mean += add_loss(
                loss, smoothing, outputs, n, address(values, begin), address(deltas, begin), truth.ctypes.data, labels.ctypes.data,
                weight.ctypes.data, scratch.ctypes.data,
            )  # fmt: skip
        _backward(ops, numbers, keys[s], p, g, dropped, batch, values, slopes, deltas, images, n)
        if l1 > _ZERO or l2 > _ZERO:
            penalise(ops, p, g, l1, l2)
        update(optimiser, p, g, a, b, hyper[s])
        losses[s] = mean
    restore_denormals(before)


@loop
def predict(x, ops, numbers, p, state, values, slopes, batch, rows_at_once, out, images):
    """Write the outputs [n, n_out] in evaluation mode, `rows_at_once` at a time."""
    before = flush_denormals()
    last = ops[-1]
    keys = np.zeros(len(ops), np.uint64)
    for start in range(0, x.shape[0], rows_at_once):
        # the last batch is filled up with the last row: a row's numbers must not depend on how many come with it
        chosen = np.minimum(np.arange(start, start + rows_at_once), x.shape[0] - 1)
        if ops[0, IN] < 0:
            _gather(x, chosen, _ONE, batch)
        else:
            _gather_turned(x, chosen, _ONE, values)
        _forward(ops, numbers, keys, False, p, p, state, batch, values, slopes, images, rows_at_once)
        for i in range(min(rows_at_once, x.shape[0] - start)):
            for o in range(last[N_OUT]):
                out[start + i, o] = values[(last[OUT] + o) * rows_at_once + i]
    restore_denormals(before)
