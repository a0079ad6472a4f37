"""First weights.

`registry` lists the initialisers. `distributions` holds those that draw every layer from a law (`laws`) of its fans,
`structured` those that look at the network's structure, `measured` those that look at training samples; `start` is
what they are given, `choice` reads the setting `init` and applies it.
"""

from goodfit.nn.initialisers.choice import OwnInitialiser as OwnInitialiser
from goodfit.nn.initialisers.choice import initialise as initialise
from goodfit.nn.initialisers.choice import needs_data as needs_data
from goodfit.nn.initialisers.choice import read_initialiser as read_initialiser
from goodfit.nn.initialisers.choice import scale_weights as scale_weights
from goodfit.nn.initialisers.registry import INITIALISERS as INITIALISERS
from goodfit.nn.initialisers.start import Sample as Sample
from goodfit.nn.initialisers.start import Start as Start
