"""Convolutions compiled on their own and called by address.

A compiled loop holds the code of all that it calls, and is optimised as a whole; convolutions are so much code that it would
take minutes where several loops, nested in each other, hold them. So they are given to those loops as addresses.
"""

from collections.abc import Callable, Collection
from functools import cache

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from goodfit.population.compiled import direct, winograd
from goodfit.population.compiled.jit import inline
from goodfit.population.compiled.program import (
    C_OUT,
    FIELDS,
    H_OUT,
    KERNEL_H,
    KERNEL_W,
    PADDING,
    STRIDE,
    W_OUT,
    C,
    H,
    W,
)
from goodfit.population.compiled.vectors import floats, integers

FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT, WAYS = range(4)
"""What can be called; the same again from `WAYS` on by Winograd's algorithm."""
_ARGUMENTS = 7
_UNBOUNDED = 1 << 40
"""Numbers of scratch memory, of which the caller knows that there are enough."""


@inline
def _before(op, at, b):
    """The images at an address that go into a convolution."""
    return floats(at, (op[C], op[H], op[W], b))


@inline
def _after(op, at, b):
    """The images at an address that come out of it."""
    return floats(at, (op[C_OUT], op[H_OUT], op[W_OUT], b))


@inline
def _filters(op, at):
    return floats(at, (op[C_OUT], op[C], op[KERNEL_H], op[KERNEL_W]))


def _direct_forward(op_at, b, x, w, bias, out, scratch):
    op = integers(op_at, FIELDS)
    direct.forward(
        _before(op, x, b), _filters(op, w), floats(bias, op[C_OUT]), op[STRIDE], op[PADDING], _after(op, out, b),
        floats(scratch, _UNBOUNDED),
    )  # fmt: skip


def _direct_backward_input(op_at, b, dz, w, _, dx, scratch):
    op = integers(op_at, FIELDS)
    direct.backward_input(
        _after(op, dz, b), _filters(op, w), op[STRIDE], op[PADDING], _before(op, dx, b), floats(scratch, _UNBOUNDED)
    )  # fmt: skip


def _direct_backward_weight(op_at, b, x, dz, dw, db, scratch):
    op = integers(op_at, FIELDS)
    direct.backward_weight(
        _before(op, x, b), _after(op, dz, b), op[STRIDE], op[PADDING], _filters(op, dw), floats(db, op[C_OUT]),
        floats(scratch, _UNBOUNDED),
    )  # fmt: skip


def _winograd_correlate(op_at, b, x, w, bias, out, scratch):
    """Forward where there is a bias, backward to the input where its address is 0."""
    op = integers(op_at, FIELDS)
    if bias == 0:
        before, after, offset = _after(op, x, b), _before(op, out, b), np.zeros(op[C], np.float32)
    else:
        before, after, offset = _before(op, x, b), _after(op, out, b), floats(bias, op[C_OUT])
    winograd.correlate(before, _filters(op, w), offset, bias == 0, op[PADDING], after, floats(scratch, _UNBOUNDED))


def _winograd_backward_weight(op_at, b, x, dz, dw, db, scratch):
    op = integers(op_at, FIELDS)
    winograd.backward_weight(
        _before(op, x, b), _after(op, dz, b), op[PADDING], _filters(op, dw), floats(db, op[C_OUT]),
        floats(scratch, _UNBOUNDED),
    )  # fmt: skip


_DIRECT = (_direct_forward, _direct_backward_input, _direct_backward_weight)
_WINOGRAD = (_winograd_correlate, _winograd_correlate, _winograd_backward_weight)


def routines(ways: Collection[int]) -> np.ndarray:
    """Return the addresses of what can be called, int64 [2 * WAYS], 0 where its way (0 direct, 1 Winograd's) is not asked for.

    They are compiled, or read from the disk, when they are first asked for.
    """
    return np.array(
        [_address(one) if way in ways else 0 for way, some in enumerate((_DIRECT, _WINOGRAD)) for one in some], np.int64
    )


@cache
def _address(routine: Callable[..., None]) -> int:
    make = numba.cfunc(types.void(*[types.intp] * _ARGUMENTS), cache=True, error_model="numpy")
    address = make(routine).address
    assert address is not None
    return address


@intrinsic
def call(typing_context, routine, arguments):
    """Call a routine by its address.

    Arguments: the operation's row in the table, samples, then what the routine takes, all addresses.
    """

    def generate(context, builder, signature, values):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * _ARGUMENTS)
        function = builder.inttoptr(values[0], kind.as_pointer())
        builder.call(function, [builder.extract_value(values[1], k) for k in range(_ARGUMENTS)])
        return context.get_dummy_value()

    return types.void(types.intp, types.UniTuple(types.intp, _ARGUMENTS)), generate
