"""Vectors of single-precision numbers in registers, for loops that the compiler would not vectorise well by itself.

Each function is a few instructions of LLVM, put into the compiled loop that calls it; indices count elements, and
nothing is checked. Where a function is called for a few dozen numbers, it takes addresses instead of arrays: numba counts
the references to an array at every call, which would cost more than the arithmetic.
"""

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

from goodfit.population.compiled.jit import inline

LANES = 16
"""Numbers in a vector: a register of AVX-512 (narrower processors use two or four)."""

VECTOR = ir.VectorType(ir.FloatType(), LANES)


class _Vector(types.Type):
    """`LANES` single-precision numbers in a register."""

    def __init__(self):
        super().__init__(name=f"goodfit_float32x{LANES}")


vector_type = _Vector()


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


def address_of(context, builder, kind, value):
    """Return the address of an array's first element."""
    return context.make_array(kind)(context, builder, value).data


def emit_load(builder, data, index):
    address = builder.bitcast(builder.gep(data, [index]), VECTOR.as_pointer())
    return builder.load(address, align=4)


def emit_store(builder, value, data, index):
    builder.store(value, builder.bitcast(builder.gep(data, [index]), VECTOR.as_pointer()), align=4)


def emit_splat(builder, number):
    nothing = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    same = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, nothing, same)


def emit_multiply_add(builder, a, b, c):
    """a b + c, rounded once where the processor can."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32"), [a, b, c])


@intrinsic
def load(typing_context, array, index):
    """array[index : index + LANES]."""

    def generate(context, builder, signature, arguments):
        return emit_load(builder, address_of(context, builder, signature.args[0], arguments[0]), arguments[1])

    return vector_type(array, types.intp), generate


@intrinsic
def store(typing_context, array, index, vector):
    """array[index : index + LANES] = vector."""

    def generate(context, builder, signature, arguments):
        emit_store(builder, arguments[2], address_of(context, builder, signature.args[0], arguments[0]), arguments[1])
        return context.get_dummy_value()

    return types.void(array, types.intp, vector_type), generate


@intrinsic
def splat(typing_context, number):
    """A vector of one number."""

    def generate(context, builder, signature, arguments):
        return emit_splat(builder, arguments[0])

    return vector_type(types.float32), generate


@intrinsic
def multiply_add(typing_context, a, b, c):
    """a b + c."""

    def generate(context, builder, signature, arguments):
        return emit_multiply_add(builder, *arguments)

    return vector_type(vector_type, vector_type, vector_type), generate


@intrinsic
def add(typing_context, a, b):
    """a + b."""

    def generate(context, builder, signature, arguments):
        return builder.fadd(*arguments)

    return vector_type(vector_type, vector_type), generate


@intrinsic
def multiply(typing_context, a, b):
    """a b."""

    def generate(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return vector_type(vector_type, vector_type), generate


@intrinsic
def where_equal(typing_context, marks, index, mark, vector, other):
    """Of each number the vector's where marks[index : index + LANES] (uint8) equal mark, and the other's elsewhere."""

    def generate(context, builder, signature, arguments):
        data, index, mark = address_of(context, builder, signature.args[0], arguments[0]), arguments[1], arguments[2]
        kind = ir.VectorType(ir.IntType(8), LANES)
        found = builder.load(builder.bitcast(builder.gep(data, [index]), kind.as_pointer()), align=1)
        equal = builder.icmp_unsigned("==", found, emit_splat(builder, mark))
        return builder.select(equal, arguments[3], arguments[4])

    return vector_type(marks, types.intp, types.uint8, vector_type, vector_type), generate


@intrinsic
def total_of(typing_context, vector):
    """The sum of a vector's numbers, halves added first."""

    def generate(context, builder, signature, arguments):
        value, width = arguments[0], LANES
        index = ir.IntType(32)
        while width > 1:
            width //= 2
            low, high = (
                builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(index, width), list(part)))
                for part in (range(width), range(width, 2 * width))
            )
            value = builder.fadd(low, high)
        return builder.extract_element(value, ir.Constant(index, 0))

    return types.float32(vector_type), generate


@intrinsic
def load_at(typing_context, address, index):
    """The vector that begins `index` float32 after an address."""

    def generate(context, builder, signature, arguments):
        return emit_load(builder, _pointer(builder, arguments[0], ir.FloatType()), arguments[1])

    return vector_type(types.intp, types.intp), generate


@intrinsic
def store_at(typing_context, address, index, vector):
    """Store a vector where `load_at` would load it."""

    def generate(context, builder, signature, arguments):
        emit_store(builder, arguments[2], _pointer(builder, arguments[0], ir.FloatType()), arguments[1])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, vector_type), generate


@intrinsic
def number_at(typing_context, address, index):
    """The float32 that lies `index` of them after an address."""

    def generate(context, builder, signature, arguments):
        return builder.load(builder.gep(_pointer(builder, arguments[0], ir.FloatType()), [arguments[1]]))

    return types.float32(types.intp, types.intp), generate


@intrinsic
def integer_at(typing_context, address, index):
    """The int64 that lies `index` of them after an address."""

    def generate(context, builder, signature, arguments):
        return builder.load(builder.gep(_pointer(builder, arguments[0], ir.IntType(64)), [arguments[1]]))

    return types.int64(types.intp, types.intp), generate


@intrinsic
def _float_pointer(typing_context, address):
    def generate(context, builder, signature, arguments):
        return _pointer(builder, arguments[0], ir.FloatType())

    return types.CPointer(types.float32)(types.intp), generate


@intrinsic
def _int_pointer(typing_context, address):
    def generate(context, builder, signature, arguments):
        return _pointer(builder, arguments[0], ir.IntType(64))

    return types.CPointer(types.int64)(types.intp), generate


def _pointer(builder, address, kind):
    return builder.inttoptr(address, kind.as_pointer())


@inline
def floats(address, shape):
    """The float32 at an address as an array whose references nobody counts."""
    return numba.carray(_float_pointer(address), shape)


@inline
def integers(address, shape):
    """The int64 at an address as an array whose references nobody counts."""
    return numba.carray(_int_pointer(address), shape)


@inline
def address(array, index):
    """The address of an element of 4 bytes."""
    return array.ctypes.data + 4 * index
