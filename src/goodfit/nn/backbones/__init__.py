"""Pretrained networks without their heads: what they want to see, how they are built again, frozen or fine-tuned."""

from goodfit.nn.backbones.backbone import Backbone as Backbone
from goodfit.nn.backbones.fine_tuning import FineTuning as FineTuning
from goodfit.nn.backbones.frozen import FrozenBackbone as FrozenBackbone
from goodfit.nn.backbones.frozen import FrozenFeatures as FrozenFeatures
from goodfit.nn.backbones.inputs import ImageInput as ImageInput
