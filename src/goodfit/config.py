"""`Config`: one training, fully described by plain values; `vary`: the grid of its variants."""

import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from goodfit.calls import split_at_commas
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.identity import full_name, identity, printed_name

ModelFactory = Callable[[], Any]
"""A user's own model: a function (or class) without arguments that returns a `torch.nn.Module`."""

OwnInitialiser = Callable[..., None]
"""A user's own initialiser of one layer: see `goodfit.nn.initialisers.choice.OwnInitialiser`."""

OwnLoss = Callable[..., Any]
"""A user's own loss: `loss(output [..., B, n_out], target [..., B])` gives one value for each row, [..., B]."""

Rate = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


def _number(value: object) -> object:
    # YAML 1.1 reads 1e-3 as text; a person who writes it means the number
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


Number = BeforeValidator(_number)

MLP_WIDTH, MLP_DEPTH = 256, 2
"""A perceptron's hidden layers where nothing is said."""


def _empty(value: object) -> object:
    # an `augment=` with nothing behind it is None in YAML; a person who writes it means an empty list
    return () if value is None else value


Empty = BeforeValidator(_empty)


def _listed(value: object) -> object:
    if isinstance(value, str):
        return tuple(piece.strip() for piece in split_at_commas(value) if piece.strip())
    return value


