"""A user's formula as a function on tensors: read by a small parser of our own, never by `eval`.

    relation := sum ('=' | '<=' | '>=') sum         for constraints
    sum     := product (('+' | '-') product)*
    product := sign (('*' | '/') sign)*
    sign    := ('+' | '-') sign | power
    power   := atom (('^' | '**') sign)?            so 2^3^2 = 2^9 and -x^2 = -(x^2)
    atom    := number | name | function '(' sum ')' | '(' sum ')'

Only the names listed here exist, so a text can do nothing but arithmetic.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor

from goodfit.errors import GoodfitError, did_you_mean

MOST_CHARACTERS = 500
MOST_NESTED = 40
"""Brackets, signs and powers within one another; far below Python's own limit on recursion."""

FUNCTIONS_OF_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt,
    "abs": torch.abs, "tanh": torch.tanh, "cosh": torch.cosh, "sinh": torch.sinh,
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e}
VARIABLES = {"x": 0, "y": 1, "x1": 0, "x2": 1}

_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|<=|>=|[-+*/^()=]))"
)

Evaluate = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Expression:
    """A formula that was read.

    Shape:
        value: [..., dimension] -> [...].
    """

    text: str
    dimension: int
    names: tuple[str, ...]
    """How the user calls the variables: ("x",), ("x", "y") or ("x1", "x2")."""
    value: Evaluate


def parse(text: str) -> Expression:
    """Read a formula in x, in x and y, or in x1 and x2.

    Raises:
        GoodfitError: one line that names the position and what was expected there.
    """
    _check_length(text)
    return _Parser(text).expression()


@dataclass(frozen=True)
class Relation:
    """A constraint that was read: `difference` = 0 where `equal`, else `difference` <= 0."""

    text: str
    equal: bool
    difference: Expression


def parse_relation(text: str) -> Relation:
    """Read a constraint such as `x + y = 1` or `x^2 + y^2 <= 4`.

    Raises:
        GoodfitError: one line that names the position and what was expected there.
    """
    _check_length(text)
    return _Parser(text).relation()


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise GoodfitError(
            f"an expression has at most {MOST_CHARACTERS} characters, this one {len(text)} "
            f"(position {MOST_CHARACTERS + 1} is too far): shorten it"
        )


