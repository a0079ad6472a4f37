"""Formulas of calculations by hand as HTML and as LaTeX."""

import html
import re

from goodfit.byhand.notation import Quantity, translate

_LATEX_SIGNS = {"·": r"\cdot", "−": "-", "²": "^{2}", "½": r"\tfrac{1}{2}", "≤": r"\leq"}
_LATEX_FUNCTIONS = {"σ": r"\sigma", "Φ": r"\Phi", "φ": r"\varphi"}


def to_html(text: str) -> str:
    """Return a formula with italic letters and subscripts; derivatives with a round d."""

    def symbol(name: str) -> str:
        letter, index = _split(name)
        return f"<i>{letter}</i>" + (f"<sub>{index}</sub>" if index else "")

    return translate(
        html.escape(text, quote=False),
        derivative=lambda _, top, bottom: f"∂{symbol(top)}/∂{symbol(bottom)}",
        symbol=symbol,
    )


def to_latex(text: str) -> str:
    """Return a formula for LaTeX's mathematical mode, in ASCII."""

    def symbol(name: str) -> str:
        letter, index = _split(name)
        return letter.replace("η", r"\eta") + (f"_{{{index}}}" if index else "")

    return translate(
        text,
        derivative=lambda _, top, bottom: rf"\frac{{\partial {symbol(top)}}}{{\partial {symbol(bottom)}}}",
        symbol=symbol,
        number=lambda number: re.sub(r"e([+-])0*(\d+)", lambda e: rf" \cdot 10^{{{e[1].strip('+')}{e[2]}}}", number),
        function=lambda name: _LATEX_FUNCTIONS.get(name, rf"\{name}"),
        sign=_LATEX_SIGNS.__getitem__,
    )


def right_sides(line: Quantity) -> list[str]:
    """Return the formula and the same with numbers; only once where they are equal."""
    return [line.formula] if line.formula == line.numbers else [line.formula, line.numbers]


def _split(name: str) -> tuple[str, str]:
    """Return letter (with its ') and number of a symbol."""
    letter = name.rstrip("0123456789")
    return letter, name[len(letter) :]
