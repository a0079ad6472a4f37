"""Where networks are trained together: the loop, and the kernels that it drives.

`loop` is the training loop; `kernel` what it asks of a kernel; `kernels` the list of them, each in its module:

- `resident`: perceptrons on CPU cores in compiled loops, a member per thread;
- `dense`: K perceptrons as batched matrix products, on any device;
- `generic`: K modules of any make as one program, through `torch.func`;
- `sequential`: any module in plain PyTorch, side by side on a core each, or one after another on all cores.
"""

from goodfit.population.kernels import KERNELS as KERNELS
from goodfit.population.kernels import KernelEntry as KernelEntry
from goodfit.population.loop import EpochRecord as EpochRecord
from goodfit.population.loop import Kept as Kept
from goodfit.population.loop import Outcome as Outcome
from goodfit.population.loop import Prune as Prune
from goodfit.population.loop import train_population as train_population
from goodfit.population.problem import Part as Part
from goodfit.population.problem import Problem as Problem
from goodfit.population.problem import StreamedPart as StreamedPart
