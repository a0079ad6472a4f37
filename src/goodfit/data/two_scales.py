"""Made data whose inputs are learnt at two speeds: where the test loss falls twice along the epochs.

y = x . w + noise, after Heckel & Yilmaz 2021, section 3: many inputs of large variance, which gradient descent learns
first, and a few of small variance that carry as much of y, which it learns late. Both go through a fall and a rise, the fit of
the signal and then of the noise, at different times.
"""

import numpy as np
import pandas as pd

ROWS = 8000
FAST, SLOW = 140, 10
"""Inputs of each kind."""
SLOW_DEVIATION = 0.1
"""Standard deviation of a slow input; that of a fast one is 1."""
FAST_SHARE, SLOW_SHARE, NOISE = 3.0, 3.0, 0.5
"""Parts of the variance of y."""


def two_scales() -> pd.DataFrame:
    """Return the rows: columns fast001 ... slow01 ..., and y."""
    random = np.random.default_rng(0)
    deviations = np.repeat([1.0, SLOW_DEVIATION], [FAST, SLOW])
    x = random.normal(size=(ROWS, FAST + SLOW)) * deviations
    y = x @ two_scales_weights() + np.sqrt(NOISE) * random.normal(size=ROWS)
    names = [f"fast{k:03}" for k in range(1, FAST + 1)] + [f"slow{k:02}" for k in range(1, SLOW + 1)]
    return pd.DataFrame(x, columns=names).assign(y=y)


def two_scales_weights() -> np.ndarray:
    """Return w: equal within each kind."""
    fast = np.full(FAST, np.sqrt(FAST_SHARE / FAST))
    return np.concatenate([fast, np.full(SLOW, np.sqrt(SLOW_SHARE / SLOW) / SLOW_DEVIATION)])
