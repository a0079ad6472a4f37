"""`goodfit search` as a user gives it."""

import json
from pathlib import Path

import pytest
import yaml

from goodfit.cli import main

FAST = ["--set", "epochs=9", "--set", "width=8", "--confirm", "2", "--finalists", "2", "-q"]
OVER = [
    "--over",
    "lr=log(1e-4,1e-1)",
    "--over",
    "optimiser=adam,sgd",
    "--over",
    "momentum=uniform(0,0.9) if optimiser=sgd",
]


def test_search_answers_resumes_and_its_best_settings_train(
    houses_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["search", str(houses_csv), "--target", "price", *OVER, "--trials", "16", "--halving", *FAST]
    assert main([*arguments, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Best is lr ") and "confirmed with new seeds" in said and "optuna-dashboard" in said
    record = json.loads((out / "report.json").read_text())
    assert len(record["trials"]) == 16 and record["epochs"] < record["full_epochs"] == 16 * 9
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 5 and "which values are best?" in page and "mathdefault" not in page
    assert main(["report", str(out)]) == 0 and (out / "report.html").read_text() == page
    capsys.readouterr()

    (out / "report.json").unlink()
    assert main(["resume", str(out), "-q", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["trials"] == record["trials"], "also the seconds: nothing was trained again"
    assert again["standings"] == record["standings"]

    best = yaml.safe_load((out / "best.yaml").read_text())
    assert best["lr"] == pytest.approx(record["best"]["lr"]) and "seed" not in best and best["width"] == 8
    trained = tmp_path / "trained"
    assert main(["train", str(houses_csv), "--target", "price", "--config", str(out / "best.yaml"), "--preset", "quick",
                 "--out", str(trained), "-q"]) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to search: give --over, for example --over lr=log(1e-4,1e-1)"),
        (["--over", "lr"], "--over lr is not setting=range"),
        (["--over", "lrr=1,2"], "unknown setting 'lrr' (did you mean 'lr'?)"),
        (["--over", "lr=log(1,1e-3)"], "the lower end must be below the upper one"),
        (["--over", "lr=log(1e-4,1)", "--set", "lr=0.1"], "setting 'lr' is both set and searched"),
        (["--over", "lr=log(1e-4,1)", "--method", "annealing"], "method 'annealing' is unknown"),
        (
            ["--over", "lr=log(1e-4,1)", "--method", "grid", "--trials", "3"],
            "the grid has 5 points, more than 3 trials",
        ),
        (["--over", "epochs=3,9", "--halving"], "do not search 'epochs' too"),
        (["--over", "lr=log(1e-4,1)", "--eta", "1", "--halving"], "eta is 1"),
        (["--over", "lr=log(1e-4,1)", "--by", "luck"], "by is 'luck'"),
        (["--over", "lr=log(1e-4,1)", "--trials", "0"], "trials is 0: it must be at least 1"),
        (["--over", "lr=log(1e-4,1)", "--preset", "quik"], "preset 'quik' is unknown"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_folder(
    arguments: list[str], message: str, houses_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["search", str(houses_csv), "--target", "price", "--out", str(out), "-q", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1, said
    assert not out.exists()
