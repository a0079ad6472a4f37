"""Formulas as a person writes them: `w1 · x1 + w2 · x2`, and the same with the numbers put in.

The grammar of names: a letter, perhaps with ' and a number (x1, y', z'2, eta as η), or the derivative of one by another
(dL/dw1). Whatever else stands in a formula (numbers, exp, brackets) stays as it is.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from goodfit.errors import GoodfitError

SYMBOL = r"[a-zLη]'?\d*"
TOKENS = re.compile(
    rf"(?P<derivative>d(?P<top>{SYMBOL})/d(?P<bottom>{SYMBOL}))(?!\w)|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?!\w)"
    rf"|(?P<function>exp|ln|tanh|[σΦφ])(?=\()|(?P<symbol>{SYMBOL})(?!\w)|(?P<sign>[·−²½≤])",
    re.ASCII,  # to \w, ² would be a digit
)
DIGITS, DIGITS_WITHIN = 8, 6
"""Significant digits of a result, and of the numbers within a formula."""


@dataclass(frozen=True)
class Quantity:
    """One line of a calculation: `name = formula = numbers = value`, with a note where a formula has two branches."""

    name: str
    formula: str
    numbers: str
    value: float
    note: str = ""


class Sheet:
    """The paper on which a calculation is written: every value that has a name."""

    def __init__(self, values: Mapping[str, float] | None = None) -> None:
        self.values = dict(values or {})

    def give(self, names: Iterable[str], values: Iterable[float]) -> None:
        """Write down what is given."""
        self.values.update(zip(names, values, strict=True))

    def write(self, name: str, formula: str, value: float, note: str = "") -> Quantity:
        """Write down a result and return its line.

        Raises:
            GoodfitError: the value is infinite or not a number.
        """
        if not math.isfinite(value):
            raise GoodfitError(f"{name} = {formula} is {value}, too large to calculate with: take smaller numbers")
        line = Quantity(name, formula, self.put_in(formula), float(value), self.put_in(note, named=True))
        self.values[name] = line.value
        return line

    def product(self, name: str, chains: list[list[str]]) -> Quantity:
        """Write down a sum of products of what is on the sheet."""
        value = sum(math.prod(self.values[factor] for factor in chain) for chain in chains)
        return self.write(name, " + ".join(" · ".join(chain) for chain in chains), value)

    def put_in(self, formula: str, named: bool = False) -> str:
        """Return the formula with its numbers in place of the names; `named` keeps the names: `z1 = 0.3 > 0`."""

        def number(name: str) -> str:
            text = tidy(self.values[name], DIGITS_WITHIN)
            return f"{name} = {text}" if named else f"({text})" if "−" in text or "e" in text else text

        text = translate(formula, derivative=lambda name, *_: number(name), symbol=number)
        return re.sub(r"\((\([^()]*\))\)", r"\1", re.sub(r"^\(([^()]*)\)(?!²)", r"\1", text))


def translate(
    text: str,
    *,
    derivative: Callable[[str, str, str], str],
    symbol: Callable[[str], str],
    number: Callable[[str], str] = str,
    function: Callable[[str], str] = str,
    sign: Callable[[str], str] = str,
) -> str:
    """Return a formula with each of its pieces written another way; a derivative comes with its two symbols."""

    def write(match: re.Match[str]) -> str:
        if match["derivative"]:
            return derivative(match["derivative"], match["top"], match["bottom"])
        for kind, write in (("number", number), ("function", function), ("symbol", symbol)):
            if match[kind]:
                return write(match[kind])
        return sign(match["sign"])

    return TOKENS.sub(write, text)


def tidy(value: float, digits: int = DIGITS) -> str:
    """Return a number with so many significant digits and without trailing zeros; the minus is a real one."""
    return f"{value + 0.0:.{digits}g}".replace("-", "−").replace("e−", "e-")
