"""Train or evaluate one multi-layer perceptron: all steps of an epoch in one compiled loop.

Weights lie in one flat vector in the order weight [n_out, n_in], bias [n_out] of each layer. Units are rows and
samples columns, [units, B], so that small layers vectorise over the batch; larger ones are matrix products (BLAS).
"""

import numpy as np

from goodfit.population.compiled.jit import loop, sums
from goodfit.population.compiled.losses import add_loss
from goodfit.population.compiled.optimisers import update
from goodfit.population.compiled.passes import activate, drop_units, drop_weights

F = np.float32
_ZERO, _ONE = F(0), F(1)

SMALL = 512
"""Layers with fewer weights are computed by plain loops: calling BLAS would cost more than their products."""


@loop
def _is_small(n_in, n_out):
    return n_in * n_out < SMALL


@loop
def _affine_small(w, h, z):
    """z <- w h."""
    n_out, n_in = w.shape
    rows = h.shape[1]
    for o in range(n_out):
        first = w[o, 0]
        for i in range(rows):
            z[o, i] = first * h[0, i]
        for u in range(1, n_in):
            v = w[o, u]
            for i in range(rows):
                z[o, i] += v * h[u, i]


@loop
def _add_bias(z, bias):
    for o in range(z.shape[0]):
        b = bias[o]
        for i in range(z.shape[1]):
            z[o, i] += b


@sums
def _weight_gradient_small(dz, h, dw):
    """dw <- dz h^T."""
    for o in range(dw.shape[0]):
        for u in range(dw.shape[1]):
            total = _ZERO
            for i in range(dz.shape[1]):
                total += dz[o, i] * h[u, i]
            dw[o, u] = total


@sums
def _bias_gradient(dz, db):
    for o in range(dz.shape[0]):
        total = _ZERO
        for i in range(dz.shape[1]):
            total += dz[o, i]
        db[o] = total


@loop
def _input_gradient_small(w, dz, dh):
    """dh <- w^T dz."""
    n_out, n_in = w.shape
    rows = dz.shape[1]
    for u in range(n_in):
        first = w[0, u]
        for i in range(rows):
            dh[u, i] = first * dz[0, i]
        for o in range(1, n_out):
            v = w[o, u]
            for i in range(rows):
                dh[u, i] += v * dz[o, i]


@loop
def _times(a, b):
    for u in range(a.shape[0]):
        for i in range(a.shape[1]):
            a[u, i] *= b[u, i]


@loop
def _gather(x, rows, count, mix, out, transposed):
    """Copy the batch, mixed with its own reverse where `mix` < 1 (Mixup), as [B, n_in] or [n_in, B]."""
    for i in range(rows.size):
        r = rows[i]
        partner = rows[count - 1 - i] if i < count else r
        if transposed:
            for u in range(x.shape[1]):
                out[u, i] = x[r, u] if mix == _ONE else mix * x[r, u] + (_ONE - mix) * x[partner, u]
        elif mix == _ONE:
            for u in range(x.shape[1]):
                out[i, u] = x[r, u]
        else:
            for u in range(x.shape[1]):
                out[i, u] = mix * x[r, u] + (_ONE - mix) * x[partner, u]


@loop
def _forward(p, sizes, x, buffers, slopes, activation, training, rate, connect_rate, keys, dropped):
    """Fill `buffers` with every layer's output for the inputs x.

    Shape:
        x: [n_in, B] where the first layer is small, else [B, n_in]. buffers, slopes: [sum of units, B].
        keys: uint64 [2, layers], of this step's dropout and DropConnect.
    """
    layers = sizes.size - 1
    at, row, below = 0, 0, 0
    for layer in range(layers):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        flat = p[at : at + n_in * n_out]
        bias = p[at + n_in * n_out : at + (n_in + 1) * n_out]
        if training and connect_rate > 0:
            drop_weights(keys[1, layer], connect_rate, flat, dropped[at : at + n_in * n_out])
            flat = dropped[at : at + n_in * n_out]
        w = flat.reshape(n_out, n_in)
        z = buffers[row : row + n_out]
        h = x if layer == 0 else buffers[below:row]
        if _is_small(n_in, n_out):
            _affine_small(w, h, z)
        elif layer == 0:
            np.dot(w, h.T, z)
        else:
            np.dot(w, h, z)
        if layer == layers - 1:
            _add_bias(z, bias)
        else:
            activate(activation, z, bias, slopes[row : row + n_out])
            if training and rate > 0:
                drop_units(keys[0, layer], rate, z, slopes[row : row + n_out])
        at += (n_in + 1) * n_out
        below, row = row, row + n_out


