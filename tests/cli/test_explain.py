"""`goodfit explain` as a user gives it."""

import json
from pathlib import Path

import pytest

from goodfit.cli import main


def test_the_worked_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    files = [f"--page={tmp_path / 'e.html'}", f"--latex={tmp_path / 'e.tex'}", f"--plot={tmp_path / 'e.png'}"]
    assert main(["explain", *files]) == 0
    out = capsys.readouterr().out
    assert "dL/dy' · dy'/dh1 · dh1/dw1" in out and "2.1 · 1 · 0.5" in out and "1.3478375" in out
    assert "Loss before 2.205, after 1 step 0.15006296" in out
    assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")
    assert "w6 = 2" in (tmp_path / "e.html").read_text() and "∂ 1.995" in (tmp_path / "e.html").read_text()
    assert r"\frac{\partial L}{\partial w_{1}}" in (tmp_path / "e.tex").read_text()


def test_an_own_network(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    own = ["explain", "--widths", "1,1,2", "--weights", "0.5,-1,2", "--biases", "0,0.1,-0.1", "--activation", "sigmoid"]
    own += ["--loss", "cross-entropy", "--x", "-1", "--y", "0,1", "--eta", "1", "--steps", "5"]
    assert main(own) == 0
    out = capsys.readouterr().out
    assert "h1 · (1 − h1)" in out and "steps done" in out and "saturated" in out
    assert main([*own, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["network"]["weights"] == [0.5, -1.0, 2.0] and len(record["losses"]) == 6
    assert record["losses"] == sorted(record["losses"], reverse=True)
    assert record["steps"][0]["forward"][0]["formula"] == "w1 · x1 + b1"
    # what is not given is drawn by the seed
    assert main(["explain", "--widths", "3,2", "--seed", "1", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["explain", "--widths", "3,2", "--seed", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"]["weights"] != first["network"]["weights"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "1,2"], "2 weights given, but a network of widths 2,2,1 has 6"),
        (["--weights", "1,2,a,4,5,6"], "--weights 1,2,a,4,5,6: 'a' is not a number"),
        (["--x", "1,nan"], "'nan' is not a number"),
        (["--x", "1"], "1 input given"),
        (["--y", ""], "--y '': give numbers"),
        (["--eta", "0.1,0.2"], "--eta '0.1,0.2': give 1 number"),
        (["--widths", "2,1.5,1"], "give whole numbers"),
        (["--widths", "2,100,1"], "too large to follow by hand"),
        (["--activation", "tan"], "did you mean 'tanh'"),
        (["--biases", "ones"], "none, zeros or random"),
        (["--steps", "100000"], "from 1 to 1,000"),
        (["--eta", "50", "--steps", "500"], "too large to calculate with"),
        (["--page", "e.txt"], "must end in .html"),
        (["--plot", "e.txt"], "must end in"),
        (["--page", "/no/such/folder/e.html"], "cannot write"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
