"""Where the cosines of `cosine-restarts` end: the networks that a training has been there are snapshots of it."""

import numpy as np

from goodfit.config import Config

RESTARTING = "cosine-restarts"


def cosine_ends(config: Config, rates: np.ndarray) -> np.ndarray:
    """Return after how many steps each cosine ends, ascending; none for schedules without restarts.

    Args:
        rates: of every step, [steps] (`goodfit.optim.schedules.rate_table`).
    """
    if config.schedule != RESTARTING:
        return np.empty(0, np.int64)
    warmup = min(config.warmup_steps, len(rates))
    restarts = np.flatnonzero(np.diff(rates[warmup:]) > 0) + warmup + 1
    return np.append(restarts, len(rates))
