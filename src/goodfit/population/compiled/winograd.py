"""Convolution with 3 x 3 filters and stride 1 by Winograd's F(4 x 4, 3 x 3): a quarter of the products of the direct way.

The results of an image are cut into squares of 4 x 4, each of which hangs on 6 x 6 pixels. Pixels and filters are
transformed (`goodfit.population.compiled.transforms`); then the products of the 36 elements, summed over the channels, take
the place of the 144 of each square and channel (Lavin and Gray 2016). With w transformed to U, pixels to V and the
gradient dz of the results to Z, element by element:

    M[o] = sum_c U[o, c] V[c], and z is the transform of M back;
    dU[o, c] = sum Z[o] V[c] over squares and samples, and dw is the transform of dU back;
    dx is the convolution of dz with the filters turned.

`_SQUARES` squares are transformed at a time, so that V, or V and Z, lie in the second-level cache. Sums have a fixed order:
results do not depend on memory alignment, and a sample's own numbers do not depend on its place in the batch.
"""

import numpy as np

from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.passes import add_up
from goodfit.population.compiled.tiles import (
    ACCUMULATORS,
    SERIES,
    aligned,
    round_up,
    series_6,
    series_12,
    weights_6,
)
from goodfit.population.compiled.transforms import (
    ONE,
    transform_filters,
    transform_filters_gradient,
    transform_pixels,
    transform_results,
    transform_results_gradient,
    turn,
)
from goodfit.population.compiled.vectors import LANES, address, load, splat, store

F = np.float32
_ZERO = F(0)

_STEP, _SIDE, _TAPS = 4, 6, 3
"""Pixels of a square of results, of the square that it hangs on, and of a filter."""
_ELEMENTS = _SIDE * _SIDE
_ONES = np.array([row * column for row in ONE for column in ONE], np.float32)
"""What is transformed back to 1 for each of the 16 results: a bias enters here."""

_SQUARES = SERIES // LANES
"""Squares transformed at a time."""
_ROWS = 6
"""Channels of a tile of results; with `_SQUARES` columns it fills the registers."""
_CHANNELS = 16
"""Channels and filters from which the transforms pay."""


@loop
def pays(channels, filters, high, wide):
    """Whether images of so many channels, filters and results are convolved faster than directly."""
    squares = round_up(_across(high) * _across(wide), _SQUARES)
    return min(channels, filters) >= _CHANNELS and 2 * _ELEMENTS * squares <= _TAPS * _TAPS * high * wide


@loop
def _across(side):
    return round_up(side, _STEP) // _STEP


@loop
def scratch_size(channels, filters):
    """Return the number of float32 that the two functions need as scratch memory."""
    most, both = max(channels, filters), channels + filters + 2 * _WIDEST
    forward = max(_filters_size(channels, filters), _filters_size(filters, channels)) + (most + 1) * _ELEMENTS * SERIES
    product = _ELEMENTS * (_ROWS * _SQUARES + 1) * LANES
    gradients = (channels + _WIDEST) * (filters + _WIDEST) + LANES
    backward = _ELEMENTS * (gradients + (both + 2) * SERIES) + _STEP * _STEP * LANES * (filters + _WIDEST)
    return max(forward + product, backward) + (_ELEMENTS + 3) * LANES


_WIDEST = ACCUMULATORS // _ROWS * LANES
"""Filters of which the gradient of the weights is summed at a time, at most."""


@loop
def correlate(x, w, bias, turned, padding, out, scratch):
    """Write the convolution of x with w, plus bias, to out; or, turned, the gradient of the input, x being that of the results.

    Shape: x [C, H, W, B]; w [O, C, 3, 3]; bias [O]; out [O, Ho, Wo, B]; turned: x [O, Ho, Wo, B]; bias [C], zeros;
    out [C, H, W, B]; scratch [>= scratch_size(...)].
    """
    scratch = aligned(scratch)
    _pack_filters(w, bias, turned, scratch)
    _correlate(x, _TAPS - 1 - padding if turned else padding, out, scratch)


@loop
def _block(sources):
    """Numbers between the transformed filters of one element and the next: what to start from, then a row for each source.

    Rows are stored as whole vectors; the last needs room for what goes beyond it.
    """
    return (1 + sources) * _ROWS + LANES


