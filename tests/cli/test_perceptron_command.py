"""`goodfit perceptron` as a user gives it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from goodfit.cli import main


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    pd.DataFrame(
        {
            "a": [1.0, 2, 3, 4, 5, 6], "b": [1.0, 0, 1, 5, 6, 6], "town": list("uvwuvw"), "good": list("nnnyyy"),
            "three": list("abcabc"), "one": ["k"] * 6,
        }
    ).to_csv(path, index=False)  # fmt: skip
    return path


def test_separable_toy_set(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["perceptron", "--plot", str(tmp_path / "p.png")]) == 0
    out = capsys.readouterr().out
    assert "converged:" in out and "Novikoff's bound is (R/gamma)^2" in out and "Convention:" in out
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert main(["perceptron", "--json", "--seed", "4", "--eta", "0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "separable" and found["converged"] and sum(found["mistakes"]) <= found["bound"]
    assert found["bound"] == pytest.approx((found["radius"] / found["margin"]["gamma"]) ** 2)
    assert len(found["weights"]) == len(found["mistakes"]) + 1


@pytest.mark.parametrize("suffix", ["svg", "html"])
def test_xor_ends_with_the_proof(suffix: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / f"p.{suffix}"
    assert main(["perceptron", "--toy", "xor", "--epochs", "25", "--plot", str(plot)]) == 0
    assert "not linearly separable, so no number of sweeps ends the mistakes: 4 samples" in capsys.readouterr().out
    assert "certificate" in plot.read_text()


def test_a_table(table: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "p.svg"
    assert main(["perceptron", str(table), "--target", "good", "--features", "a,b", "--plot", str(plot)]) == 0
    assert "y where " in capsys.readouterr().out and ">b<" in plot.read_text()
    assert main(["perceptron", str(table), "--target", "good", "--features", "a", "--plot", str(plot)]) == 0
    assert main(["perceptron", "breast-cancer", "--epochs", "3"]) == 0
    out = capsys.readouterr().out
    assert "not there yet: 3 sweeps" in out and "more sweeps end it" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["T", "--target", "three"], "holds 3 different values in 6 complete rows: a perceptron needs two classes"),
        (["T", "--target", "one"], "holds 1 different value in"),
        (["T", "--target", "good", "--features", "town"], "column 'town' of t.csv holds no numbers"),
        (["T", "--target", "good", "--features", "aa"], "has no column 'aa' (did you mean 'a'?)"),
        (["T", "--target", "good", "--features", "good"], "'good' is the target"),
        (["T", "--target", "good", "--features", ","], "has no column of numbers"),
        (["T", "--target", "goood"], "did you mean 'good'?"),
        (["T"], "which column of t.csv holds the classes?"),
        (["T", "--toy", "xor"], "are both data"),
        (["--toy", "xnor"], "did you mean 'xor'?"),
        (["--target", "a"], "--target and --features are for a table"),
        (["--epochs", "0"], "at least 1 sweep"),
        (["--eta", "0"], "a learning rate is above 0"),
        (["digits"], "digits holds images"),
        (["brest-cancer"], "did you mean 'breast-cancer'?"),
        (["no/t.csv", "--target", "a"], "there is no file no/t.csv"),
        (["--plot", "x.pdf"], "must end in .png"),
    ],
)
def test_mistakes_of_the_user_are_one_line(
    arguments: list[str], message: str, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["perceptron", *(str(table) if a == "T" else a for a in arguments)]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