@loop
def _backward(p, g, sizes, x, buffers, slopes, deltas, connect_rate, keys, dropped):
    """Turn the gradient at the outputs (last rows of `deltas`) into that of the weights, g."""
    layers = sizes.size - 1
    at, row = p.size, buffers.shape[0]
    for layer in range(layers - 1, -1, -1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        at, row = at - (n_in + 1) * n_out, row - n_out
        source = dropped if connect_rate > 0 else p
        w = source[at : at + n_in * n_out].reshape(n_out, n_in)
        dw = g[at : at + n_in * n_out].reshape(n_out, n_in)
        dz = deltas[row : row + n_out]
        small = _is_small(n_in, n_out)
        h = x if layer == 0 else buffers[row - n_in : row]
        if small:
            _weight_gradient_small(dz, h, dw)
        elif layer == 0:
            np.dot(dz, h, dw)
        else:
            np.dot(dz, h.T, dw)
        _bias_gradient(dz, g[at + n_in * n_out : at + (n_in + 1) * n_out])
        if connect_rate > 0:
            # the mask of the forward pass again: d(dropped w)/dw
            drop_weights(keys[1, layer], connect_rate, dw.reshape(n_in * n_out), dw.reshape(n_in * n_out))
        if layer > 0:
            dh = deltas[row - n_in : row]
            if small:
                _input_gradient_small(w, dz, dh)
            else:
                np.dot(w.T, dz, dh)
            _times(dh, slopes[row - n_in : row])


@loop
def train_steps(
    x, target, label, rows, counts, mix, sizes, p, g, a, b, hyper, keys, rate, connect_rate,
    activation, loss, optimiser, batch, buffers, slopes, deltas, scratch, dropped, losses,
):  # fmt: skip
    """Take S steps with one network; write the mean loss of each batch to `losses` [S].

    Shape:
        x: float32 [n, n_in]. target: float32 [n] or empty. label: int64 [n] or empty.
        rows: int64 [S, B], filled up by repeating a row; counts: int64 [S], how many of them are real.
        mix: float32 [S], share of a row's own sample in it (Mixup; 1 is none).
        p, g, a, b: float32 [P]. hyper: float32 [S, fields of Hyper]. keys: uint64 [S, 2, layers].
        batch: scratch for the gathered inputs. buffers, slopes, deltas: scratch [sum of units, B].
        scratch: float32 [5, B]. dropped: float32 [P], or empty without DropConnect.
    """
    outputs = sizes[-1]
    small = _is_small(sizes[0], sizes[1])
    out = buffers[buffers.shape[0] - outputs :]
    gradient = deltas[deltas.shape[0] - outputs :]
    weight, own, highest, total_exp = scratch[0], scratch[1], scratch[2], scratch[3]
    truth = scratch[4]
    labels = np.empty(rows.shape[1], np.int64)
    for s in range(rows.shape[0]):
        batch_rows, count, share = rows[s], counts[s], mix[s]
        _gather(x, batch_rows, count, share, batch, small)
        _forward(p, sizes, batch, buffers, slopes, activation, True, rate, connect_rate, keys[s], dropped)
        for i in range(batch_rows.size):
            weight[i] = _ONE / F(count) if i < count else _ZERO
        gradient[:] = _ZERO
        mean = 0.0
        for turn in range(1 if share == _ONE else 2):
            part = share if turn == 0 else _ONE - share
            for i in range(batch_rows.size):
                r = batch_rows[i] if turn == 0 or i >= count else batch_rows[count - 1 - i]
                own[i] = weight[i] * part
                if target.size > 0:
                    truth[i] = target[r]
                else:
                    labels[i] = label[r]
            mean += add_loss(loss, out, truth, labels, own, gradient, highest, total_exp)
        _backward(p, g, sizes, batch, buffers, slopes, deltas, connect_rate, keys[s], dropped)
        update(optimiser, p, g, a, b, hyper[s])
        losses[s] = mean


@loop
def predict(x, sizes, p, activation, batch, buffers, slopes, keys, out):
    """Write the outputs [n, n_out] in evaluation mode, in batches of the buffers' length."""
    n, rows = x.shape[0], buffers.shape[1]
    small = _is_small(sizes[0], sizes[1])
    outputs = sizes[-1]
    last = buffers[buffers.shape[0] - outputs :]
    index = np.empty(rows, np.int64)
    for start in range(0, n, rows):
        for i in range(rows):
            index[i] = min(start + i, n - 1)
        _gather(x, index, rows, _ONE, batch, small)
        _forward(p, sizes, batch, buffers, slopes, activation, False, F(0), F(0), keys, p)
        for i in range(min(rows, n - start)):
            for o in range(outputs):
                out[start + i, o] = last[o, i]
