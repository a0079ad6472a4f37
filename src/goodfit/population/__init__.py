"""Where networks are trained together: the loop, and the kernels that it drives.

`loop` is the training loop; `kernel` what it asks of a kernel; `sequential` one network in plain PyTorch,
any module; `dense` K perceptrons as batched matrix products.
"""

from goodfit.population.dense import DenseKernel as DenseKernel
from goodfit.population.kernel import Kernel as Kernel
from goodfit.population.loop import EpochRecord as EpochRecord
from goodfit.population.loop import Outcome as Outcome
from goodfit.population.loop import train_population as train_population
from goodfit.population.problem import Part as Part
from goodfit.population.problem import Problem as Problem
from goodfit.population.sequential import SequentialKernel as SequentialKernel

KERNELS: dict[str, type[Kernel]] = {"sequential": SequentialKernel, "dense": DenseKernel}
