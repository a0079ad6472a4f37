"""One pass over the parameters for each optimiser: the formulas of `goodfit.optim.optimisers`, element by element."""

from goodfit.optim.optimisers import OPTIMISERS, Hyper
from goodfit.optim.penalties import penalised
from goodfit.population.compiled.jit import compiled_formula, loop
from goodfit.population.compiled.program import (
    C_OUT,
    CONVOLUTION,
    KERNEL_H,
    KERNEL_W,
    KIND,
    LINEAR,
    N_IN,
    N_OUT,
    WEIGHT,
    C,
)

_sgd = compiled_formula(OPTIMISERS["sgd"].formula)
_nesterov = compiled_formula(OPTIMISERS["nesterov"].formula)
_adagrad = compiled_formula(OPTIMISERS["adagrad"].formula)
_rmsprop = compiled_formula(OPTIMISERS["rmsprop"].formula)
_adadelta = compiled_formula(OPTIMISERS["adadelta"].formula)
_adam = compiled_formula(OPTIMISERS["adam"].formula)
_adamw = compiled_formula(OPTIMISERS["adamw"].formula)
_lion = compiled_formula(OPTIMISERS["lion"].formula)
_penalised = compiled_formula(penalised)

OPTIMISER_CODES = {
    name: code
    for code, name in enumerate(("sgd", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "lion"))
}


@loop
def penalise(ops, p, g, l1, l2):
    """Add the gradient of the penalties (`goodfit.optim.penalties`) on the weights of all layers to g [P]."""
    for k in range(len(ops)):
        op = ops[k]
        if op[KIND] == LINEAR:
            stop = op[WEIGHT] + op[N_IN] * op[N_OUT]
        elif op[KIND] == CONVOLUTION:
            stop = op[WEIGHT] + op[C_OUT] * op[C] * op[KERNEL_H] * op[KERNEL_W]
        else:
            continue
        for i in range(op[WEIGHT], stop):
            g[i] = _penalised(p[i], g[i], l1, l2)


@loop
def update(code, p, g, a, b, values):
    """Take one step in place.

    Shape:
        p, g, a, b: float32 [P]: parameters, gradient, first and second slot (unused ones may be empty).
        values: float32 [fields of `Hyper`].
    """
    h = Hyper(values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7], values[8],
              values[9], values[10], values[11], values[12])  # fmt: skip
    n = p.size
    if code == 0:
        for i in range(n):
            p[i], a[i] = _sgd(p[i], g[i], a[i], h)
    elif code == 1:
        for i in range(n):
            p[i], a[i] = _nesterov(p[i], g[i], a[i], h)
    elif code == 2:
        for i in range(n):
            p[i], a[i] = _adagrad(p[i], g[i], a[i], h)
    elif code == 3:
        for i in range(n):
            p[i], a[i] = _rmsprop(p[i], g[i], a[i], h)
    elif code == 4:
        for i in range(n):
            p[i], a[i], b[i] = _adadelta(p[i], g[i], a[i], b[i], h)
    elif code == 5:
        for i in range(n):
            p[i], a[i], b[i] = _adam(p[i], g[i], a[i], b[i], h)
    elif code == 6:
        for i in range(n):
            p[i], a[i], b[i] = _adamw(p[i], g[i], a[i], b[i], h)
    else:
        for i in range(n):
            p[i], a[i] = _lion(p[i], g[i], a[i], h)
