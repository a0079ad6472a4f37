"""How goodfit compiles a loop: three decorators, and formulas shared with PyTorch.

Compiled code is cached on disk beside the source (or in the user's cache folder where that cannot be written), so
a function is compiled once for each installation.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
import numpy as np

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

loop: Decorator = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
"""A loop in which a product and the sum that takes it may be rounded once (fused multiply-add)."""

sums: Decorator = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"})
"""A loop that adds many numbers up: the compiler may add them in the order that suits vector registers, which is
the same order whenever the length is the same."""

inline: Decorator = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"}, inline="never")
"""A formula for one number; LLVM inlines it into the loops that use it."""


def compiled_formula(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a formula of `goodfit.optim.optimisers` for numbers: `sqrt` and `sign` become NumPy's."""
    assert isinstance(formula, FunctionType)
    scope = {**formula.__globals__, "sqrt": np.sqrt, "sign": np.sign}
    for_numbers = FunctionType(formula.__code__, scope, formula.__name__, formula.__defaults__, formula.__closure__)
    return numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(for_numbers)
