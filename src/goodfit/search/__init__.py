"""Searches over settings; each is a client of `train`."""

from goodfit.search.learning_rate import RateSearch as RateSearch
from goodfit.search.learning_rate import find_learning_rate as find_learning_rate
