"""Passes over one layer's units: activation with its slope, dropout. Values are flat, the batch innermost.

Activations mirror `goodfit.nn.activations`; each is one formula z -> (value, slope). A name that is missing in
`ACTIVATION_CODES` is trained by another kernel.
"""

import numpy as np

from goodfit.population.compiled.elementary import erf, exp, expm1, log1p, sigmoid, tanh
from goodfit.population.compiled.jit import inline, loop, sums
from goodfit.population.compiled.vectors import floats

F = np.float32
_ZERO, _HALF, _ONE, _TWO = F(0), F(0.5), F(1), F(2)
_LEAK = F(0.01)
_ALPHA, _LAMBDA = F(1.6732632423543772), F(1.0507009873554805)
_SELU_FLOOR = -1.6732632423543772 * 1.0507009873554805
_SQRT_HALF, _NORMAL = F(0.70710678118654752), F(0.39894228040143268)

ACTIVATION_CODES = {
    name: code
    for code, name in enumerate(
        ("identity", "relu", "leaky-relu", "elu", "selu", "softplus", "sigmoid", "tanh", "gelu", "silu", "mish")
    )
}


@inline
def _leaky_relu(z):
    return (z, _ONE) if z > _ZERO else (_LEAK * z, _LEAK)


@inline
def _elu(z):
    low = expm1(z)
    return (z, _ONE) if z > _ZERO else (low, low + _ONE)


@inline
def _selu(z):
    low = expm1(z)
    return (_LAMBDA * z, _LAMBDA) if z > _ZERO else (_LAMBDA * _ALPHA * low, _LAMBDA * _ALPHA * (low + _ONE))


@inline
def _softplus(z):
    return (z if z > _ZERO else _ZERO) + log1p(exp(-abs(z))), sigmoid(z)


@inline
def _sigmoid(z):
    s = sigmoid(z)
    return s, s * (_ONE - s)


@inline
def _tanh(z):
    t = tanh(z)
    return t, _ONE - t * t


@inline
def _gelu(z):
    phi = _HALF * (_ONE + erf(z * _SQRT_HALF))
    return z * phi, phi + z * _NORMAL * exp(-_HALF * z * z)


@inline
def _silu(z):
    s = sigmoid(z)
    return z * s, s * (_ONE + z * (_ONE - s))


@inline
def _mish(z):
    soft, s = _softplus(z)
    t = tanh(soft)
    return z * t, t + z * (_ONE - t * t) * s


@loop
def activate(code, value_at, slope_at, count, b):
    """Replace `count` numbers at an address by the activation of them + b; write its derivative to another address."""
    z, slope = floats(value_at, count), floats(slope_at, count)
    if code == 0:
        for i in range(count):
            z[i] += b
            slope[i] = _ONE
    elif code == 1:
        for i in range(count):
            v = z[i] + b
            # not v > 0 is kept as v, so that NaN passes through as in torch.relu
            z[i] = _ZERO if v <= _ZERO else v
            slope[i] = _ONE if v > _ZERO else _ZERO
    elif code == 2:
        for i in range(count):
            z[i], slope[i] = _leaky_relu(z[i] + b)
    elif code == 3:
        for i in range(count):
            z[i], slope[i] = _elu(z[i] + b)
    elif code == 4:
        for i in range(count):
            z[i], slope[i] = _selu(z[i] + b)
    elif code == 5:
        for i in range(count):
            z[i], slope[i] = _softplus(z[i] + b)
    elif code == 6:
        for i in range(count):
            z[i], slope[i] = _sigmoid(z[i] + b)
    elif code == 7:
        for i in range(count):
            z[i], slope[i] = _tanh(z[i] + b)
    elif code == 8:
        for i in range(count):
            z[i], slope[i] = _gelu(z[i] + b)
    elif code == 9:
        for i in range(count):
            z[i], slope[i] = _silu(z[i] + b)
    else:
        for i in range(count):
            z[i], slope[i] = _mish(z[i] + b)


@sums
def add_up(dz, db):
    """db <- sum of dz [units, n] over n."""
    for o in range(dz.shape[0]):
        total = _ZERO
        for i in range(dz.shape[1]):
            total += dz[o, i]
        db[o] = total


@loop
def times(at, factors_at, count):
    """Multiply `count` numbers at an address by those at another."""
    a, b = floats(at, count), floats(factors_at, count)
    for i in range(count):
        a[i] *= b[i]


@inline
def random_bits(low, high, element):
    """The hash of `goodfit.randomness.uniform_bits`, for one element."""
    x = np.uint32(np.uint32(element) * np.uint32(0x9E3779B1) + low)
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ high)
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    x = np.uint32(x ^ (x >> np.uint32(16)))
    return np.uint32(x & np.uint32(0x7FFFFFFF))


@inline
def _threshold(rate):
    return np.uint32(min(np.rint(rate * 2147483648.0), 2147483647.0))


@loop
def drop_units(alpha, key, rate, value_at, slope_at, units, rows, first_row):
    """Dropout, or alpha-dropout, on values and slopes [units, rows] at two addresses.

    Element (row i, unit u) is number (first_row + i) * units + u of the layer's draw.
    """
    if alpha:
        _alpha_drop_units(key, rate, value_at, slope_at, units, rows, first_row)
        return
    h, slope = floats(value_at, (units, rows)), floats(slope_at, (units, rows))
    low, high = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    threshold, scale = _threshold(rate), F(_ONE / F(1 - rate))
    for u in range(units):
        for i in range(rows):
            element = np.uint32(np.uint32(first_row + i) * np.uint32(units) + np.uint32(u))
            kept = scale if random_bits(low, high, element) >= threshold else _ZERO
            h[u, i] *= kept
            slope[u, i] *= kept


@loop
def _alpha_drop_units(key, rate, value_at, slope_at, units, rows, first_row):
    """The formula of `goodfit.nn.dropout.alpha_drop`."""
    h, slope = floats(value_at, (units, rows)), floats(slope_at, (units, rows))
    low, high = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    threshold = _threshold(rate)
    a = 1 / np.sqrt((1 - rate) * (1 + rate * _SELU_FLOOR * _SELU_FLOOR))
    scale, shift, dropped = F(a), F(-a * rate * _SELU_FLOOR), F(a * _SELU_FLOOR - a * rate * _SELU_FLOOR)
    for u in range(units):
        for i in range(rows):
            element = np.uint32(np.uint32(first_row + i) * np.uint32(units) + np.uint32(u))
            kept = random_bits(low, high, element) >= threshold
            h[u, i] = h[u, i] * scale + shift if kept else dropped
            slope[u, i] *= scale if kept else _ZERO


@loop
def drop_weights(key, rate, w, dropped, at, count):
    """DropConnect (Wan et al. 2013): write what stays of the weights, scaled by 1 / (1 - rate), to `dropped`."""
    low, high = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    threshold, scale = _threshold(rate), F(_ONE / F(1 - rate))
    for i in range(count):
        dropped[at + i] = w[at + i] * (scale if random_bits(low, high, np.uint32(i)) >= threshold else _ZERO)
