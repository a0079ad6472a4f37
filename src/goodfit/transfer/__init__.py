"""Transfer: a network pretrained on other data, its head replaced, frozen or trained further."""

from goodfit.transfer.plan import LAYER_RATE as LAYER_RATE
from goodfit.transfer.plan import fine_tune as fine_tune
from goodfit.transfer.plan import freeze as freeze
from goodfit.transfer.sources import backbone_of as backbone_of
from goodfit.transfer.sources import open_backbone as open_backbone