class Config(BaseModel):
    """One training, fully described. Immutable; equal values give equal results.

    Unknown keys, wrong types and impossible values raise `GoodfitError` naming the setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    # model
    model: str | ModelFactory = "mlp"
    """Name in `goodfit.nn.MODELS`, or your own factory of an `nn.Module`."""
    width: Count | tuple[Count, ...] | None = None
    """Units of each hidden layer of a perceptron (a tuple gives every layer its own); of other models what
    `goodfit model NAME` says, mostly the channels of the first stage. None: the model's own; a perceptron's is 256."""
    depth: int | None = Field(None, ge=0, le=1000)
    """Number of a perceptron's hidden layers where `width` is one number (0 is a linear model); of other models what
    `goodfit model NAME` says. None: the model's own; a perceptron's is 2."""
    activation: str = "auto"
    """Name in `goodfit.nn.ACTIVATIONS`; auto: the model's own, mostly relu. Dropout after `selu` is alpha-dropout."""
    norm: str = "auto"
    """Name in `goodfit.nn.NORMS`: none, batch, layer or group; auto: the model's own, none for a perceptron."""
    skip: bool = True
    """False removes the skip connections of a residual network."""
    init: str | OwnInitialiser = "default"
    """Name in `goodfit.nn.INITIALISERS`, with arguments where it takes any: "uniform(-0.5, 0.5)"; or a function of
    your own, `initialiser(weight, bias, generator)`, that fills one layer in place."""
    init_scale: Annotated[float, Number, Field(ge=0)] = 1.0
    """Multiplies the initial weights, not the biases."""
    dropout: Rate = 0.0
    dropconnect: Rate = 0.0
    """Share of the weights that each training step leaves out (Wan et al. 2013)."""
    l1: Annotated[float, Number, Field(ge=0)] = 0.0
    """Adds l1 * sum |w| to what is minimised, over the weights of layers (`goodfit.optim.penalties`); with `l2` the
    elastic net (Zou & Hastie 2005). Losses that are reported hold no penalty."""
    l2: Annotated[float, Number, Field(ge=0)] = 0.0
    """Adds l2/2 * sum w^2 in the same way: through the gradient, so adaptive optimisers rescale it, which they do not do
    to the decoupled `weight_decay` of AdamW."""
    label_smoothing: Rate = 0.0
    """Share of a label that is spread evenly over all classes (Szegedy et al. 2016), for cross-entropy. Losses that are
    reported are those of the labels themselves."""

    # objective and optimiser
    loss: str | OwnLoss = "auto"
    """Name in `goodfit.losses.LOSSES`; auto: squared error or cross-entropy; or a function of your own that gives one
    value for each row."""
    optimiser: str = "adamw"
    lr: Annotated[float, Number, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Number, Field(ge=0)] = 0.0
    """Decoupled for AdamW and Lion (Loshchilov & Hutter 2019), added to the gradient for the others, as in PyTorch. Of all
    parameters, also biases and the scales of norms."""
    momentum: Rate = 0.9
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    rho: Rate = 0.9
    """Share of the old moving average of squared gradients that RMSprop and Adadelta keep at each step."""
    eps: Annotated[float, Number, Field(gt=0)] = 1e-8
    schedule: str = "constant"
    """Name in `goodfit.optim.SCHEDULES`: how the rate changes over the training."""
    warmup_steps: int = Field(0, ge=0)
    """Steps over which the rate first grows along a line, before any schedule."""
    lr_end: float = Field(0.0, ge=0, le=1)
    """Share of the rate at the end of `linear`, `cosine`, `flat-cosine` and `cosine-restarts`."""
    lr_factor: float = Field(0.1, gt=0, le=1)
    """What a drop of `step` and `multi-step` multiplies the rate by."""
    lr_drops: Count = 2
    """Drops of `step`; `exponential` falls as deep."""
    milestones: Annotated[tuple[Share, ...], Empty] = (0.5, 0.75)
    """When `multi-step` drops, in shares of the training."""
    lr_power: float = Field(2.0, gt=0)
    """Exponent of `polynomial`."""
    lr_cycles: Count = 4
    """Cosines of `cosine-restarts`."""

    # data treatment
    numeric: Literal["standard", "robust", "quantile", "piecewise", "periodic", "centre", "min-max"] = "quantile"
    """How numbers of a table are scaled or encoded (`goodfit.data.preparation`)."""
    bins: int = Field(32, ge=2, le=1024)
    """Bins per number for `numeric="piecewise"`."""
    pixels: Literal["standard", "centre", "min-max", "none"] = "standard"
    """How the pixels of images are scaled, channel by channel; none: bytes are brought to [0, 1], floats stay."""
    decorrelate: str = "none"
    """What comes after: `pca(keep)`, `pca-whiten(keep, epsilon)` or `zca(epsilon)` (`goodfit.data.linear_steps`)."""

    neighbours: str = "none"
    """Whether networks of a table are told the target of the training rows that lie nearest in a few columns
    (`goodfit.data.nearby`): `auto` looks for two columns that hold a map, "longitude+latitude" names them."""

    train_rows: Count | None = None
    """Number of training samples, drawn by the seed; None takes all."""
    resample: Literal["none", "bootstrap", "balanced"] = "none"
    """`bootstrap`: the seed draws as many training samples as there are, with replacement, once (bagging, Breiman 1996).
    `balanced`: every epoch has equally many samples of each class, those of rare classes several times."""
    fold: tuple[int, int, int] | None = None
    """(repeat, k, n) of a cross-validation: of n folds of all rows that train or validate, the k-th (from 0) judges this
    training and the others train it; another repeat parts the rows anew. None: the task's own parts."""
    label_noise: Rate = 0.0
    """Share of training labels that are made wrong; for regression the noise's standard deviation in units of the
    target's."""
    mixup: float = Field(0.0, ge=0)
    """Mixup's alpha (Zhang et al. 2018); 0 is none."""
    augment: Annotated[tuple[str, ...], BeforeValidator(_listed), Empty] = ()
    """Names in `goodfit.data.augmentation.AUGMENTATIONS`, with arguments where wanted, one after the other:
    "flip,crop(2)". For images; training samples only."""

    # budget
    batch_size: Count = 128
    """Rows of a step. The last batch of an epoch may be smaller; one of a single row is left out."""
    epochs: int = Field(100, ge=0)
    max_steps: Count | None = None
    """Stop after so many optimiser steps, also in the middle of an epoch."""
    patience: Count | None = None
    """Stop after so many epochs without a lower validation loss."""
    best_weights: bool = True
    """Keep the weights of the epoch with the lowest validation loss; False keeps those of the last epoch."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """What matrix products are computed in; weights and optimiser stay in float32 either way."""
    seed: int = 0

    def __init__(self, **settings: Any) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise GoodfitError(_explain(error)) from None

    @model_validator(mode="after")
    def _depth_follows_width(self) -> Self:
        if isinstance(self.width, tuple) and self.depth is not None and self.depth != len(self.width):
            raise ValueError(f"depth {self.depth} contradicts width {self.width}: leave depth out")
        return self

    @model_validator(mode="after")
    def _fold_is_one_of_its_folds(self) -> Self:
        if self.fold is not None:
            repeat, k, n = self.fold
            if repeat < 0 or n < 2 or not 0 <= k < n:
                raise ValueError(f"fold {self.fold} is none: (repeat, k, n) needs repeat >= 0, n >= 2 and 0 <= k < n")
        return self

    @field_serializer("model", "init", "loss")
    def _name_the_function(self, value: str | ModelFactory | OwnInitialiser | OwnLoss) -> str:
        return value if isinstance(value, str) else printed_name(value)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Width of every hidden layer of a perceptron."""
        if isinstance(self.width, tuple):
            return self.width
        width = MLP_WIDTH if self.width is None else self.width
        return (width,) * (MLP_DEPTH if self.depth is None else self.depth)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values, validated like a new one."""
        settings = {name: getattr(self, name) for name in self.model_fields_set} | changes
        if isinstance(changes.get("width"), tuple | list):
            settings.pop("depth", None)
        return type(self)(**settings)

    def settings(self) -> dict[str, Any]:
        """Return every setting as plain JSON values."""
        values = self.model_dump(mode="json")
        if isinstance(self.width, tuple):
            del values["depth"]
        return values

    def identity(self, of: Callable[[Any], str] = identity) -> dict[str, Any]:
        """Return every setting as plain JSON values that also tell functions of one name apart, by what they are.

        Args:
            of: what tells a function (`goodfit.identity`).
        """
        own = {name: getattr(self, name) for name in ("model", "init", "loss")}
        told = {n: f"{full_name(value)} {of(value)}" for n, value in own.items() if not isinstance(value, str)}
        return self.settings() | told

    def point(self) -> str:
        """Return what names the settings but seed and fold: it is the same for trainings that differ by chance alone."""
        return repr(self.identity() | {"seed": 0, "fold": None})

    def write(self, path: Path | str) -> None:
        """Write as YAML, or JSON where the name ends in `.json`."""
        path = Path(path)
        text = (
            json.dumps(self.settings(), indent=2)
            if path.suffix == ".json"
            else yaml.safe_dump(self.settings(), sort_keys=False)
        )
        path.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Read a YAML or JSON file (JSON is YAML)."""
        return cls(**read_settings(path))


