"""More models from one data set: which networks to average, what they count, and how much the choice flatters itself."""

from goodfit.ensemble.choice import EnsembleChoice, choose_ensemble
from goodfit.ensemble.combining import COMBINATIONS, average, vote
from goodfit.ensemble.crossed import crossed
from goodfit.ensemble.curve import quality_curve
from goodfit.ensemble.optimism import Optimism, estimate_optimism
from goodfit.ensemble.pool import Pool, make_pool
from goodfit.ensemble.selection import SELECTIONS
from goodfit.ensemble.viewing import consider_views

__all__ = [
    "COMBINATIONS",
    "SELECTIONS",
    "EnsembleChoice",
    "Optimism",
    "Pool",
    "average",
    "choose_ensemble",
    "consider_views",
    "crossed",
    "estimate_optimism",
    "make_pool",
    "quality_curve",
    "vote",
]
