"""`goodfit landscape`, `descend` and `constrained` as a user gives them."""

import json
from pathlib import Path

import pytest

from goodfit.cli import main


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
        (["constrained", "bowl"], "needs a constraint"),
        (["constrained", "parabola", "-s", "y = 1"], "the function 'parabola' only has x"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
