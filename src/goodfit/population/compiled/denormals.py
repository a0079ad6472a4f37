"""Numbers too small for the full precision (below 1.2e-38, denormal) count as zero while a compiled loop runs.

Processors take up to a hundred times as long for each operation on them, and they are no rarity: the first moment of Adam
decays into them wherever a gradient has become zero, and saturated units send them back.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_X86 = platform.machine().lower() in ("x86_64", "amd64")
_AS_ZERO = 0x8040
"""Bits of MXCSR, the register for the state of vector arithmetic: denormal results and denormal operands are zero."""


def _call(builder, name, state):
    """Call an intrinsic that takes the address of 32 bits."""
    pointer = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [pointer]), name)
    builder.call(function, [builder.bitcast(state, pointer)])


@intrinsic
def flush_denormals(typing_context):
    """Take denormal numbers as zero on this thread from here on; return what `restore_denormals` needs.

    Does nothing on processors other than x86, most of which lose no time on them.
    """

    def generate(context, builder, signature, arguments):
        if not _X86:
            return ir.Constant(ir.IntType(32), 0)
        state = cgutils.alloca_once(builder, ir.IntType(32))
        _call(builder, "llvm.x86.sse.stmxcsr", state)
        before = builder.load(state)
        builder.store(builder.or_(before, ir.Constant(ir.IntType(32), _AS_ZERO)), state)
        _call(builder, "llvm.x86.sse.ldmxcsr", state)
        return before

    return types.uint32(), generate


@intrinsic
def restore_denormals(typing_context, before):
    """Take denormal numbers on this thread as they were taken before."""

    def generate(context, builder, signature, arguments):
        if _X86:
            state = cgutils.alloca_once_value(builder, arguments[0])
            _call(builder, "llvm.x86.sse.ldmxcsr", state)
        return context.get_dummy_value()

    return types.void(types.uint32), generate
