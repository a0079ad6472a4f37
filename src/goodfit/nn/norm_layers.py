"""The normalisations a network may have, by name: for features [B, F] and for images [B, C, H, W].

Adding one is adding one entry to `NORMS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from goodfit.errors import GoodfitError

MOST_GROUPS = 8
"""Of group normalisation; Wu & He 2018 use 32 for 64 and more channels, networks here are narrower."""


@dataclass(frozen=True)
class NormEntry:
    """How to make the layer for a number of features, and for a number of channels."""

    features: Callable[[int], nn.Module]
    channels: Callable[[int], nn.Module]


def _identity(units: int) -> nn.Module:
    return nn.Identity()


def _layer_norm(features: int) -> nn.Module:
    return nn.LayerNorm(_more_than_one("layer", features))


def _over_channels(channels: int) -> nn.Module:
    # layer norm over C, H and W with a scale for each channel is group norm with one group (Wu & He 2018, section 3)
    return nn.GroupNorm(1, channels)


def _grouped_features(features: int) -> nn.Module:
    return _grouped_channels(_more_than_one("group", features))


def _grouped_channels(channels: int) -> nn.Module:
    return nn.GroupNorm(group_count(channels), channels)


def group_count(units: int) -> int:
    """Return the most groups, up to `MOST_GROUPS`, that share units evenly with at least two each."""
    return max((n for n in range(1, MOST_GROUPS + 1) if units % n == 0 and units // n >= 2), default=1)


def _more_than_one(name: str, features: int) -> int:
    if features == 1:
        raise GoodfitError(f"norm '{name}' makes a layer of width 1 constant: choose width 2 or more, or norm batch")
    return features


NORMS: dict[str, NormEntry] = {
    "none": NormEntry(_identity, _identity),
    "batch": NormEntry(nn.BatchNorm1d, nn.BatchNorm2d),
    "layer": NormEntry(_layer_norm, _over_channels),
    "group": NormEntry(_grouped_features, _grouped_channels),
}
