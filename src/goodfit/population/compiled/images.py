"""Batch norm and pooling of one network on one thread: features [F, B] or images [C, H, W, B]."""

import numpy as np

from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.vectors import (
    LANES,
    add,
    load,
    multiply_add,
    splat,
    store,
    total_of,
    where_equal,
)

F = np.float32
_ZERO, _ONE = F(0), F(1)


@loop
def _sum(x):
    """The sum of a row: 64 partial sums, then the rest."""
    n = x.size // (4 * LANES) * (4 * LANES)
    zero = splat(_ZERO)
    a, b, c, d = zero, zero, zero, zero
    for i in range(0, n, 4 * LANES):
        a = add(a, load(x, i))
        b = add(b, load(x, i + LANES))
        c = add(c, load(x, i + 2 * LANES))
        d = add(d, load(x, i + 3 * LANES))
    total = total_of(add(add(a, b), add(c, d)))
    for i in range(n, x.size):
        total += x[i]
    return total


@loop
def _sum_of_squares(x, mean):
    """The sum of (x - mean)^2."""
    n = x.size // (4 * LANES) * (4 * LANES)
    zero, shift = splat(_ZERO), splat(-mean)
    a, b, c, d = zero, zero, zero, zero
    for i in range(0, n, 4 * LANES):
        u, v = add(load(x, i), shift), add(load(x, i + LANES), shift)
        a, b = multiply_add(u, u, a), multiply_add(v, v, b)
        u, v = add(load(x, i + 2 * LANES), shift), add(load(x, i + 3 * LANES), shift)
        c, d = multiply_add(u, u, c), multiply_add(v, v, d)
    total = total_of(add(add(a, b), add(c, d)))
    for i in range(n, x.size):
        total += (x[i] - mean) * (x[i] - mean)
    return total


@loop
def _sum_and_product(dout, x, mean):
    """The sums of dout and of dout (x - mean)."""
    n = x.size // (4 * LANES) * (4 * LANES)
    zero, shift = splat(_ZERO), splat(-mean)
    a, b, c, d = zero, zero, zero, zero
    p, q, r, s = zero, zero, zero, zero
    for i in range(0, n, 4 * LANES):
        u, v = load(dout, i), load(dout, i + LANES)
        a, b = add(a, u), add(b, v)
        p = multiply_add(u, add(load(x, i), shift), p)
        q = multiply_add(v, add(load(x, i + LANES), shift), q)
        u, v = load(dout, i + 2 * LANES), load(dout, i + 3 * LANES)
        c, d = add(c, u), add(d, v)
        r = multiply_add(u, add(load(x, i + 2 * LANES), shift), r)
        s = multiply_add(v, add(load(x, i + 3 * LANES), shift), s)
    total, product = total_of(add(add(a, b), add(c, d))), total_of(add(add(p, q), add(r, s)))
    for i in range(n, x.size):
        total += dout[i]
        product += dout[i] * (x[i] - mean)
    return total, product


@loop
def batch_norm_forward(x, gamma, beta, running_mean, running_var, momentum, eps, training, mean, rstd, out):
    """Normalise each row of x as `torch.nn.BatchNorm` does; out may be x if no gradient is wanted.

    Shape: x and out [C, N], N = H * W * B for images and B for features; all others [C]; momentum and eps numbers.
    """
    for c in range(x.shape[0]):
        mean[c], rstd[c] = _statistics(x[c], c, running_mean, running_var, momentum, eps, training)
        _scale(x[c], mean[c], gamma[c] * rstd[c], beta[c], out[c])


@loop
def _statistics(x, c, running_mean, running_var, momentum, eps, training):
    """Return mean and 1 / standard deviation of channel c, those of the batch in training, which are then averaged in."""
    if not training:
        return running_mean[c], _ONE / np.sqrt(running_var[c] + F(eps))
    n, weight = F(x.size), F(momentum)
    mean = _sum(x) / n
    squares = _sum_of_squares(x, mean)
    running_mean[c] += weight * (mean - running_mean[c])
    running_var[c] += weight * (squares / max(n - _ONE, _ONE) - running_var[c])
    return mean, _ONE / np.sqrt(squares / n + F(eps))


@loop
def _scale(x, shift, scale, offset, out):
    for i in range(x.size):
        out[i] = (x[i] - shift) * scale + offset


@loop
def batch_norm_backward(dout, x, gamma, mean, rstd, dx, dgamma, dbeta):
    """Write the gradients of `batch_norm_forward` in training; dx may be dout.

    Shape: dout, x and dx [C, N]; all others [C].
    """
    n = F(x.shape[1])
    for c in range(x.shape[0]):
        dbeta[c], product = _sum_and_product(dout[c], x[c], mean[c])
        dgamma[c] = product * rstd[c]
        _unscale(dout[c], x[c], mean[c], gamma[c] * rstd[c], dbeta[c] / n, dgamma[c] * rstd[c] / n, dx[c])


