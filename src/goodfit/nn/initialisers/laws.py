"""Laws by which one layer's weights are drawn, with the mean, standard deviation and bound that follow from them."""

import math
from dataclasses import dataclass
from typing import Protocol

from scipy.stats import truncnorm
from torch import Generator, Tensor
from torch.nn import init

from goodfit.errors import GoodfitError


class Law(Protocol):
    """How weights are drawn. `bound` is the largest absolute value, infinite for a normal distribution."""

    @property
    def mean(self) -> float: ...

    @property
    def std(self) -> float: ...

    @property
    def bound(self) -> float: ...

    def fill(self, weight: Tensor, generator: Generator) -> None:
        """Fill a weight in place."""
        ...


@dataclass(frozen=True)
class Constant:
    """All weights equal."""

    value: float

    @property
    def mean(self) -> float:
        return self.value

    @property
    def std(self) -> float:
        return 0.0

    @property
    def bound(self) -> float:
        return abs(self.value)

    def fill(self, weight: Tensor, generator: Generator) -> None:
        init.constant_(weight, self.value)


@dataclass(frozen=True)
class Uniform:
    """Uniform in [low, high)."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise GoodfitError(f"a uniform distribution from {self.low:g} to {self.high:g} is empty: swap its bounds")

    @classmethod
    def within(cls, bound: float) -> "Uniform":
        """Uniform in [-bound, bound)."""
        return cls(-bound, bound)

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def std(self) -> float:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def bound(self) -> float:
        return max(abs(self.low), abs(self.high))

    def fill(self, weight: Tensor, generator: Generator) -> None:
        init.uniform_(weight, self.low, self.high, generator=generator)


NARROW = 1e-3
"""A normal distribution that is cut nearer than this to its mean is uniform to seven digits; SciPy's formula is not."""


@dataclass(frozen=True)
class Normal:
    """Normal, redrawn where it lies farther than `cut` standard deviations from the mean (never, if infinite)."""

    mean: float
    sigma: float
    cut: float = math.inf

    def __post_init__(self) -> None:
        if self.sigma < 0 or self.cut <= 0:
            raise GoodfitError(
                f"a normal distribution has std {self.sigma:g} and cut {self.cut:g}: std must not be negative, cut positive"
            )

    @property
    def std(self) -> float:
        if math.isinf(self.cut):
            return self.sigma
        if self.cut < NARROW:
            return self.sigma * self.cut / math.sqrt(3)
        return self.sigma * float(truncnorm.std(-self.cut, self.cut))

    @property
    def bound(self) -> float:
        return math.inf if math.isinf(self.cut) else abs(self.mean) + self.cut * self.sigma

    def fill(self, weight: Tensor, generator: Generator) -> None:
        if math.isinf(self.cut) or self.sigma == 0:
            init.normal_(weight, self.mean, self.sigma, generator=generator)
        else:
            reach = self.cut * self.sigma
            low, high = self.mean - reach, self.mean + reach
            init.trunc_normal_(weight, self.mean, self.sigma, low, high, generator=generator)


@dataclass(frozen=True)
class Orthogonal:
    """Rows or columns, whichever are fewer, orthogonal and of length `gain` (Saxe et al. 2014).

    `longest` is the larger of the two numbers; the standard deviation is that over all such matrices.
    """

    gain: float
    longest: int
    mean = 0.0

    @property
    def std(self) -> float:
        return abs(self.gain) / math.sqrt(self.longest)

    @property
    def bound(self) -> float:
        return abs(self.gain)

    def fill(self, weight: Tensor, generator: Generator) -> None:
        init.orthogonal_(weight, self.gain, generator=generator)
