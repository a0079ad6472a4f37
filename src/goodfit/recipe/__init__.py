"""`goodfit train`: the stages from raw data to a judged model.

`recipe` is the sequence; `presets` how much work each does; the other modules are one stage or judgement each.
"""

from goodfit.recipe.presets import PRESETS as PRESETS
from goodfit.recipe.recipe import Listener as Listener
from goodfit.recipe.recipe import Recipe as Recipe
from goodfit.recipe.recipe import run_recipe as run_recipe
