"""The transforms of Winograd's F(4 x 4, 3 x 3), the same for `LANES` samples or filters at a time.

A row of four results y from a row of six pixels d and three weights g is y = A^T [(G g) * (B^T d)] (Lavin and Gray, *Fast
Algorithms for Convolutional Neural Networks*, 2016, section 4). Images need each formula on the columns of a square, then
on the rows of what comes out. The matrices follow from five points at which polynomials are multiplied, and infinity: with
0, +-sqrt(1/2) and +-sqrt(2) the rounding errors are half as large as with the usual 0, +-1 and +-2.
"""

import math
from dataclasses import dataclass

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from goodfit.population.compiled.vectors import (
    LANES,
    VECTOR,
    address_of,
    emit_load,
    emit_multiply_add,
    emit_store,
)


@dataclass(frozen=True)
class _Emit:
    """Arithmetic of vectors and constants, put into the loop that is being compiled."""

    builder: ir.IRBuilder

    def add(self, a, b):
        return self.builder.fadd(a, b)

    def subtract(self, a, b):
        return self.builder.fsub(a, b)

    def times(self, factor, a):
        return self.builder.fmul(_constant(factor), a)

    def plus(self, factor, a, b):
        """factor a + b."""
        return emit_multiply_add(self.builder, _constant(factor), a, b)

    def points(self, at_zero, near, far, at_infinity):
        """The values at all points, from the even and the odd part of those that differ in their sign alone."""
        pairs = [value for even, odd in (near, far) for value in (self.add(even, odd), self.subtract(even, odd))]
        return [at_zero, *pairs, at_infinity]


def _constant(number):
    return ir.Constant(VECTOR, [number] * LANES)


_NEAR, _FAR = math.sqrt(1 / 2), math.sqrt(2)
"""The points beside 0. Rows of a matrix for a point and its opposite differ in the sign of their odd part."""

ONE = (0.0, (1 + _FAR) / 3, (1 - _FAR) / 3, (2 + _FAR) / 12, (2 - _FAR) / 12, 0.0)
"""What A^T makes four ones of."""


def _pixels(emit, d):
    """B^T d."""
    even, odd = emit.plus(-2, d[2], d[4]), emit.times(_NEAR, emit.plus(-2, d[1], d[3]))
    wide, far = emit.plus(-1 / 2, d[2], d[4]), emit.times(_FAR, emit.plus(-1 / 2, d[1], d[3]))
    return emit.points(
        emit.plus(-5 / 2, d[2], emit.add(d[0], d[4])),
        (even, odd),
        (wide, far),
        emit.plus(-5 / 2, d[3], emit.add(d[1], d[5])),
    )


def _results(emit, m):
    """A^T m."""
    even, odd = emit.add(m[1], m[2]), emit.subtract(m[1], m[2])
    wide, far = emit.add(m[3], m[4]), emit.subtract(m[3], m[4])
    return [
        emit.add(m[0], emit.add(even, wide)),
        emit.times(_NEAR, emit.plus(2, far, odd)),
        emit.plus(2, wide, emit.times(1 / 2, even)),
        emit.plus(_NEAR / 2, odd, emit.plus(2 * _FAR, far, m[5])),
    ]  # fmt: skip


def _results_gradient(emit, y):
    """A y, where y is the gradient of the results."""
    even, odd = emit.plus(1 / 2, y[2], y[0]), emit.times(_NEAR, emit.plus(1 / 2, y[3], y[1]))
    wide, far = emit.plus(2, y[2], y[0]), emit.times(_FAR, emit.plus(2, y[3], y[1]))
    return emit.points(y[0], (even, odd), (wide, far), y[3])


def _filters(emit, g):
    """G g."""
    even, odd = emit.times(-2 / 3, emit.plus(1 / 2, g[2], g[0])), emit.times(-2 / 3 * _NEAR, g[1])
    wide, far = emit.times(1 / 6, emit.plus(2, g[2], g[0])), emit.times(1 / 6 * _FAR, g[1])
    return emit.points(g[0], (even, odd), (wide, far), g[2])


def _filters_gradient(emit, u):
    """G^T u, where u is the gradient of the transformed filters."""
    even, odd = emit.add(u[1], u[2]), emit.subtract(u[1], u[2])
    wide, far = emit.add(u[3], u[4]), emit.subtract(u[3], u[4])
    return [
        emit.plus(-2 / 3, even, emit.plus(1 / 6, wide, u[0])),
        emit.plus(-2 / 3 * _NEAR, odd, emit.times(1 / 6 * _FAR, far)),
        emit.plus(-1 / 3, even, emit.plus(1 / 3, wide, u[5])),
    ]  # fmt: skip


def _on_both_sides(formula, before):
    """Make the loop body that applies a formula to the columns, then to the rows, of a square of `before` vectors."""

    @intrinsic
    def transform(typing_context, source, source_row, source_column, target, target_row, target_column):
        """From one address to another; rows and columns are that many numbers apart."""

        def generate(context, builder, signature, arguments):
            emit = _Emit(builder)
            source, source_row, source_column, target, target_row, target_column = arguments
            source, target = (builder.inttoptr(each, ir.FloatType().as_pointer()) for each in (source, target))

            def place(row, row_stride, column, column_stride):
                number = lambda value: ir.Constant(row_stride.type, value)  # noqa: E731
                return builder.add(builder.mul(row_stride, number(row)), builder.mul(column_stride, number(column)))

            columns = []
            for column in range(before):
                places = [place(row, source_row, column, source_column) for row in range(before)]
                columns.append(formula(emit, [emit_load(builder, source, each) for each in places]))
            for row, values in enumerate(zip(*columns, strict=True)):
                for column, value in enumerate(formula(emit, values)):
                    emit_store(builder, value, target, place(row, target_row, column, target_column))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 6), generate

    return transform


transform_pixels = _on_both_sides(_pixels, 6)
transform_results = _on_both_sides(_results, 6)
transform_results_gradient = _on_both_sides(_results_gradient, 4)
transform_filters = _on_both_sides(_filters, 3)
transform_filters_gradient = _on_both_sides(_filters_gradient, 6)


@intrinsic
def turn(typing_context, source, at, row_stride, target, target_at, target_row_stride):
    """Write a square of LANES x LANES numbers with rows and columns exchanged."""

    def generate(context, builder, signature, arguments):
        source, target = (address_of(context, builder, signature.args[i], arguments[i]) for i in (0, 3))
        at, row_stride = arguments[1:3]
        number = lambda value: ir.Constant(at.type, value)  # noqa: E731
        rows = [
            emit_load(builder, source, builder.add(at, builder.mul(row_stride, number(row)))) for row in range(LANES)
        ]
        apart = 1
        while apart < LANES:
            # rows `apart` from each other exchange every second run of so many numbers
            low = [lane if not lane & apart else lane - apart + LANES for lane in range(LANES)]
            high = [lane + apart if not lane & apart else lane + LANES for lane in range(LANES)]
            for row in range(LANES):
                if not row & apart:
                    pair = rows[row], rows[row + apart]
                    rows[row], rows[row + apart] = (
                        builder.shuffle_vector(*pair, ir.Constant(ir.VectorType(ir.IntType(32), LANES), mask))
                        for mask in (low, high)
                    )
            apart *= 2
        at, row_stride = arguments[4:6]
        for row, value in enumerate(rows):
            emit_store(builder, value, target, builder.add(at, builder.mul(row_stride, number(row))))
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), generate
