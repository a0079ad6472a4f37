"""`goodfit train`: the stages from raw data to a judged model.

`recipe` is the sequence; `presets` how much work each does; the other modules are one stage or judgement each.
"""

from goodfit.recipe.coarse import coarse_search as coarse_search
from goodfit.recipe.curves import read_curves as read_curves
from goodfit.recipe.improvement import improve as improve
from goodfit.recipe.initial_loss import check_initial_loss as check_initial_loss
from goodfit.recipe.overfit import overfit_small_sample as overfit_small_sample
from goodfit.recipe.own import OwnResult as OwnResult
from goodfit.recipe.own import run_own_recipe as run_own_recipe
from goodfit.recipe.plan import Listener as Listener
from goodfit.recipe.plan import Recipe as Recipe
from goodfit.recipe.presets import PRESETS as PRESETS
from goodfit.recipe.recipe import run_recipe as run_recipe
from goodfit.search import find_learning_rate as find_learning_rate
