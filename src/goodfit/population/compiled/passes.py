"""Passes over one layer's units: activation with its slope, dropout. Layout [units, B], the batch innermost.

Activations mirror `goodfit.nn.activations`; each is one formula z -> (value, slope). A name that is missing in
`ACTIVATION_CODES` is trained by another kernel.
"""

import numpy as np

from goodfit.population.compiled.elementary import erf, exp, expm1, log1p, sigmoid, tanh
from goodfit.population.compiled.jit import inline, loop

F = np.float32
_ZERO, _HALF, _ONE, _TWO = F(0), F(0.5), F(1), F(2)
_LEAK = F(0.01)
_ALPHA, _LAMBDA = F(1.6732632423543772), F(1.0507009873554805)
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
def activate(code, z, bias, slope):
    """Replace z [units, B] by the activation of z + bias; write its derivative to `slope` [units, B]."""
    units, rows = z.shape
    for u in range(units):
        b = bias[u]
        if code == 0:
            for i in range(rows):
                z[u, i] += b
                slope[u, i] = _ONE
        elif code == 1:
            for i in range(rows):
                v = z[u, i] + b
                # not v > 0 is kept as v, so that NaN passes through as in torch.relu
                z[u, i] = _ZERO if v <= _ZERO else v
                slope[u, i] = _ONE if v > _ZERO else _ZERO
        elif code == 2:
            for i in range(rows):
                z[u, i], slope[u, i] = _leaky_relu(z[u, i] + b)
        elif code == 3:
            for i in range(rows):
                z[u, i], slope[u, i] = _elu(z[u, i] + b)
        elif code == 4:
            for i in range(rows):
                z[u, i], slope[u, i] = _selu(z[u, i] + b)
        elif code == 5:
            for i in range(rows):
                z[u, i], slope[u, i] = _softplus(z[u, i] + b)
        elif code == 6:
            for i in range(rows):
                z[u, i], slope[u, i] = _sigmoid(z[u, i] + b)
        elif code == 7:
            for i in range(rows):
                z[u, i], slope[u, i] = _tanh(z[u, i] + b)
        elif code == 8:
            for i in range(rows):
                z[u, i], slope[u, i] = _gelu(z[u, i] + b)
        elif code == 9:
            for i in range(rows):
                z[u, i], slope[u, i] = _silu(z[u, i] + b)
        else:
            for i in range(rows):
                z[u, i], slope[u, i] = _mish(z[u, i] + b)


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


@loop
def drop_units(key, rate, h, slope):
    """Dropout on h [units, B] and its slope: element (row i, unit u) is number i * units + u of the layer's draw."""
    units, rows = h.shape
    low, high = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    threshold = np.uint32(min(np.rint(rate * 2147483648.0), 2147483647.0))
    scale = np.float32(_ONE / np.float32(1 - rate))
    for u in range(units):
        for i in range(rows):
            element = np.uint32(np.uint32(i) * np.uint32(units) + np.uint32(u))
            kept = scale if random_bits(low, high, element) >= threshold else _ZERO
            h[u, i] *= kept
            slope[u, i] *= kept


@loop
def drop_weights(key, rate, w, dropped):
    """DropConnect (Wan et al. 2013): write the weights w, flat, that stay, scaled by 1 / (1 - rate), to `dropped`."""
    low, high = np.uint32(key & np.uint64(0xFFFFFFFF)), np.uint32(key >> np.uint64(32))
    threshold = np.uint32(min(np.rint(rate * 2147483648.0), 2147483647.0))
    scale = np.float32(_ONE / np.float32(1 - rate))
    for i in range(w.size):
        dropped[i] = w[i] * (scale if random_bits(low, high, np.uint32(i)) >= threshold else _ZERO)
