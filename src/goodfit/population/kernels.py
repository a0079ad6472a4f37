"""The kernels there are. Adding one is adding one entry to `KERNELS`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goodfit.config import Config
from goodfit.population import dense, generic, resident, sequential
from goodfit.population.kernel import Kernel
from goodfit.population.problem import Problem


def _never(config: Config, problem: Problem) -> str | None:
    return None


@dataclass(frozen=True)
class KernelEntry:
    """How to make a kernel, what its members must share, what it cannot train, and what it does in words."""

    make: Callable[[Sequence[Config], Problem], Kernel]
    shared: tuple[str, ...]
    refusal: Callable[[Config, Problem], str | None]
    words: str


KERNELS: dict[str, KernelEntry] = {
    "resident": KernelEntry(
        resident.ResidentKernel, resident.SHARED, resident.refusal, "a network per core, in compiled loops"
    ),
    "dense": KernelEntry(dense.DenseKernel, dense.SHARED, dense.refusal, "together, as batched matrix products"),
    "generic": KernelEntry(
        generic.GenericKernel, generic.SHARED, generic.refusal, "together, vectorised by torch.func"
    ),
    "side-by-side": KernelEntry(
        sequential.SideBySideKernel, (), sequential.refusal_side_by_side, "in plain PyTorch, a network per core"
    ),
    "sequential": KernelEntry(
        sequential.SequentialKernel, (), _never, "in plain PyTorch, one network after another on all cores"
    ),
}