@loop
def _unscale(dout, x, mean, scale, offset, slope, dx):
    for i in range(x.size):
        dx[i] = scale * (dout[i] - offset - (x[i] - mean) * slope)


@loop
def max_pool_forward(x, k, out, where):
    """Write the largest of each k x k window to out and its number in the window, row by row, to where.

    NaN counts as larger than any number; of equal numbers the first is taken.

    Shape: x [C, H, W, B]; out and where (uint8) [C, H // k, W // k, B].
    """
    for c in range(out.shape[0]):
        for y in range(out.shape[1]):
            for i in range(out.shape[2]):
                best, tap = out[c, y, i], where[c, y, i]
                _copy(x[c, y * k, i * k], best, tap)
                for t in range(1, k * k):
                    _larger(x[c, y * k + t // k, i * k + t % k], np.uint8(t), best, tap)


@loop
def _copy(x, best, tap):
    for b in range(x.size):
        best[b] = x[b]
        tap[b] = np.uint8(0)


@loop
def _larger(x, t, best, tap):
    for b in range(x.size):
        v, old = x[b], best[b]
        new = not (v <= old) and old == old
        best[b] = v if new else old
        tap[b] = t if new else tap[b]


@loop
def max_pool_backward(dout, where, k, dx):
    """Write the gradient of `max_pool_forward` to dx.

    Shape: dout and where [C, H // k, W // k, B]; dx [C, H, W, B].
    """
    _clear_margin(k, dx)
    for c in range(dout.shape[0]):
        for y in range(dout.shape[1]):
            for i in range(dout.shape[2]):
                for t in range(k * k):
                    _route(dout[c, y, i], where[c, y, i], np.uint8(t), dx[c, y * k + t // k, i * k + t % k])


@loop
def _route(dout, tap, t, dx):
    for b in range(dout.size):
        dx[b] = dout[b] if tap[b] == t else _ZERO


@loop
def _clear_margin(k, dx):
    """Set to zero the pixels right and below that no window covers."""
    height, width = dx.shape[1] // k * k, dx.shape[2] // k * k
    for c in range(dx.shape[0]):
        for y in range(dx.shape[1]):
            for i in range(width if y < height else 0, dx.shape[2]):
                dx[c, y, i] = _ZERO


@loop
def norm_pool_forward(
    x, gamma, beta, running_mean, running_var, momentum, eps, training, k, mean, rstd, out, where
):  # fmt: skip
    """Batch norm, ReLU and max pooling, a channel at a time, so that it lies in the cache from one to the next.

    The number in the window is k * k where ReLU lets nothing of it through. Apart, the three move the images of the
    batch through memory several times more.

    Shape: x [C, H, W, B]; out and where (uint8) [C, H // k, W // k, B]; all others [C]; momentum, eps and k numbers.
    """
    for c in range(x.shape[0]):
        mean[c], rstd[c] = _statistics(x[c].reshape(-1), c, running_mean, running_var, momentum, eps, training)
        scale = gamma[c] * rstd[c]
        for y in range(out.shape[1]):
            for i in range(out.shape[2]):
                best, tap = out[c, y, i], where[c, y, i]
                _scale(x[c, y * k, i * k], mean[c], scale, beta[c], best)
                for b in range(tap.size):
                    tap[b] = np.uint8(0)
                for t in range(1, k * k):
                    pixels = x[c, y * k + t // k, i * k + t % k]
                    _larger_scaled(pixels, mean[c], scale, beta[c], np.uint8(t), best, tap)
                _rectify(np.uint8(k * k), best, tap)


@loop
def _larger_scaled(x, shift, scale, offset, t, best, tap):
    for b in range(x.size):
        v, old = (x[b] - shift) * scale + offset, best[b]
        new = not (v <= old) and old == old
        best[b] = v if new else old
        tap[b] = t if new else tap[b]


@loop
def _rectify(nothing, best, tap):
    for b in range(best.size):
        low = best[b] <= _ZERO  # NaN is not, and passes as in torch.relu
        best[b] = _ZERO if low else best[b]
        tap[b] = nothing if low else tap[b]


@loop
def norm_pool_backward(dout, where, x, gamma, mean, rstd, k, dx, dgamma, dbeta):
    """Write the gradients of `norm_pool_forward` in training; dx may be x.

    Shape: dout and where [C, H // k, W // k, B]; x and dx [C, H, W, B]; all others [C]; k a number.
    """
    n = F(x[0].size)
    for c in range(x.shape[0]):
        dbeta[c], product = _sum_and_product_chosen(dout[c], where[c], x[c], mean[c], k)
        dgamma[c] = product * rstd[c]
        offset, slope = dbeta[c] / n, dgamma[c] * rstd[c] / n
        _unscale_chosen(dout[c], where[c], x[c], mean[c], gamma[c] * rstd[c], offset, slope, k, dx[c])


@loop
def _sum_and_product_chosen(dout, where, x, mean, k):
    """The sums of dout and of dout (x - mean), x being the pixel of each window that was let through."""
    height, width, batch = dout.shape
    gradients, pixels, taps = dout.reshape(-1), x.reshape(-1), where.reshape(-1)
    nothing, whole = np.uint8(k * k), batch // LANES * LANES
    zero, shift = splat(_ZERO), splat(-mean)
    sums, products, total, product = zero, zero, _ZERO, _ZERO
    for y in range(height):
        for i in range(width):
            at, corner = (y * width + i) * batch, (y * k * x.shape[1] + i * k) * batch
            for b in range(0, whole, LANES):
                chosen = zero
                for t in range(k * k):
                    pixel = load(pixels, corner + (t // k * x.shape[1] + t % k) * batch + b)
                    chosen = where_equal(taps, at + b, np.uint8(t), pixel, chosen)
                passed = where_equal(taps, at + b, nothing, zero, load(gradients, at + b))
                sums, products = add(sums, passed), multiply_add(passed, add(chosen, shift), products)
            for b in range(whole, batch):
                t = np.int64(taps[at + b])
                if t < k * k:
                    pixel = pixels[corner + (t // k * x.shape[1] + t % k) * batch + b]
                    total += gradients[at + b]
                    product += gradients[at + b] * (pixel - mean)
    return total + total_of(sums), product + total_of(products)


@loop
def _unscale_chosen(dout, where, x, mean, scale, offset, slope, k, dx):
    """Write scale (d - offset - (x - mean) slope), d being dout where a pixel was let through and 0 elsewhere."""
    height, width, batch = dout.shape
    gradients, taps, pixels, out = dout.reshape(-1), where.reshape(-1), x.reshape(-1), dx.reshape(-1)
    whole = batch // LANES * LANES
    zero, shift, factor = splat(_ZERO), splat(-mean), splat(scale)
    constant, steep = splat(-scale * offset), splat(-scale * slope)
    for y in range(height):
        for i in range(width):
            for t in range(k * k):
                at = (y * width + i) * batch
                pixel = ((y * k + t // k) * x.shape[1] + i * k + t % k) * batch
                for b in range(0, whole, LANES):
                    d = where_equal(taps, at + b, np.uint8(t), load(gradients, at + b), zero)
                    rest = multiply_add(add(load(pixels, pixel + b), shift), steep, constant)
                    store(out, pixel + b, multiply_add(d, factor, rest))
                for b in range(whole, batch):
                    d = gradients[at + b] if taps[at + b] == t else _ZERO
                    out[pixel + b] = scale * (d - offset - (pixels[pixel + b] - mean) * slope)
    # the pixels right and below that no window covers
    for y in range(x.shape[0]):
        for i in range(width * k if y < height * k else 0, x.shape[1]):
            for b in range(batch):
                dx[y, i, b] = scale * (-offset - (x[y, i, b] - mean) * slope)


@loop
def avg_pool_forward(x, k, out):
    """Write the mean of each k x k window to out.

    Shape: x [C, H, W, B]; out [C, H // k, W // k, B].
    """
    weight = _ONE / F(k * k)
    for c in range(out.shape[0]):
        for y in range(out.shape[1]):
            for i in range(out.shape[2]):
                _window_mean(x[c], y * k, i * k, k, k, weight, out[c, y, i])


@loop
def _window_mean(x, top, left, kh, kw, weight, out):
    _scale(x[top, left], _ZERO, _ONE, _ZERO, out)
    for t in range(1, kh * kw):
        _accumulate(x[top + t // kw, left + t % kw], out)
    for b in range(out.size):
        out[b] *= weight


@loop
def _accumulate(x, total):
    for b in range(x.size):
        total[b] += x[b]


@loop
def avg_pool_backward(dout, k, dx):
    """Write the gradient of `avg_pool_forward` to dx.

    Shape: dout [C, H // k, W // k, B]; dx [C, H, W, B].
    """
    weight = _ONE / F(k * k)
    _clear_margin(k, dx)
    for c in range(dout.shape[0]):
        for y in range(dout.shape[1]):
            for i in range(dout.shape[2]):
                for t in range(k * k):
                    _scale(dout[c, y, i], _ZERO, weight, _ZERO, dx[c, y * k + t // k, i * k + t % k])
