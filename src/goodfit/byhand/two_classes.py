"""Samples of two classes for a perceptron: of a table, or a toy set in the plane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from goodfit.errors import GoodfitError, did_you_mean
from goodfit.randomness import numpy_generator
from goodfit.wording import count

TOY_SAMPLES = 80
GAP = 0.05
"""Half the width of the empty strip between the classes of the separable toy set."""


@dataclass(frozen=True)
class TwoClasses:
    """Samples of two classes.

    Attributes:
        x: [samples, features], in the units of the table. y: [samples], -1 for the first class and +1 for the second.
        mean, scale: [features], with which `standardised` makes mean 0 and standard deviation 1.
        left_out: rows without a number in some feature or without a label.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, str]
    left_out: int = 0
    mean: np.ndarray = field(init=False)
    scale: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        spread = self.x.std(0)
        object.__setattr__(self, "mean", self.x.mean(0))
        object.__setattr__(self, "scale", np.where(spread > 1e-12 * np.abs(self.x).max(0), spread, 1.0))

    def standardised(self) -> np.ndarray:
        """Return the features with mean 0 and standard deviation 1."""
        return np.asarray((self.x - self.mean) / self.scale)

    def in_own_units(self, weights: np.ndarray) -> np.ndarray:
        """Return weights [..., features + 1] for `x` that say the same as these say of the standardised features."""
        slopes = weights[..., :-1] / self.scale
        return np.concatenate([slopes, weights[..., -1:] - (slopes * self.mean).sum(-1, keepdims=True)], -1)


def from_frame(frame: pd.DataFrame, target: str, features: Sequence[str] | None = None, *, name: str) -> TwoClasses:
    """Take two classes of a table: `target` holds two labels; `features` are columns of numbers, by default all.

    Raises:
        GoodfitError: no such column, not two classes, no numbers.
    """
    for wanted in [target, *(features or [])]:
        if wanted not in frame.columns:
            raise GoodfitError(
                f"{name} has no column '{wanted}'{did_you_mean(wanted, map(str, frame.columns))}: the columns are"
                f" {', '.join(map(str, frame.columns[:12]))}"
            )
    numbers = [c for c in frame.columns if c != target and _is_number(frame[c])]
    chosen = list(numbers if features is None else dict.fromkeys(features))
    if target in chosen:
        raise GoodfitError(f"'{target}' is the target: leave it out of --features")
    text = [c for c in chosen if c not in numbers]
    if text or not chosen:
        what = f"column '{text[0]}' of {name} holds no numbers" if text else f"{name} has no column of numbers"
        raise GoodfitError(f"{what}: a perceptron adds up numbers, take others with --features")
    values = frame[chosen].to_numpy(np.float64, na_value=np.nan)
    whole = np.isfinite(values).all(1) & frame[target].notna().to_numpy()
    x, labels = values[whole], frame[target][whole].map(str)
    classes = sorted(labels.unique())
    if len(classes) != 2:
        raise GoodfitError(
            f"target '{target}' of {name} holds {count(len(classes), 'different value')} in"
            f" {count(len(x), 'complete row')}: a perceptron needs two classes"
        )
    y = np.where(labels == classes[1], 1.0, -1.0)
    return TwoClasses(name, x, y, tuple(map(str, chosen)), (classes[0], classes[1]), int((~whole).sum()))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def toy(name: str, seed: int = 0) -> TwoClasses:
    """Make one of `TOYS`, in the plane.

    Raises:
        GoodfitError: an unknown name.
    """
    if name not in TOYS:
        raise GoodfitError(f"there is no toy set '{name}'{did_you_mean(name, TOYS)}: choose of {', '.join(TOYS)}")
    x, y = TOYS[name](numpy_generator(seed, "perceptron toy", name))
    return TwoClasses(name, x, y, ("x1", "x2"), ("no", "yes"))


def _separable(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points of a square on both sides of a random line, with an empty strip between the classes."""
    angle = random.uniform(0, 2 * np.pi)
    x = random.uniform(-2, 2, (8 * TOY_SAMPLES, 2))
    height = x @ [np.cos(angle), np.sin(angle)] - random.uniform(0.8, 1.3)
    far = np.flatnonzero(np.abs(height) > GAP)[:TOY_SAMPLES]
    return x[far], np.sign(height[far])


def _overlapping(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two round clouds that overlap."""
    y = np.repeat([-1.0, 1.0], TOY_SAMPLES // 2)
    return random.normal(size=(len(y), 2)) + np.outer(y, [1.0, 0.6]), y


def _xor(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The four corners of exclusive or (Minsky and Papert, 1969)."""
    return np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([-1.0, 1.0, 1.0, -1.0])


TOYS: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "separable": _separable, "overlapping": _overlapping, "xor": _xor,
}  # fmt: skip
