"""Products summed in registers: what all convolutions are made of.

Images are [C, H, W, B], the batch innermost, which is taken in blocks of `LANES` samples. A tile of results (rows x columns
vectors) stays in registers while its products are summed, in a fixed order.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from goodfit.population.compiled.jit import loop
from goodfit.population.compiled.vectors import (
    LANES,
    VECTOR,
    address_of,
    emit_load,
    emit_multiply_add,
    emit_splat,
    emit_store,
)

ACCUMULATORS = 24
"""Vectors of a tile, rows x columns: of 32 registers the rest hold its operands."""
SERIES = 4 * LANES
"""Numbers of one row that a tile of `series` takes, one after the other."""


def _tile(rows, columns, left_factors):
    """Make the loop that sums a tile of products in registers, for one number of rows and columns.

    The left factors are
        weights: numbers, the same for all samples, [1 + steps, rows], the first row of which is the value to start from;
        vectors: [n, rows, LANES], and the tile is added to what is there;
        series: numbers, [rows, SERIES], and the tile is added to what is there.
    """
    next_step, next_row = {"weights": (rows, 1), "vectors": (rows * LANES, LANES), "series": (1, SERIES)}[left_factors]

    @intrinsic
    def multiply(
        typing_context,
        left, left_at, right, right_starts, steps, first_step, n, result, result_at, row_stride, result_starts, column,
    ):  # fmt: skip
        """result[row, column + k] = sum_t left[t, row] * right[right_starts[column + k] + steps[first_step + t]]."""

        def generate(context, builder, signature, arguments):
            kinds = signature.args
            left, right, right_starts, steps, result, result_starts = (
                address_of(context, builder, kinds[i], arguments[i]) for i in (0, 2, 3, 4, 7, 10)
            )
            left_at, first_step, n, result_at, row_stride, column = (arguments[i] for i in (1, 5, 6, 8, 9, 11))
            number = lambda value: ir.Constant(left_at.type, value)  # noqa: E731

            def at(table, k):
                return builder.load(builder.gep(table, [builder.add(column, number(k))]))

            starts = [at(right_starts, k) for k in range(columns)]
            ends = [
                [
                    builder.add(builder.add(result_at, builder.mul(row_stride, number(row))), at(result_starts, k))
                    for k in range(columns)
                ]
                for row in range(rows)
            ]
            sums = [[cgutils.alloca_once(builder, VECTOR) for _ in range(columns)] for _ in range(rows)]

            def factor(at, row):
                place = builder.add(at, number(row * next_row))
                if left_factors == "vectors":
                    return emit_load(builder, left, place)
                return emit_splat(builder, builder.load(builder.gep(left, [place])))

            for row in range(rows):
                value = factor(left_at, row) if left_factors == "weights" else None
                for k in range(columns):
                    builder.store(value or emit_load(builder, result, ends[row][k]), sums[row][k])
            passed = builder.mul(builder.add(first_step, number(1)), number(next_step))
            first = builder.add(left_at, passed) if left_factors == "weights" else left_at
            with cgutils.for_range(builder, n) as each:
                step = builder.load(builder.gep(steps, [builder.add(first_step, each.index)]))
                base = builder.gep(right, [step])
                here = builder.add(first, builder.mul(each.index, number(next_step)))
                vectors = [emit_load(builder, base, start) for start in starts]
                for row in range(rows):
                    value = factor(here, row)
                    for k in range(columns):
                        total = builder.load(sums[row][k])
                        builder.store(emit_multiply_add(builder, value, vectors[k], total), sums[row][k])
            for row in range(rows):
                for k in range(columns):
                    emit_store(builder, builder.load(sums[row][k]), result, ends[row][k])
            return context.get_dummy_value()

        signature = types.void(
            left, types.intp, right, right_starts, steps, types.intp, types.intp, result, types.intp, types.intp,
            result_starts, types.intp,
        )  # fmt: skip
        return signature, generate

    return multiply


weights_8, weights_6, weights_4 = (_tile(rows, ACCUMULATORS // rows, "weights") for rows in (8, 6, 4))
vectors_8, vectors_6, vectors_4 = (_tile(rows, ACCUMULATORS // rows, "vectors") for rows in (8, 6, 4))
series_12, series_6 = (_tile(rows, ACCUMULATORS // rows, "series") for rows in (12, 6))


@loop
def round_up(n, multiple):
    return (n + multiple - 1) // multiple * multiple


@loop
def aligned(scratch):
    """Scratch memory from the first address that a vector does not straddle two cache lines from."""
    return scratch[(-scratch.ctypes.data // 4) % LANES :]