def read_settings(path: Path | str) -> dict[str, Any]:
    """Return the settings that a YAML or JSON file names, not yet validated."""
    path = Path(path)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GoodfitError(f"cannot read the settings file {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise GoodfitError(f"{path}{where} is not valid YAML: write one 'key: value' per line") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        raise GoodfitError(f"{path} does not hold settings: write one 'key: value' per line")
    return settings


def vary(config: Config | Iterable[Config], **axes: Iterable[Any]) -> list[Config]:
    """Return the grid of variants, in the order of nested loops, the last axis fastest.

    `vary(config, lr=[1e-3, 1e-2], seed=range(4))` gives eight configs. A single value counts as one point.
    """
    configs = [config] if isinstance(config, Config) else list(config)
    points = [
        [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
        for values in axes.values()
    ]
    return [
        base.replace(**dict(zip(axes, point, strict=True))) for base in configs for point in itertools.product(*points)
    ]


def _explain(error: ValidationError) -> str:
    """Put pydantic's first finding in one line; unknown names first, for they explain the rest."""
    found = sorted(error.errors(), key=lambda item: item["type"] != "extra_forbidden")[0]
    name = str(found["loc"][0]) if found["loc"] else "config"
    if found["type"] == "extra_forbidden":
        fields = list(Config.model_fields)
        return f"unknown setting '{name}'{did_you_mean(name, fields)}: the settings are {', '.join(fields)}"
    rule = found["msg"].removeprefix("Value error, ")
    rule = rule[0].lower() + rule[1:]
    return rule if not found["loc"] else f"setting '{name}' is {found['input']!r}: {rule}"
