"""Optimisers and learning-rate schedules, as formulas."""

from goodfit.optim.optimisers import OPTIMISERS as OPTIMISERS
from goodfit.optim.schedules import SCHEDULES as SCHEDULES
