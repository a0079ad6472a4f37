"""`goodfit landscape`, `descend` and `constrained` as a user gives them."""

import json
from pathlib import Path

import pytest
import typer

from goodfit.cli import main
from goodfit.cli.descend import descend_command
from goodfit.cli.landscape import FormulaCommand, constrained_command, landscape_command
from goodfit.errors import GoodfitError


def test_descend(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    pictures = [f"--{name}={tmp_path / name}.png" for name in ("plot", "surface", "values")]
    assert (
        main(["descend", "bowl", "--method", "gd(0.1, 0.6),newton,adam", *pictures, f"--page={tmp_path / 'p.html'}"])
        == 0
    )
    out = capsys.readouterr().out
    assert "gd, eta 0.6" in out and "diverges" in out and "converged to the minimum at (0, 0)" in out
    assert all((tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in ("plot", "surface", "values"))
    page = (tmp_path / "p.html").read_text()
    assert "<script>" in page and "http://" not in page.replace("http://www.w3.org/", "")
    assert main(["descend", "x^2", "--eta", "0.2", "--start", "10", "--steps", "10", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["points"][-1][0] == pytest.approx(0.0604661760, abs=1e-9)
    assert main(["descend", "bowl", "--noise", "1", "--schedule", "constant,cosine", "--seeds", "5"]) == 0
    assert "hovers at (0, 0): 5 of 5" in capsys.readouterr().out


def test_landscape_and_constrained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    for arguments, words in (
        ([], "rosenbrock"), (["cosine"], "Jensen's inequality is broken"), (["tanh"], "the gradient vanishes"),
        (["expected-risk", "empirical-risk"], "above its minimum"), (["saddle"], "-2, 2"),
    ):  # fmt: skip
        plot = [f"--plot={tmp_path / 'p.svg'}"] if arguments else []
        assert main(["landscape", *arguments, *plot]) == 0
        assert words in capsys.readouterr().out
    assert main(["constrained", "x^2 + y^2", "-s", "x + y = 1", f"--plot={tmp_path / 'c.png'}"]) == 0
    assert "(0.500000, 0.500000)" in capsys.readouterr().out


def test_no_eigenvalues_at_a_kink(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    assert main(["landscape", "abs(x)-x^2"]) == 0
    out = capsys.readouterr().out
    assert "none, not differentiable there" in out and out.count("minimum") == 1 and out.count("maximum") == 2
    assert main(["landscape", "-abs(x)"]) == 0
    assert "maximum" in capsys.readouterr().out
    assert main(["landscape", "x*abs(x)"]) == 0
    assert "none, no second derivative there" in capsys.readouterr().out


def test_flat_ground_is_no_long_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    for function, value in (("x*0", "0"), ("0*x+0*y+7", "7"), ("sin(x)^2+cos(x)^2", "1")):
        assert main(["landscape", function]) == 0
        out = capsys.readouterr().out
        assert f"flat: the value is {value} wherever it was looked at" in out and out.count("\n") == 2
    assert main(["landscape", "x^2+y*0"]) == 0
    out = capsys.readouterr().out
    assert out.count("\nminimum") == 12 and "and 19 more, none lower\n" in out
    assert main(["landscape", "cos(50*x)"]) == 0
    assert "and 48 more, none lower; the search stopped at 60" in capsys.readouterr().out


@pytest.fixture
def formulas() -> typer.Typer:
    app = typer.Typer()
    for name, command in (
        ("landscape", landscape_command),
        ("descend", descend_command),
        ("constrained", constrained_command),
    ):
        app.command(name, cls=FormulaCommand)(command)
    return app


def test_a_formula_may_begin_with_a_minus(formulas: typer.Typer, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["landscape", "-abs(x)"], "-abs(x): -abs(x) on [-5, 5]"), (["landscape", "--", "-abs(x)"], "-abs(x): -abs(x)"),
        (["descend", "--steps", "3", "-x^2", "--start", "-5"], "(-8.64)"), (["landscape", "-x^2", "--on", "-2:2"], "on [-2, 2]"),
        (["constrained", "-sin(x)", "-s", "-x <= 1", "-s", "x <= 2"], "minimise -sin(x) subject to -x <= 1, x <= 2"),
    ):  # fmt: skip
        formulas(args=arguments, standalone_mode=False)
        assert words in capsys.readouterr().out


def test_a_formula_with_a_minus_that_cannot_be_read(formulas: typer.Typer) -> None:
    with pytest.raises(
        GoodfitError, match=r"No such option: -a, and it cannot be read as a formula.*after --, .*or 0-x\^2"
    ):
        formulas(args=["landscape", "-abs(x"], standalone_mode=False)
    with pytest.raises(typer.TyperException, match="--plt"):
        formulas(args=["landscape", "x^2", "--plt", "a.png"], standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["descend", "rosenbrok"], "did you mean 'rosenbrock'"),
        (["descend", "x +"], "position 4"),
        (["descend", "bowl", "--start", "1,2,3"], "has 3 numbers, but a point on 'bowl' has 2"),
        (["descend", "bowl", "--method", "newtn"], "did you mean 'newton'"),
        (["descend", "bowl", "--seeds", "4"], "without --noise"),
        (["descend", "bowl", "--steps", "0"], "--steps 0: give at least 1"),
        (["descend", "bowl", "--noise", "1", "--seeds", "0"], "--seeds 0: give at least 1"),
        (["descend", "parabola", "--surface", "a.png"], "needs a function of two variables"),
        (["descend", "parabola", "--set", "width=4"], "setting 'width' does nothing in a descent"),
        (["descend", "ravine:0.5"], "a condition number from 1"),
        (["landscape", "bowl", "--on", "2:1"], "is no interval"),
        (["landscape", "-abs(x"], "No such option: -a, and it cannot be read as a formula either"),
        (["constrained", "bowl"], "needs a constraint"),
        (["constrained", "parabola", "-s", "y = 1"], "the function 'parabola' only has x"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
