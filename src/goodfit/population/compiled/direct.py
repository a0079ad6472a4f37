"""Convolution of one network on one thread, product by product, for filters of any size and stride.

A block of `LANES` samples is copied with a border into scratch memory that fits the cache, whence tiles of results take it.
Results do not depend on memory alignment, and a sample's own numbers do not depend on its place in the batch.
"""

import numpy as np

from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.tiles import (
    ACCUMULATORS,
    aligned,
    round_up,
    vectors_4,
    vectors_6,
    vectors_8,
    weights_4,
    weights_6,
    weights_8,
)
from goodfit.population.compiled.vectors import LANES, add, load, store, total_of

F = np.float32
_ZERO = F(0)

_CHUNK = 64
"""Positions of the weight gradient summed at a time, so that their part of dz stays in the first-level cache."""


@loop
def _multiply_weights(rows, left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column):
    if rows == 8:
        weights_8(left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column)
    elif rows == 6:
        weights_6(left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column)
    else:
        weights_4(left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column)


@loop
def _multiply_vectors(rows, left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column):
    if rows == 8:
        vectors_8(left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column)
    elif rows == 6:
        vectors_6(left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column)
    else:
        vectors_4(left, left_at, right, starts, steps, step, n, result, result_at, stride, ends, column)


@loop
def _rows_of_tile(channels):
    """8, 6 or 4 channels at once, whichever leaves the fewest over."""
    best, least = 8, -channels % 8
    for rows in (6, 4):
        over = -channels % rows
        if over < least:
            best, least = rows, over
    return best


@loop
def scratch_size(channels, height, width, filters, kh, kw, padding):
    """Return the number of float32 that the three convolution functions need as scratch memory."""
    image = channels * (height + 2 * padding) * (width + 2 * padding)
    result = filters * (height + 2 * padding + kh) * (width + 2 * padding + kw)
    weights = (filters + 8) * (channels + 8) * kh * kw + ACCUMULATORS * (filters + channels + 8)
    return (image + result + weights + 8 * _CHUNK + filters * _CHUNK + ACCUMULATORS + 1) * LANES


@loop
def _pack_image(x, at_sample, top, left, height, width, block, at):
    """Copy `LANES` samples of x into block[at:] as [C, height, width, LANES], image at (top, left); the border stays."""
    channels, rows, columns, batch = x.shape
    flat = x.reshape(-1)
    rows, columns = min(rows, height - top), min(columns, width - left)
    lanes = min(LANES, batch - at_sample)
    for c in range(channels):
        for y in range(rows):
            source = (c * x.shape[1] + y) * x.shape[2] * batch + at_sample
            target = at + ((c * height + top + y) * width + left) * LANES
            if lanes == LANES:
                for i in range(columns):
                    store(block, target + i * LANES, load(flat, source + i * batch))
            else:
                for i in range(columns):
                    for lane in range(LANES):
                        value = flat[source + i * batch + lane] if lane < lanes else _ZERO
                        block[target + i * LANES + lane] = value


@loop
def _offsets(counts, strides, multiple):
    """Return sum_d index_d * strides_d over all indices below counts; the last repeated to a multiple of `multiple`."""
    n = counts[0] * counts[1] * counts[2]
    table = np.empty(round_up(n, multiple), np.int64)
    i = 0
    for a in range(counts[0]):
        for b in range(counts[1]):
            for c in range(counts[2]):
                table[i] = a * strides[0] + b * strides[1] + c * strides[2]
                i += 1
    for j in range(n, table.size):
        table[j] = table[n - 1]
    return table


@loop
def _tile_places():
    """Where the columns of one tile lie in the buffer that holds it."""
    places = np.empty(ACCUMULATORS, np.int64)
    for k in range(ACCUMULATORS):
        places[k] = k * LANES
    return places


@loop
def _copy_tile(buffer, at, rows, columns, lanes, out, out_at, row_stride, ends, column):
    """Copy the part of a tile that exists from the buffer to its place."""
    stride = ACCUMULATORS * LANES
    for row in range(rows):
        for k in range(columns):
            source, target = at + row * stride + k * LANES, out_at + row * row_stride + ends[column + k]
            for lane in range(lanes):
                out[target + lane] = buffer[source + lane]


