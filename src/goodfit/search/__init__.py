"""Searches over settings; each is a client of `train`.

`run` is the search; `space` and `domain` what is searched; `methods` and `modelled` how trials are proposed; `halving`
which of them stop early; `importance` which settings matter; `optuna_file` the study on disk; `record` what is told.
"""

from goodfit.search.learning_rate import RateSearch as RateSearch
from goodfit.search.learning_rate import find_learning_rate as find_learning_rate
from goodfit.search.methods import METHODS as METHODS
from goodfit.search.run import SearchResult as SearchResult
from goodfit.search.run import search as search
from goodfit.search.space import Space as Space
