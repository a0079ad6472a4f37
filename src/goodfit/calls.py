"""`name`, `name(0.5)`, `name(low=-1, high=1)`: a choice with its arguments, as people write it in one setting.

The text is read by a small grammar and never executed:

    choice   = name [ "(" [ argument { "," argument } ] ")" ]
    argument = [ name "=" ] ( number | choice )
"""

import inspect
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from goodfit.errors import GoodfitError, did_you_mean

_TOKEN = re.compile(r"\s*([A-Za-z][\w-]*|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[(),=])")


@dataclass(frozen=True)
class Call:
    """A name and its arguments: numbers, or calls (a bare word is a call without arguments)."""

    name: str
    positional: tuple["float | Call", ...] = ()
    named: Mapping[str, "float | Call"] = field(default_factory=dict)

    def __str__(self) -> str:
        written = [*map(_written, self.positional), *(f"{name}={_written(v)}" for name, v in self.named.items())]
        return f"{self.name}({', '.join(written)})" if written else self.name


def read_call(text: str, what: str) -> Call:
    """Read one choice.

    Args:
        what: the setting, for the error.

    Raises:
        GoodfitError: the text is no name with arguments.
    """
    calls = read_calls(text, what)
    if len(calls) != 1:
        raise GoodfitError(f"{what} is '{text}': name one, such as {calls[0] if calls else 'name(0.5)'}")
    return calls[0]


def read_calls(text: str, what: str) -> list[Call]:
    """Read choices separated by commas; an empty text holds none."""
    tokens, position = [], 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if not found:
            raise _unreadable(text, what)
        tokens.append(found[1])
        position = found.end()
    reader = _Reader(tokens)
    try:
        return reader.choices()
    except _Unexpected:
        raise _unreadable(text, what) from None


def split_at_commas(text: str) -> list[str]:
    """Return the pieces between those commas that stand outside parentheses and brackets."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def bind(call: Call, function: Callable[..., Any], given: int, what: str) -> dict[str, Any]:
    """Return a call's arguments by the names of a function's parameters, checked against their annotations.

    Parameters are numbers, `Literal` words, or functions, whose argument is returned as the `Call` that names one.

    Args:
        given: how many of the function's first parameters are not written in the text.
        what: the setting, for the error.

    Raises:
        GoodfitError: too many arguments, an unknown name, a wrong kind of value, or one missing.
    """
    parameters = list(inspect.signature(function).parameters.values())[given:]
    names, kinds = [p.name for p in parameters], get_type_hints(function)
    usage = f"{call.name}({', '.join(map(_usage, parameters))})" if parameters else f"{call.name}, without arguments"
    complaint = f"{what} is '{call}'"
    if len(call.positional) > len(names):
        raise GoodfitError(f"{complaint}: it takes {usage}")
    values = dict(zip(names, call.positional, strict=False))
    for name, value in call.named.items():
        if name not in names:
            raise GoodfitError(f"{complaint}: there is no '{name}'{did_you_mean(name, names)}; it takes {usage}")
        if name in values:
            raise GoodfitError(f"{complaint}: '{name}' is given twice; it takes {usage}")
        values[name] = value
    for parameter in parameters:
        if parameter.name not in values and parameter.default is parameter.empty:
            raise GoodfitError(f"{complaint}: '{parameter.name}' is missing; it takes {usage}")
    return {name: _checked(value, kinds[name], f"{complaint}: '{name}'") for name, value in values.items()}


def find(call: Call, registry: Collection[str], what: str) -> str:
    """Return the name of a call if a registry has it, else raise `GoodfitError` with the names there are."""
    if call.name not in registry:
        raise GoodfitError(
            f"{what} is '{call}'{did_you_mean(call.name, registry)}: choose one of {', '.join(registry)}"
        )
    return call.name


class _Unexpected(Exception):
    pass


class _Reader:
    """Reads choices from tokens by recursive descent."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens[::-1]

    def choices(self) -> list[Call]:
        found: list[Call] = []
        while self._tokens:
            if found:
                self._take(",")
            found.append(self._choice())
        return found

    def _choice(self) -> Call:
        name = self._word()
        positional: list[float | Call] = []
        named: dict[str, float | Call] = {}
        if self._next() != "(":
            return Call(name)
        self._take("(")
        while self._next() != ")":
            if positional or named:
                self._take(",")
            value = self._value()
            if self._next() == "=" and isinstance(value, Call):
                self._take("=")
                named[value.name] = self._value()
            elif named:
                raise _Unexpected  # as in Python, named arguments come last
            else:
                positional.append(value)
        self._take(")")
        return Call(name, tuple(positional), named)

    def _value(self) -> "float | Call":
        # 'inf' and 'nan' are words, not numbers
        if self._next()[:1].isalpha():
            return self._choice()
        number = float(self._number())
        if not math.isfinite(number):
            raise _Unexpected  # 1e400 is larger than any float
        return number

    def _number(self) -> str:
        if self._next() in ("", "(", ")", ",", "="):
            raise _Unexpected
        return self._tokens.pop()

    def _word(self) -> str:
        if not self._next()[:1].isalpha():
            raise _Unexpected
        return self._tokens.pop()

    def _take(self, token: str) -> None:
        if self._next() != token:
            raise _Unexpected
        self._tokens.pop()

    def _next(self) -> str:
        return self._tokens[-1] if self._tokens else ""


def _unreadable(text: str, what: str) -> GoodfitError:
    return GoodfitError(f"{what} is '{text}', which cannot be read: write a name, or name(0.5), or name(key=0.5)")


def _checked(value: "float | Call", kind: Any, complaint: str) -> Any:
    if get_origin(kind) is Literal:
        if not isinstance(value, Call) or str(value) not in get_args(kind):
            raise GoodfitError(f"{complaint} is {_written(value)}: choose one of {', '.join(get_args(kind))}")
        return str(value)
    if get_origin(kind) is Callable:
        if not isinstance(value, Call):
            raise GoodfitError(f"{complaint} is {_written(value)}: it must be a name")
        return value
    if isinstance(value, Call):
        raise GoodfitError(f"{complaint} is {value}: it must be a number")
    if kind is int:
        if value != int(value):
            raise GoodfitError(f"{complaint} is {_written(value)}: it must be a whole number")
        return int(value)
    return value


def _written(value: "float | Call") -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _usage(parameter: inspect.Parameter) -> str:
    has_default = isinstance(parameter.default, float | int | str)
    return f"{parameter.name}={parameter.default}" if has_default else parameter.name
