"""Learning rates that differ within one network, as multiples of the config's rate.

A network may have an attribute `rate_factors`, a mapping from the names of its parameters to such multiples; parameters
that are not in it train at the rate itself. Layer-wise rates of fine-tuning (Howard & Ruder 2018, section 3.2) are one use.
"""

from collections.abc import Mapping

from torch import nn

from goodfit.errors import GoodfitError


def rate_factors(module: nn.Module) -> dict[str, float]:
    """Return the factor of every trained parameter whose factor is not 1, by its name.

    Raises:
        GoodfitError: a factor for a parameter that there is not, or one that is no positive number.
    """
    given = getattr(module, "rate_factors", {})
    if not isinstance(given, Mapping):
        raise GoodfitError(
            f"rate_factors of the model is a {type(given).__name__}: it must map parameter names to factors"
        )
    trained = {name: p.requires_grad for name, p in module.named_parameters()}
    for name, factor in given.items():
        if name not in trained:
            raise GoodfitError(f"rate_factors of the model names '{name}': it has no such parameter")
        if not factor > 0:
            raise GoodfitError(f"rate_factors of the model gives '{name}' {factor}: a factor must be above 0")
    return {name: float(factor) for name, factor in given.items() if trained[name] and factor != 1}
