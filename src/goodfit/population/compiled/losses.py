"""Losses and their gradient at the outputs, layout [n_out, B]; the formulas of `goodfit.losses`.

A name that is missing in `LOSS_CODES` is trained by another kernel.
"""

import numpy as np

from goodfit.population.compiled.elementary import exp
from goodfit.population.compiled.jit import loop, sums
from goodfit.population.compiled.vectors import floats, integers

F = np.float32
_ZERO, _HALF, _ONE, _TWO = F(0), F(0.5), F(1), F(2)

LOSS_CODES = {"squared_error": 0, "absolute_error": 1, "huber": 2, "cross_entropy": 3, "one_hot_squared_error": 4}
"""By the name of the function in `goodfit.losses`."""


@sums
def _regression(code, output, target, weight, gradient):
    total = 0.0
    for i in range(output.shape[1]):
        d = output[0, i] - target[i]
        a = abs(d)
        sign = _ONE if d > _ZERO else (-_ONE if d < _ZERO else _ZERO)
        if code == 0:
            loss, slope = d * d, _TWO * d
        elif code == 1:
            loss, slope = a, sign
        else:
            loss, slope = (_HALF * d * d, d) if a < _ONE else (a - _HALF, sign)
        total += loss * weight[i]
        gradient[0, i] += slope * weight[i]
    return total


@loop
def _cross_entropy(output, label, weight, gradient, highest, total_exp):
    classes, rows = output.shape
    for i in range(rows):
        highest[i], total_exp[i] = output[0, i], _ZERO
    for c in range(1, classes):
        for i in range(rows):
            v = output[c, i]
            # a comparison with NaN is false: NaN is carried on by the sum of exponentials
            highest[i] = v if v > highest[i] else highest[i]
    for c in range(classes):
        for i in range(rows):
            total_exp[i] += exp(output[c, i] - highest[i])
    total = 0.0
    for i in range(rows):
        total += (np.log(np.float64(total_exp[i])) - (output[label[i], i] - highest[i])) * weight[i]
    for c in range(classes):
        for i in range(rows):
            gradient[c, i] += exp(output[c, i] - highest[i]) / total_exp[i] * weight[i]
    for i in range(rows):
        gradient[label[i], i] -= weight[i]
    return total


@loop
def _smooth(output, label, weight, gradient, smoothing):
    """Add the gradient of `goodfit.losses.smoothing_term`, times `smoothing`."""
    classes, rows = output.shape
    share = smoothing / F(classes)
    for c in range(classes):
        for i in range(rows):
            gradient[c, i] -= share * weight[i]
    for i in range(rows):
        gradient[label[i], i] += smoothing * weight[i]


@loop
def _one_hot_squared_error(output, label, weight, gradient):
    classes, rows = output.shape
    share = _ONE / F(classes)
    total = 0.0
    for i in range(rows):
        row = 0.0
        for c in range(classes):
            d = output[c, i] - (_ONE if c == label[i] else _ZERO)
            row += d * d
            gradient[c, i] += _TWO * share * d * weight[i]
        total += row / classes * weight[i]
    return total


@loop
def add_loss(code, smoothing, n_out, rows, output_at, gradient_at, target_at, label_at, weight_at, scratch_at):
    """Return the weighted sum of the rows' losses; add its gradient, and that of label smoothing by the share `smoothing`.

    All arrays are given by their address.

    Shape:
        output, gradient: [n_out, rows]. target: float32 [rows] (regression). label: int64 [rows] (class index).
        weight: float32 [rows]. scratch: float32 [2, rows].
    """
    output, gradient = floats(output_at, (n_out, rows)), floats(gradient_at, (n_out, rows))
    weight = floats(weight_at, rows)
    if code == 3:
        scratch = floats(scratch_at, (2, rows))
        label = integers(label_at, rows)
        if smoothing > _ZERO:
            _smooth(output, label, weight, gradient, smoothing)
        return _cross_entropy(output, label, weight, gradient, scratch[0], scratch[1])
    if code == 4:
        return _one_hot_squared_error(output, integers(label_at, rows), weight, gradient)
    return _regression(code, output, floats(target_at, rows), weight, gradient)
