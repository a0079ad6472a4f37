"""Parts of one network: activations, initialisers, models. None of them knows of populations."""

from goodfit.nn.activations import ACTIVATIONS as ACTIVATIONS
from goodfit.nn.initialisers import INITIALISERS as INITIALISERS
from goodfit.nn.inputs import SeveralInputs as SeveralInputs
from goodfit.nn.mlp import MLP as MLP
from goodfit.nn.models import MODELS as MODELS
from goodfit.nn.models import build_model as build_model
