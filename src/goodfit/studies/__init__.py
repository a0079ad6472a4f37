"""Questions answered by comparing variants over seeds: any settings against each other, and the classic ones by name."""

from goodfit.studies.comparison import Variant, compare_variants, grid

__all__ = ["Variant", "compare_variants", "grid"]
