"""Settings of every member as one tensor, for the kernels that train all members in one operation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from goodfit.config import Config


def own_values(configs: Sequence[Config], *names: str, device: torch.device) -> Tensor | None:
    """Return the members' settings of these names: float32 [K], or [names, K]; None where all of them are 0."""
    values = [[float(getattr(config, name)) for config in configs] for name in names]
    if not any(map(any, values)):
        return None
    return torch.tensor(values if len(names) > 1 else values[0], device=device)