@dataclass(frozen=True)
class _Part:
    """A piece of the formula: a number, or something that depends on the variables."""

    evaluate: Evaluate
    constant: float | None = None


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent; one method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.next = 0
        self.depth = 0
        self.used: dict[str, int] = {}

    def expression(self) -> Expression:
        return self._whole(self._sum())

    def relation(self) -> Relation:
        left, sign = self._sum(), self._take()
        if sign.text not in ("=", "<=", ">="):
            self._fail(sign.at, "=, <= or >= is expected, and what comes after it")
        right = self._sum()
        if sign.text == ">=":
            left, right = right, left
        return Relation(
            self.text.strip(), sign.text == "=", self._whole(self._combine(_Token("", "-", 0), left, right))
        )

    def _whole(self, part: _Part) -> Expression:
        if self._look().kind != "end":
            token = self._look()
            hint = "write * between factors" if token.kind in ("number", "name") or token.text == "(" else "remove it"
            self._fail(token.at, f"an operator or the end is expected: {hint}")
        if not self.used:
            self._fail(0, "the formula has no variable: use x, or x and y, or x1 and x2")
        numbered = [name for name in self.used if name[-1].isdigit()]
        if numbered and len(numbered) < len(self.used):
            name = max(self.used, key=self.used.__getitem__)
            self._fail(self.used[name], "x, y and x1, x2 are mixed: use one pair")
        names = ("x1", "x2") if numbered else ("x", "y") if "y" in self.used else ("x",)
        return Expression(self.text.strip(), len(names), names, part.evaluate)

    def _sum(self) -> _Part:
        left = self._product()
        while self._look().text in ("+", "-"):
            token = self._take()
            left = self._combine(token, left, self._product())
        return left

    def _product(self) -> _Part:
        left = self._sign()
        while self._look().text in ("*", "/"):
            token = self._take()
            left = self._combine(token, left, self._sign())
        return left

    def _sign(self) -> _Part:
        if self._look().text not in ("+", "-"):
            return self._power()
        token = self._take()
        self._deeper(token)
        part = self._sign()
        self.depth -= 1
        return part if token.text == "+" else self._combine(token, _number(0.0), part)

    def _power(self) -> _Part:
        base = self._atom()
        if self._look().text not in ("^", "**"):
            return base
        token = self._take()
        self._deeper(token)
        exponent = self._sign()
        self.depth -= 1
        return self._combine(token, base, exponent)

    def _atom(self) -> _Part:
        token = self._take()
        if token.kind == "number":
            if not math.isfinite(float(token.text)):
                self._fail(token.at, "this number is too large for a double")
            return _number(float(token.text))
        if token.kind == "name":
            return self._named(token)
        if token.text == "(":
            return self._bracket(token)
        return self._fail(token.at, "a number, a variable, a function or '(' is expected")

    def _named(self, token: _Token) -> _Part:
        name = token.text
        if name in FUNCTIONS_OF_ONE:
            if self._look().text != "(":
                self._fail(self._look().at, f"'(' is expected after {name}")
            inner, function = self._bracket(self._take()), FUNCTIONS_OF_ONE[name]
            return self._apply(token, lambda x: function(inner.evaluate(x)), inner.constant is not None)
        if name in CONSTANTS:
            return _number(CONSTANTS[name])
        if name in VARIABLES:
            self.used.setdefault(name, token.at)
            axis = VARIABLES[name]
            return _Part(lambda x: x[..., axis])
        known = [*VARIABLES, *CONSTANTS, *FUNCTIONS_OF_ONE]
        return self._fail(token.at, f"unknown name{did_you_mean(name, known)}: known are {', '.join(known)}")

    def _bracket(self, opening: _Token) -> _Part:
        self._deeper(opening)
        inner = self._sum()
        self.depth -= 1
        closing = self._take()
        if closing.text != ")":
            self._fail(closing.at, f"')' is expected for the '(' at position {opening.at + 1}")
        return inner

    def _combine(self, token: _Token, left: _Part, right: _Part) -> _Part:
        operation = _OPERATIONS[token.text]
        # a constant exponent as a plain number: the derivative by the exponent, a logarithm, must not be asked for
        a, b = (p.evaluate if p.constant is None else p.constant for p in (left, right))

        def evaluate(x: Tensor) -> Tensor:
            return operation(a(x) if callable(a) else a, b(x) if callable(b) else b)

        if left.constant is None or right.constant is None:
            return _Part(evaluate)
        return self._apply(token, lambda x: operation(left.evaluate(x), right.evaluate(x)), True)

    def _apply(self, token: _Token, evaluate: Evaluate, constant: bool) -> _Part:
        if not constant:
            return _Part(evaluate)
        value = float(evaluate(torch.zeros(1, dtype=torch.float64)))
        if not math.isfinite(value):
            self._fail(token.at, "this is not a finite number")
        return _number(value)

    def _deeper(self, token: _Token) -> None:
        self.depth += 1
        if self.depth > MOST_NESTED:
            self._fail(token.at, f"more than {MOST_NESTED} brackets, signs or powers within one another")

    def _look(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        token = self.tokens[self.next]
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return token

    def _tokens(self) -> list[_Token]:
        found, at, end = [], 0, len(self.text.rstrip(" \t\r\n"))
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip(" \t\r\n"))
                self._fail(at, "this character has no place in an expression")
            kind = str(match.lastgroup)
            found.append(_Token(kind, match.group(kind), match.start(kind)))
            at = match.end()
        return [*found, _Token("end", "", end)]

    def _fail(self, at: int, problem: str) -> NoReturn:
        """Raise the one-line error, with the place marked as >>here<< within its surroundings."""
        here = self.text[at : at + 1] or "end"
        before, after = self.text[max(0, at - 20) : at], self.text[at + 1 : at + 21]
        shown = "".join(c if c.isprintable() else "?" for c in f"{before}>>{here}<<{after}")
        raise GoodfitError(f"cannot read the expression at position {at + 1}, {shown!r}: {problem}")


def _number(value: float) -> _Part:
    return _Part(lambda x: torch.full_like(x[..., 0], value), value)


_OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": torch.pow,
    "**": torch.pow,
}
