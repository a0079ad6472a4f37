"""Parts of one network: activations, normalisation, initialisers, models. None of them knows of populations."""

from goodfit.nn.activation_facts import ACTIVATION_FACTS as ACTIVATION_FACTS
from goodfit.nn.activations import ACTIVATIONS as ACTIVATIONS
from goodfit.nn.initialisers import INITIALISERS as INITIALISERS
from goodfit.nn.inputs import SeveralInputs as SeveralInputs
from goodfit.nn.mlp import MLP as MLP
from goodfit.nn.models import MODELS as MODELS
from goodfit.nn.models import build_model as build_model
from goodfit.nn.norm_layers import NORMS as NORMS