@loop
def _filters_size(sources, results):
    transformed = round_up(results, _ROWS) // _ROWS * _ELEMENTS * _block(sources)
    return round_up(transformed, LANES) + _TAPS * _TAPS * LANES + _ELEMENTS * (round_up(results, LANES) + LANES)


@loop
def _pack_filters(w, bias, turned, scratch):
    """Write transformed filters to the start of scratch, [tile of results, element, bias and sources, _ROWS].

    If `turned`, w leads from its filters to its channels, taps in reverse.
    """
    filters, channels = w.shape[:2]
    results, sources = (channels, filters) if turned else (filters, channels)
    block, tiles = _block(sources), round_up(results, _ROWS) // _ROWS
    taps_at = round_up(tiles * _ELEMENTS * block, LANES)
    spread_at, wide = taps_at + _TAPS * _TAPS * LANES, round_up(results, LANES) + LANES
    scratch[: spread_at + _ELEMENTS * wide] = _ZERO
    for r in range(results):
        for e in range(_ELEMENTS):
            scratch[(r // _ROWS * _ELEMENTS + e) * block + r % _ROWS] = bias[r] * _ONES[e]
    for s in range(sources):
        for first in range(0, results, LANES):
            for lane in range(min(LANES, results - first)):
                taps = (w[s, first + lane] if turned else w[first + lane, s]).reshape(-1)
                for t in range(_TAPS * _TAPS):
                    scratch[taps_at + t * LANES + lane] = taps[_TAPS * _TAPS - 1 - t] if turned else taps[t]
            transform_filters(
                address(scratch, taps_at), _TAPS * LANES, LANES, address(scratch, spread_at + first), _SIDE * wide, wide
            )  # fmt: skip
        for tile in range(tiles):
            for e in range(_ELEMENTS):
                row = (tile * _ELEMENTS + e) * block + (1 + s) * _ROWS
                store(scratch, row, load(scratch, spread_at + e * wide + tile * _ROWS))


@loop
def _transform_strip(x, padding, first, down, across, at_sample, scratch, square_at, at, plane):
    """Transform `_SQUARES` squares of a block of samples to scratch[at:], [element, channel, square, LANES].

    Where there are fewer, the last is repeated. Elements are `plane` numbers apart.
    """
    channels, height, width, batch = x.shape
    flat = x.reshape(-1)
    for k in range(_SQUARES):
        square = min(first + k, down * across - 1)
        y, i = square // across * _STEP - padding, square % across * _STEP - padding
        inside = y >= 0 and i >= 0 and y + _SIDE <= height and i + _SIDE <= width and at_sample + LANES <= batch
        for pixel in range(0 if inside else _ELEMENTS):
            store(scratch, square_at + pixel * LANES, splat(_ZERO))
        for c in range(channels):
            target = address(scratch, at + (c * _SQUARES + k) * LANES)
            if inside:
                source = address(flat, ((c * height + y) * width + i) * batch + at_sample)
                transform_pixels(source, width * batch, batch, target, _SIDE * plane, plane)
            else:
                _copy_square(x[c], y, i, at_sample, scratch, square_at)
                transform_pixels(address(scratch, square_at), _SIDE * LANES, LANES, target, _SIDE * plane, plane)


@loop
def _copy_square(x, y, i, at_sample, scratch, square_at):
    """Copy what of a square of pixels lies in x [H, W, B] to scratch[square_at:], [6, 6, LANES]."""
    height, width, batch = x.shape
    flat, lanes = x.reshape(-1), min(LANES, batch - at_sample)
    for row in range(max(0, -y), min(_SIDE, height - y)):
        for column in range(max(0, -i), min(_SIDE, width - i)):
            source = ((y + row) * width + i + column) * batch + at_sample
            target = square_at + (row * _SIDE + column) * LANES
            _copy_samples(flat, source, scratch, target, lanes)


@loop
def _copy_samples(source, at, target, target_at, lanes):
    """Copy a pixel of a block of samples, of which the last may hold fewer."""
    if lanes == LANES:
        store(target, target_at, load(source, at))
    else:
        for lane in range(lanes):
            target[target_at + lane] = source[at + lane]


@loop
def _correlate(x, padding, out, scratch):
    """Convolve x with the filters that lie transformed at the start of scratch."""
    sources, batch, results = x.shape[0], x.shape[3], out.shape[0]
    down, across, block = _across(out.shape[1]), _across(out.shape[2]), _block(sources)
    strip_at = round_up(_filters_size(sources, results), LANES)
    # a line of the cache more than a power of two: else the 36 elements would fall into the same few of its sets
    strip, product = sources * SERIES + LANES, _ROWS * SERIES + LANES
    product_at = strip_at + _ELEMENTS * strip
    square_at = product_at + _ELEMENTS * product
    starts, ends, steps = _places(strip_at, strip, _SQUARES), _places(product_at, product, _SQUARES), np.arange(sources)
    steps *= SERIES
    for at_sample in range(0, batch, LANES):
        for first in range(0, down * across, _SQUARES):
            _transform_strip(x, padding, first, down, across, at_sample, scratch, square_at, strip_at, strip)
            for r in range(0, results, _ROWS):
                tile = r // _ROWS * _ELEMENTS
                for e in range(_ELEMENTS):
                    weights_6(
                        scratch, (tile + e) * block, scratch, starts, steps, 0, sources, scratch, 0, SERIES, ends,
                        e * _SQUARES,
                    )  # fmt: skip
                for row in range(min(_ROWS, results - r)):
                    for k in range(min(_SQUARES, down * across - first)):
                        at, square = product_at + row * SERIES + k * LANES, first + k
                        y, i = square // across * _STEP, square % across * _STEP
                        _finish(scratch, at, product, square_at, out[r + row], y, i, at_sample)


@loop
def _places(at, plane, columns):
    """Where each column of each element begins, [elements * columns]."""
    places = np.empty(_ELEMENTS * columns, np.int64)
    for k in range(places.size):
        places[k] = at + k // columns * plane + k % columns * LANES
    return places


@loop
def _finish(scratch, at, plane, square_at, out, y, i, at_sample):
    """Transform a square back and write what of it lies in out [Ho, Wo, B]."""
    height, width, batch = out.shape
    flat, target = out.reshape(-1), (y * width + i) * batch + at_sample
    whole = y + _STEP <= height and i + _STEP <= width and at_sample + LANES <= batch
    where = address(flat, target) if whole else address(scratch, square_at)
    next_row, next_column = (width * batch, batch) if whole else (_STEP * LANES, LANES)
    transform_results(address(scratch, at), _SIDE * plane, plane, where, next_row, next_column)
    if whole:
        return
    lanes = min(LANES, batch - at_sample)
    for row in range(min(_STEP, height - y)):
        for column in range(min(_STEP, width - i)):
            source, place = square_at + (row * _STEP + column) * LANES, target + (row * width + column) * batch
            _copy_samples(scratch, source, flat, place, lanes)


@loop
def backward_weight(x, dz, padding, dw, db, scratch):
    """Write the gradients of the filters and of the bias to dw and db.

    Here the filters are the innermost dimension of Z and of the sums: sums of each sample apart, as vectors of samples
    would be, take more memory than a cache has.

    Shape: x [C, H, W, B]; dz [O, Ho, Wo, B]; dw [O, C, 3, 3]; db [O]; scratch [>= scratch_size(...)].
    """
    scratch = aligned(scratch)
    channels, batch, filters = x.shape[0], x.shape[3], dz.shape[0]
    rows = _rows_of_sums(filters)
    columns = ACCUMULATORS // rows
    breadth, many = round_up(filters, columns * LANES), round_up(channels, rows)
    down, across = _across(dz.shape[1]), _across(dz.shape[2])
    total, strip, gradient = many * breadth + LANES, many * SERIES + LANES, SERIES * breadth + LANES
    strip_at = _ELEMENTS * total
    gradient_at = strip_at + _ELEMENTS * strip
    square_at = gradient_at + _ELEMENTS * gradient
    pixels_at = square_at + _STEP * _STEP * LANES * breadth
    scratch[:pixels_at] = _ZERO
    vectors = breadth // LANES
    starts, ends, steps = _places(gradient_at, gradient, vectors), _places(0, total, vectors), np.arange(SERIES)
    steps *= breadth
    for at_sample in range(0, batch, LANES):
        for first in range(0, down * across, _SQUARES):
            _transform_strip(x, padding, first, down, across, at_sample, scratch, pixels_at, strip_at, strip)
            _transform_gradient(first, down, across, dz, at_sample, scratch, square_at, breadth, gradient_at, gradient)
            for e in range(_ELEMENTS):
                for c in range(0, many, rows):
                    for k in range(e * vectors, (e + 1) * vectors, columns):
                        _multiply_series(
                            rows, scratch, strip_at + e * strip + c * SERIES, starts, steps, c * breadth, breadth, ends, k
                        )  # fmt: skip
    _finish_weights(scratch, total, breadth, square_at, dw)
    add_up(dz.reshape(filters, -1), db)


@loop
def _rows_of_sums(filters):
    """Channels of a tile of the sums: few filters leave registers for more of them."""
    return 12 if -filters % (4 * LANES) >= 2 * LANES else 6


@loop
def _multiply_series(rows, scratch, left_at, starts, steps, result_at, stride, ends, column):
    if rows == 12:
        series_12(scratch, left_at, scratch, starts, steps, 0, SERIES, scratch, result_at, stride, ends, column)
    else:
        series_6(scratch, left_at, scratch, starts, steps, 0, SERIES, scratch, result_at, stride, ends, column)


@loop
def _transform_gradient(first, down, across, dz, at_sample, scratch, square_at, breadth, at, plane):
    """Transform `_SQUARES` squares of a block of dz to scratch[at:], [element, square, sample, filter].

    Squares that do not exist are zero. Elements are `plane` numbers apart.
    """
    vectors = breadth // LANES
    for k in range(_SQUARES):
        square = first + k
        if square < down * across:
            _turn_square(dz, square // across * _STEP, square % across * _STEP, at_sample, scratch, square_at, breadth)
        pixel = LANES * breadth
        for v in range(LANES * vectors):
            target = at + (k * LANES * vectors + v) * LANES
            if square < down * across:
                transform_results_gradient(
                    address(scratch, square_at + v * LANES), _STEP * pixel, pixel, address(scratch, target), _SIDE * plane, plane
                )  # fmt: skip
            else:
                for e in range(_ELEMENTS):
                    store(scratch, target + e * plane, splat(_ZERO))


@loop
def _turn_square(dz, y, i, at_sample, scratch, at, breadth):
    """Copy a square of a block of samples to scratch[at:], [4, 4, LANES, filter]; what lies outside of dz is zero."""
    filters, height, width, batch = dz.shape
    flat = dz.reshape(-1)
    apart, lanes = height * width * batch, min(LANES, batch - at_sample)
    for row in range(_STEP):
        for column in range(_STEP):
            target = at + (row * _STEP + column) * LANES * breadth
            source = ((y + row) * width + i + column) * batch + at_sample
            inside = y + row < height and i + column < width
            for o in range(0, filters, LANES):
                if inside and lanes == LANES and o + LANES <= filters:
                    turn(flat, source + o * apart, apart, scratch, target + o, breadth)
                    continue
                for lane in range(LANES):
                    for f in range(o, min(o + LANES, filters)):
                        value = flat[source + f * apart + lane] if inside and lane < lanes else _ZERO
                        scratch[target + lane * breadth + f] = value


@loop
def _finish_weights(scratch, total, breadth, square_at, dw):
    """Transform the sums back and write them to dw."""
    filters, channels = dw.shape[:2]
    for c in range(channels):
        for o in range(0, filters, LANES):
            transform_filters_gradient(
                address(scratch, c * breadth + o), _SIDE * total, total, address(scratch, square_at), _TAPS * LANES, LANES
            )  # fmt: skip
            for lane in range(min(LANES, filters - o)):
                for t in range(_TAPS * _TAPS):
                    dw[o + lane, c, t // _TAPS, t % _TAPS] = scratch[square_at + t * LANES + lane]
