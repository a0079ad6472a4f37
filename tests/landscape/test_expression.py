"""Formulas are read by a parser of our own: right values, and one-line errors that execute nothing."""

import builtins
import math
import os
import subprocess
import tracemalloc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from goodfit.errors import GoodfitError
from goodfit.landscape.expression import parse, parse_relation

HOSTILE = ["__import__('os').system('true')", "x.__class__", "().__class__.__bases__", "eval(x)", "exec('1')", "open('f')",
           "lambda: x", "x if x else x", "[x for x in x]", "x;x", "x\nimport os", "f'{x}'", "x[0]", "import os", "x=1", "x:=1",
           "os.system", "globals()", "{{x}}", "`x`", "$(x)", "x&&x", "9**9**9**9**9", "x" + "^9" * 200, "(" * 400, "-" * 499,
           "sin" * 100, "1e999", "\u0661+x", "x\x00", "\U0001f600"]  # fmt: skip
PIECES = ["x", "y", "x1", "x2", "+", "-", "*", "/", "^", "**", "(", ")", "sin", "exp", "log", "pi", "e", "1", "2.5", ".", "e3", " ",
          "__", "'", "=", "<=", "import", "eval", "[", "]", ",", "\n", "\x00", "é"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "at", "value"),
    [("2^3^2 + 0*x", 0.0, 512.0), ("-x^2", 3.0, -9.0), ("x - 2 - 3", 1.0, -4.0), ("8/2/2*x", 1.0, 2.0),
     ("2**-1*x", 1.0, 0.5), ("x*cos(0.15*pi*x)", 10.0, 10 * math.cos(1.5 * math.pi)), ("1.5e1 + e - x", 0.0, 15 + math.e),
     ("abs(-x) + sqrt(x)", 4.0, 6.0), ("--x", 2.0, 2.0)],
)  # fmt: skip
def test_values(text: str, at: float, value: float) -> None:
    assert float(parse(text).value(torch.tensor([at], dtype=torch.float64))) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [("x +", r"position 4, 'x \+>>end<<': a number"), ("2 x", r"position 3.*write \* between"), ("sinn(x)", "did you mean 'sin'"),
     ("x1 + y", "position 6.*mixed"), ("3 + 4", "position 1.*no variable"), ("log(0)*x", "position 1.*not a finite"),
     ("(x", r"position 3.*'\)' is expected for the '\(' at position 1"), ("x $ 2", "position 3.*no place")],
)  # fmt: skip
def test_errors_name_the_position(text: str, message: str) -> None:
    with pytest.raises(GoodfitError, match=message):
        parse(text)


def test_constraints() -> None:
    point = torch.tensor([2.0, 3.0], dtype=torch.float64)
    assert float(parse_relation("x + y = 1").difference.value(point)) == 4
    assert parse_relation("x + y = 1").equal and not parse_relation("x <= y").equal
    assert float(parse_relation("x >= y").difference.value(point)) == 1
    with pytest.raises(GoodfitError, match=r"position 6.*=, <= or >= is expected"):
        parse_relation("x + y")


BOMBS = {
    "powers": "9**9**9**9", "powers of x": "x" + "**9" * 39, "many powers": "x" + "**9" * 160, "brackets": "(" * 100_000 + "x" + ")" * 100_000,
    "open brackets": "(" * 100_000, "signs": "-" * 100_000 + "x", "functions": "sin(" * 100_000 + "x" + ")" * 100_000,
    "a long number": "9" * 1_000_000, "a long name": "x" * 1_000_000, "a long sum": "+x" * 1_000_000, "spaces": " " * 1_000_000 + "x",
    "a huge exponent": "x^1e308", "an exponent beyond doubles": "x^1e99999999", "factors": "x*" * 249 + "x",
    "a small letter of another alphabet": "\u0445 + 1", "full width": "\uff58^2", "a minus that is none": "x \u2212 1",
    "superscript": "x\u00b2", "right to left": "x\u202e+1", "zero width": "x\u200b+1", "surrogate": "x\ud800",
    "dunder": "__import__", "attribute": "x.__init__.__globals__", "walrus": "(x:=1)", "format": "{x.__class__}", "null": "\x00",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_do_not_explode(name: str) -> None:
    """They are read or refused at once: no long computation, no deep recursion, no memory."""
    tracemalloc.start()
    try:
        _read(BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def _read(text: str) -> None:
    """Read a text in a place where executing anything fails the test."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError(f"{text!r} was executed")

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((builtins, "eval"), (builtins, "exec"), (builtins, "compile"), (builtins, "open"),
                             (os, "system"), (subprocess, "Popen")):  # fmt: skip
            patch.setattr(module, name, forbidden)
        try:
            value = parse(text).value(torch.ones(1, 2, dtype=torch.float64))
        except GoodfitError as error:
            message = str(error)
        else:
            assert value.shape == (1,)
            return
    assert "position" in message and "\n" not in message and message.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_execute_nothing(text: str) -> None:
    _read(text)


@settings(max_examples=5000, deadline=None, database=None)
@given(st.text(max_size=60))
def test_random_texts_execute_nothing(text: str) -> None:
    _read(text)


@settings(max_examples=5000, deadline=None, database=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_texts_that_look_like_formulas_execute_nothing(text: str) -> None:
    _read(text)
