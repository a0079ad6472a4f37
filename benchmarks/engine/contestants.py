"""Who takes part in which work. Adding one is adding one entry."""

from collections.abc import Callable
from functools import partial

import torch
from loops import plain, processes, tuned
from ours import goodfit
from peers import ensembling, jax_population, scikit_learn
from works import Run, Work

PLAIN, TUNED, JAX = "(a) loop as people write it", "(b) loop, tuned", "JAX: vmap + scan + optax, compiled"
OURS = "goodfit"

PEERS: dict[str, Callable[[Work], Run]] = {
    PLAIN: plain,
    TUNED: tuned,
    "(b) in a process per core (joblib)": processes,
    "torch.func ensembling, compiled": ensembling,
    "torch.func ensembling, eager": partial(ensembling, compiled=False),
    JAX: jax_population,
    "scikit-learn": scikit_learn,
}
PERCEPTRONS_ONLY = {JAX, "scikit-learn"}
KERNELS = {
    True: ("resident", "dense", "side-by-side"),
    False: ("resident", "generic", "side-by-side", "sequential"),
}
"""goodfit's kernels measured, for perceptrons and for other networks."""


def contestants(work: Work) -> dict[str, Callable[[Work], Run]]:
    """Return who trains a work, by name, in the order of the table."""
    found = {
        name: make
        for name, make in PEERS.items()
        if (work.sizes or name not in PERCEPTRONS_ONLY) and not (name == "scikit-learn" and work.dropout)
    }
    perceptron = bool(work.sizes)
    for kernel in KERNELS[perceptron]:
        found[f"{OURS}, {kernel}"] = partial(goodfit, kernel=kernel)
    rounded = "dense" if perceptron else "side-by-side"
    found[f"{OURS}, {rounded}, bfloat16"] = partial(goodfit, kernel=rounded, precision="bfloat16")
    if perceptron and work.members >= 64:
        for kernel in ("resident", "generic"):
            found[f"{OURS}, {kernel}, as a module of one's own"] = partial(goodfit, kernel=kernel, own_module=True)
    for kernel in ("resident", "dense", "sequential") if perceptron else ("resident", "sequential"):
        found[f"{OURS}, {kernel}, one network"] = partial(goodfit, kernel=kernel, members=1)
    return found


def product_peak(dtype: torch.dtype) -> Run:
    """Matrix products of 2048 x 2048; a "step" is a billion operations."""
    a, b = (torch.randn(2048, 2048, dtype=dtype) for _ in range(2))
    each = 2 * 2048**3 / 1e9

    def run(steps: int) -> int:
        products = max(1, round(steps / each))
        for _ in range(products):
            torch.mm(a, b)
        return round(products * each)

    return run