@loop
def _spans(high, wide, columns, stride, kh, first, end):
    """Return the first and the number of the filter's rows that meet the image, [tile, 2], for tiles of `columns`.

    Position (y, x) of [high, wide] meets row y * stride + i with row i of the filter; the image is at first ... end.
    """
    positions = high * wide
    spans = np.empty((round_up(positions, columns) // columns, 2), np.int64)
    for tile in range(spans.shape[0]):
        upper, lower = tile * columns // wide, min((tile + 1) * columns, positions) - 1
        low = min(max(first - lower // wide * stride, 0), kh)
        spans[tile, 0] = low
        spans[tile, 1] = max(min(end - upper * stride, kh) - low, 0)
    return spans


@loop
def _correlate(rows, weights_at, buffer_at, scratch, starts, steps, spans, ends, channels, at_sample, out):
    """out[o, ends[p] + sample] = bias + sum over steps of weights[o, t] scratch[starts[p] + steps[t]], one block."""
    columns, n, batch = ACCUMULATORS // rows, steps.size, out.shape[3]
    plane = out.shape[1] * out.shape[2] * batch
    flat, places = out.reshape(-1), _tile_places()
    stride = ACCUMULATORS * LANES
    lanes, positions = min(LANES, batch - at_sample), ends.size
    for p in range(0, positions, columns):
        step, count = spans[p // columns]
        for o in range(0, channels, rows):
            left, target = weights_at + o * (n + 1), o * plane + at_sample
            if lanes == LANES and p + columns <= positions and o + rows <= channels:
                _multiply_weights(
                    rows, scratch, left, scratch, starts, steps, step, count, flat, target, plane, ends, p
                )  # fmt: skip
                continue
            _multiply_weights(
                rows, scratch, left, scratch, starts[p:], steps, step, count, scratch, buffer_at, stride, places, 0
            )  # fmt: skip
            some = min(columns, positions - p)
            _copy_tile(scratch, buffer_at, min(rows, channels - o), some, lanes, flat, target, plane, ends, p)


@loop
def _pack_filters(w, bias, rows, scratch):
    """Write [tile, bias and taps, rows] to the start of scratch, zeros where there is no filter; return where it ends."""
    filters, channels, kh, kw = w.shape
    taps, padded = channels * kh * kw, round_up(filters, rows)
    for o in range(padded):
        at = o // rows * rows * (taps + 1) + o % rows
        scratch[at] = bias[o] if o < filters else _ZERO
        for i in range(kh):
            for c in range(channels):
                for j in range(kw):
                    at += rows
                    scratch[at] = w[o, c, i, j] if o < filters else _ZERO
    return round_up(padded * (taps + 1), LANES)


@loop
def forward(x, w, bias, stride, padding, out, scratch):
    """Write the convolution of x with w, plus bias, to out.

    Shape: x [C, H, W, B]; w [O, C, kh, kw]; bias [O]; out [O, Ho, Wo, B]; scratch [>= scratch_size(...)].
    """
    scratch = aligned(scratch)
    channels, height, width, batch = x.shape
    filters, _, kh, kw = w.shape
    rows = _rows_of_tile(filters)
    high, wide = height + 2 * padding, width + 2 * padding
    image_at = _pack_filters(w, bias, rows, scratch)
    buffer_at = image_at + channels * high * wide * LANES
    scratch[image_at:buffer_at] = _ZERO
    steps = _offsets((kh, channels, kw), (wide * LANES, high * wide * LANES, LANES), 1)
    steps += image_at
    spans = _spans(out.shape[1], out.shape[2], ACCUMULATORS // rows, stride, kh, padding, padding + height)
    spans *= channels * kw
    positions = (1, out.shape[1], out.shape[2])
    starts = _offsets(positions, (0, stride * wide * LANES, stride * LANES), ACCUMULATORS)
    ends = _offsets(positions, (0, out.shape[2] * batch, batch), 1)
    for at_sample in range(0, batch, LANES):
        _pack_image(x, at_sample, padding, padding, high, wide, scratch, image_at)
        _correlate(rows, 0, buffer_at, scratch, starts, steps, spans, ends, filters, at_sample, out)


@loop
def _pack_phase(w, stride, first_y, first_x, rows, scratch, at):
    """Write the turned filters that reach one phase of the input to scratch[at:], [tile, 0 and taps, rows]."""
    filters, channels, kh, kw = w.shape
    down, across = len(range(first_y, kh, stride)), len(range(first_x, kw, stride))
    taps, padded = filters * down * across, round_up(channels, rows)
    for c in range(padded):
        place = at + c // rows * rows * (taps + 1) + c % rows
        scratch[place] = _ZERO
        for i in range(first_y + (down - 1) * stride, -1, -stride):
            for o in range(filters):
                for j in range(first_x + (across - 1) * stride, -1, -stride):
                    place += rows
                    scratch[place] = w[o, c, i, j] if c < channels else _ZERO


@loop
def backward_input(dz, w, stride, padding, dx, scratch):
    """Write the gradient of the input to dx.

    Pixels whose coordinates leave the same remainder by the stride (a phase) meet the same taps of the filters; each
    phase is a convolution with stride 1.

    Shape: dz [O, Ho, Wo, B]; w [O, C, kh, kw]; dx [C, H, W, B]; scratch [>= scratch_size(...)].
    """
    scratch = aligned(scratch)
    _, height, width, batch = dx.shape
    filters, _, kh, kw = w.shape
    top, left = max(0, (kh + stride - 2 - padding) // stride), max(0, (kw + stride - 2 - padding) // stride)
    high, wide = top + (height - 1 + padding) // stride + 1, left + (width - 1 + padding) // stride + 1
    image_size, end = filters * high * wide * LANES, min(top + dz.shape[1], high)
    scratch[:image_size] = _ZERO
    for at_sample in range(0, batch, LANES):
        _pack_image(dz, at_sample, top, left, high, wide, scratch, 0)
        _input_block(w, stride, padding, top, left, high, wide, end, image_size, at_sample, dx, scratch)


@loop
def _input_block(w, stride, padding, top, left, high, wide, end, weights_at, at_sample, dx, scratch):
    """The gradient of one block of samples, all phases; weights of all phases are packed for the first block."""
    channels, height, width, batch = dx.shape
    filters, _, kh, kw = w.shape
    rows = _rows_of_tile(channels)
    buffer_at = weights_at + round_up(channels, rows) * (filters * kh * kw + stride * stride)
    for phase_y in range(min(stride, height)):
        for phase_x in range(min(stride, width)):
            first_y, first_x = (phase_y + padding) % stride, (phase_x + padding) % stride
            down, across = len(range(first_y, kh, stride)), len(range(first_x, kw, stride))
            if at_sample == 0:
                _pack_phase(w, stride, first_y, first_x, rows, scratch, weights_at)
            upper = top + (phase_y + padding - first_y) // stride - (down - 1)
            leftmost = left + (phase_x + padding - first_x) // stride - (across - 1)
            steps = _offsets((down, filters, across), (wide * LANES, high * wide * LANES, LANES), 1)
            steps += (upper * wide + leftmost) * LANES
            positions = (1, len(range(phase_y, height, stride)), len(range(phase_x, width, stride)))
            starts = _offsets(positions, (0, wide * LANES, LANES), ACCUMULATORS)
            spans = _spans(positions[1], positions[2], ACCUMULATORS // rows, 1, down, top - upper, end - upper)
            spans *= filters * across
            ends = _offsets(positions, (0, stride * width * batch, stride * batch), 1)
            ends += (phase_y * width + phase_x) * batch
            _correlate(rows, weights_at, buffer_at, scratch, starts, steps, spans, ends, channels, at_sample, dx)
            weights_at += round_up(channels, rows) * (steps.size + 1)


@loop
def _pack_gradient(dz, at_sample, first, n, rows, scratch, total_at, at):
    """Copy positions first ... first + n of a block of dz into scratch[at:], [tile, n, rows, LANES], and sum them."""
    filters, batch = dz.shape[0], dz.shape[3]
    positions = dz.shape[1] * dz.shape[2]
    flat = dz.reshape(-1)
    lanes = min(LANES, batch - at_sample)
    for o in range(round_up(filters, rows)):
        target = at + (o // rows * rows * n + o % rows) * LANES
        source = (o * positions + first) * batch + at_sample
        if o >= filters or lanes < LANES:
            some = lanes if o < filters else 0
            for p in range(n):
                for lane in range(LANES):
                    value = flat[source + p * batch + lane] if lane < some else _ZERO
                    scratch[target + p * rows * LANES + lane] = value
        total = load(scratch, total_at + o * LANES)
        for p in range(n):
            place = target + p * rows * LANES
            if o < filters and lanes == LANES:
                store(scratch, place, load(flat, source + p * batch))
            total = add(total, load(scratch, place))
        store(scratch, total_at + o * LANES, total)


@loop
def backward_weight(x, dz, stride, padding, dw, db, scratch):
    """Write the gradients of the filters and of the bias to dw and db.

    Shape: x [C, H, W, B]; dz [O, Ho, Wo, B]; dw [O, C, kh, kw]; db [O]; scratch [>= scratch_size(...)].
    """
    scratch = aligned(scratch)
    channels, height, width, batch = x.shape
    filters, _, kh, kw = dw.shape
    rows = _rows_of_tile(filters)
    columns = ACCUMULATORS // rows
    high, wide = height + 2 * padding, width + 2 * padding
    starts = _offsets((channels, kh, kw), (high * wide * LANES, wide * LANES, LANES), columns)
    steps = _offsets((1, dz.shape[1], dz.shape[2]), (0, stride * wide * LANES, stride * LANES), 1)
    ends = np.arange(starts.size) * LANES
    total_at = round_up(filters, rows) * starts.size * LANES
    image_at = total_at + round_up(filters, rows) * LANES
    dz_at = image_at + channels * high * wide * LANES
    parts = round_up(steps.size, _CHUNK) // _CHUNK
    chunk = round_up(steps.size, parts) // parts
    scratch[:dz_at] = _ZERO
    steps += image_at
    for at_sample in range(0, batch, LANES):
        _pack_image(x, at_sample, padding, padding, high, wide, scratch, image_at)
        for first in range(0, steps.size, chunk):
            n = min(chunk, steps.size - first)
            _pack_gradient(dz, at_sample, first, n, rows, scratch, total_at, dz_at)
            for o in range(0, filters, rows):
                left, sums_at, row = dz_at + o * n * LANES, o * starts.size * LANES, starts.size * LANES
                for t in range(0, starts.size, columns):
                    _multiply_vectors(
                        rows, scratch, left, scratch, starts, steps, first, n, scratch, sums_at, row, ends, t
                    )  # fmt: skip
    taps, weight_gradient = channels * kh * kw, dw.reshape(-1)
    for o in range(filters):
        for t in range(taps):
            weight_gradient[o * taps + t] = total_of(load(scratch, (o * starts.size + t) * LANES))
        db[o] = total_of(load(scratch, total_at + o * LANES))
