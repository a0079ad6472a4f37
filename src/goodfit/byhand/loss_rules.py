"""Losses of one sample as a person differentiates them: value and derivative by each output, with their formulas."""

import math
from collections.abc import Callable, Sequence

from goodfit.byhand.notation import Quantity, Sheet

LossRule = Callable[[Sheet, Sequence[str], Sequence[str]], list[Quantity]]
"""`rule(sheet, outputs, targets)`: names of outputs and targets, whose values are on the sheet; lines are returned."""


def _squares(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str], factor: float, front: str) -> Quantity:
    terms = [f"({output} − {target})²" for output, target in zip(outputs, targets, strict=True)]
    errors = [sheet.values[o] - sheet.values[t] for o, t in zip(outputs, targets, strict=True)]
    text = terms[0] if len(terms) == 1 else f"({' + '.join(terms)})"
    return sheet.write("L", front + text, factor * sum(error * error for error in errors))


def _half(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str]) -> list[Quantity]:
    """Half the sum over the outputs of (y' - y)^2, so that its derivative is y' - y."""
    return [_squares(sheet, outputs, targets, 0.5, "½ · ")]


def _half_slopes(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str]) -> list[Quantity]:
    return [
        sheet.write(f"dL/d{output}", f"{output} − {target}", sheet.values[output] - sheet.values[target])
        for output, target in zip(outputs, targets, strict=True)
    ]


def _mean(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str]) -> list[Quantity]:
    """Mean over the outputs of (y' - y)^2."""
    n = len(outputs)
    return [_squares(sheet, outputs, targets, 1 / n, "" if n == 1 else f"1/{n} · ")]


def _mean_slopes(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str]) -> list[Quantity]:
    n = len(outputs)
    front = "2" if n == 1 else f"2/{n}"
    return [
        sheet.write(f"dL/d{o}", f"{front} · ({o} − {t})", 2 / n * (sheet.values[o] - sheet.values[t]))
        for o, t in zip(outputs, targets, strict=True)
    ]


def _entropy(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str]) -> list[Quantity]:
    """Softmax of the outputs, then minus the sum over the classes of y ln p."""
    highest = max(sheet.values[output] for output in outputs)
    powers = [math.exp(sheet.values[output] - highest) for output in outputs]  # shifted: exp cannot overflow
    total = " + ".join(f"exp({output})" for output in outputs)
    lines = [
        sheet.write(f"p{k}", f"exp({output}) / ({total})", power / sum(powers))
        for k, (output, power) in enumerate(zip(outputs, powers, strict=True), start=1)
    ]
    wanted = _wanted(sheet, targets)
    formula = " ".join(f"− y{k} · ln(p{k})" for k in wanted).replace("− ", "−", 1)
    probable = all(sheet.values[f"p{k}"] > 0 for k in wanted)
    loss = -sum(sheet.values[f"y{k}"] * math.log(sheet.values[f"p{k}"]) for k in wanted) if probable else math.inf
    return [*lines, sheet.write("L", formula, loss)]


def _entropy_slopes(sheet: Sheet, outputs: Sequence[str], targets: Sequence[str]) -> list[Quantity]:
    """The derivatives of the loss by the probabilities, and of these by the outputs."""
    wanted, values = _wanted(sheet, targets), sheet.values
    lines = [sheet.write(f"dL/dp{k}", f"−y{k} / p{k}", -values[f"y{k}"] / values[f"p{k}"]) for k in wanted]
    for k in wanted:
        for i, output in enumerate(outputs, start=1):
            p, q = values[f"p{k}"], values[f"p{i}"]
            formula = f"p{k} · (1 − p{k})" if i == k else f"−p{k} · p{i}"
            lines.append(sheet.write(f"dp{k}/d{output}", formula, p * (1 - p) if i == k else -p * q))
    return lines


def _wanted(sheet: Sheet, targets: Sequence[str]) -> list[int]:
    """Return the classes with a share of the target, counted from 1: the others add nothing to the loss."""
    return [k for k, target in enumerate(targets, start=1) if sheet.values[target] > 0]


LOSS_RULES: dict[str, tuple[LossRule, LossRule]] = {
    "half-squared-error": (_half, _half_slopes),
    "mean-squared-error": (_mean, _mean_slopes),
    "cross-entropy": (_entropy, _entropy_slopes),
}
"""For each loss the lines that end in L, and the lines of its local derivatives."""
