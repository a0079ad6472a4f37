"""goodfit trains neural networks the careful way and shows why the result can be trusted.

Describe a training (`Config`), vary it (`vary`), train all variants at once on a `Task` (`train`), read the
answer (`Runs`). Everything else is a client of these.
"""

from goodfit._processor import choose_matrix_products

choose_matrix_products()  # before anything loads the libraries

from typing import TYPE_CHECKING

from goodfit._version import __version__
from goodfit.config import Config, vary
from goodfit.errors import GoodfitError
from goodfit.estimators import NetworkClassifier, NetworkRegressor
from goodfit.load import load
from goodfit.model import Model
from goodfit.own_module import OwnResult
from goodfit.recipe import Recipe, run_recipe
from goodfit.runs import Runs
from goodfit.search import SearchResult, find_learning_rate, search
from goodfit.task import Task
from goodfit.training import RunFolder, load_model, save_model, train

if TYPE_CHECKING:
    from goodfit.own_module import recipe  # the package goodfit.recipe, which can be called

__all__ = [
    "Config",
    "GoodfitError",
    "Model",
    "NetworkClassifier",
    "NetworkRegressor",
    "OwnResult",
    "Recipe",
    "RunFolder",
    "Runs",
    "SearchResult",
    "Task",
    "__version__",
    "find_learning_rate",
    "load",
    "load_model",
    "recipe",
    "run_recipe",
    "save_model",
    "search",
    "train",
    "vary",
]
