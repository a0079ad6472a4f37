"""The initialisers there are. Adding one is adding one entry to `INITIALISERS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from goodfit.nn.initialisers import distributions as d
from goodfit.nn.initialisers import measured, structured
from goodfit.nn.initialisers.start import LawOfFans


@dataclass(frozen=True)
class Entry:
    """An initialiser: a law of each layer's fans, or a function on the whole network.

    Parameters after the first are written in the setting, as in `init="uniform(-0.5, 0.5)"`; the first line of the
    docstring is the definition.

    Attributes:
        make: `law(fans, ...) -> Law`, or `initialise(start, ...)`.
        source: who proposed it.
        by_layer: whether `make` is a law. bias: law of the biases; None makes them 0.
        needs_data: whether it looks at training samples.
    """

    make: Callable[..., Any]
    source: str
    by_layer: bool = True
    bias: LawOfFans | None = None
    needs_data: bool = False


def _network(make: Callable[..., Any], source: str, *, needs_data: bool = False) -> Entry:
    return Entry(make, source, by_layer=False, needs_data=needs_data)


INITIALISERS: dict[str, Entry] = {
    "default": Entry(d.framework_default, "PyTorch's Linear and Conv", bias=d.framework_bias),
    "zeros": Entry(d.zeros, "the mistake to see once"),
    "ones": Entry(d.ones, "the mistake to see once"),
    "constant": Entry(d.constant, "the mistake to see once"),
    "uniform": Entry(d.uniform, "rule of thumb"),
    "general-rule": Entry(d.general_rule, "LeCun et al. 1998, up to a factor"),
    "normal": Entry(d.normal, "small random: Krizhevsky et al. 2012"),
    "normal-rule": Entry(d.lecun_normal, "LeCun et al. 1998"),
    "truncated-normal": Entry(d.truncated_normal, "TensorFlow's default of old"),
    "lecun-normal": Entry(d.lecun_normal, "LeCun et al. 1998; for SELU Klambauer et al. 2017"),
    "orthogonal": Entry(d.orthogonal, "Saxe et al. 2014"),
    "xavier-uniform": Entry(d.xavier_uniform, "Glorot & Bengio 2010, equation 16"),
    "xavier-normal": Entry(d.xavier_normal, "Glorot & Bengio 2010, equation 12"),
    "kaiming-uniform": Entry(d.kaiming_uniform, "He et al. 2015"),
    "kaiming-normal": Entry(d.kaiming_normal, "He et al. 2015, equation 10"),
    "residual-zero": _network(structured.residual_zero, "Goyal et al. 2017, section 5.1"),
    "fixup": _network(structured.fixup, "Zhang et al. 2019, the weights' part"),
    "zero": _network(structured.zero, "Zhao et al. 2022"),
    "constnet": _network(structured.constnet, "Blumenfeld et al. 2020"),
    "lsuv": _network(measured.lsuv, "Mishkin & Matas 2016", needs_data=True),
    "metainit": _network(measured.metainit, "Dauphin & Schoenholz 2019", needs_data=True),
}
