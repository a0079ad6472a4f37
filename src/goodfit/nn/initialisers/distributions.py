"""Initialisers that draw every layer from a law of its fans. The first line of each is its definition."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from goodfit.nn.initialisers.laws import Constant, Law, Normal, Orthogonal, Uniform

Mode = Literal["fan_in", "fan_out"]


@dataclass(frozen=True)
class Fans:
    """What a law may know of a layer.

    Attributes:
        n_in, n_out: inputs of one unit, and units that one input goes to; for a convolution times its receptive field.
        units: rows of the weight, or output channels.
        gain: what keeps the mean square through the network's activation (`goodfit.nn.mean_field.gain`).
    """

    n_in: int
    n_out: int
    units: int
    gain: float

    @classmethod
    def of(cls, weight: Tensor, gain: float) -> "Fans":
        """Read the fans off a weight [n_out, n_in] or [out, in, kernel ...]."""
        units, fields = weight.shape[0], math.prod(weight.shape[2:])
        return cls(max(weight[0].numel(), 1), units * fields, units, gain)


def zeros(fans: Fans) -> Law:
    """0"""
    return Constant(0.0)


def ones(fans: Fans) -> Law:
    """1"""
    return Constant(1.0)


def constant(fans: Fans, value: float) -> Law:
    """c"""
    return Constant(value)


def uniform(fans: Fans, low: float = -0.5, high: float = 0.5) -> Law:
    """U(low, high)"""
    return Uniform(low, high)


def general_rule(fans: Fans) -> Law:
    """U(-a, a), a = 1 / sqrt(n_in)"""
    return Uniform.within(1 / math.sqrt(fans.n_in))


def framework_default(fans: Fans) -> Law:
    """U(-a, a), a = 1 / sqrt(n_in), the bias too"""
    # PyTorch writes it as kaiming_uniform with a = sqrt(5); the same operations give the same last bit
    return Uniform.within(math.sqrt(3) * (math.sqrt(2 / (1 + math.sqrt(5) ** 2)) / math.sqrt(fans.n_in)))


def framework_bias(fans: Fans) -> Law:
    """U(-a, a), a = 1 / sqrt(n_in)"""
    return general_rule(fans)


def normal(fans: Fans, mean: float = 0.0, std: float = 0.01) -> Law:
    """N(mean, std^2)"""
    return Normal(mean, std)


def lecun_normal(fans: Fans) -> Law:
    """N(0, 1 / n_in)"""
    return Normal(0.0, 1 / math.sqrt(fans.n_in))


def truncated_normal(fans: Fans, mean: float = 0.0, std: float | None = None, cut: float = 2.0) -> Law:
    """N(mean, std^2), redrawn beyond cut x std; std = 1 / sqrt(n_in) unless given"""
    return Normal(mean, 1 / math.sqrt(fans.n_in) if std is None else std, cut)


def orthogonal(fans: Fans, gain: float = 1.0) -> Law:
    """gain x a random orthogonal matrix"""
    return Orthogonal(gain, max(fans.units, fans.n_in))


def xavier_uniform(fans: Fans, gain: float = 1.0) -> Law:
    """U(-a, a), a = gain sqrt(6 / (n_in + n_out))"""
    return Uniform.within(gain * math.sqrt(6 / (fans.n_in + fans.n_out)))


def xavier_normal(fans: Fans, gain: float = 1.0) -> Law:
    """N(0, 2 gain^2 / (n_in + n_out))"""
    return Normal(0.0, gain * math.sqrt(2 / (fans.n_in + fans.n_out)))


def kaiming_uniform(fans: Fans, mode: Mode = "fan_in", gain: float | None = None) -> Law:
    """U(-a, a), a = gain sqrt(3 / fan); gain by the activation, sqrt(2) for ReLU"""
    return Uniform.within(math.sqrt(3) * _kaiming_std(fans, mode, gain))


def kaiming_normal(fans: Fans, mode: Mode = "fan_in", gain: float | None = None) -> Law:
    """N(0, gain^2 / fan); gain by the activation, sqrt(2) for ReLU"""
    return Normal(0.0, _kaiming_std(fans, mode, gain))


def _kaiming_std(fans: Fans, mode: Mode, gain: float | None) -> float:
    fan = fans.n_in if mode == "fan_in" else fans.n_out
    return (fans.gain if gain is None else gain) / math.sqrt(fan)
