"""`goodfit compare` and `goodfit study` as a user gives them."""

import json
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from goodfit.cli import main
from goodfit.cli.studies import StudyRequest

FAST = ["--set", "epochs=3", "--set", "width=8", "-q"]


def test_compare_answers_and_repeats(houses_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = ["compare", "--data", str(houses_csv), "--target", "price", "--vary", "activation=relu,tanh", "--vary",
                 "optimiser=adam,sgd", "--seeds", "3", *FAST]  # fmt: skip
    assert main([*arguments, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "does best: validation rmse" in said and "page " in said
    record = json.loads((out / "report.json").read_text())
    assert len(record["standings"]) == 4 and all(s["n"] == 3 for s in record["standings"])
    assert record["rates"] and record["trainings"] == 4 * 3 + 4 * 6 * 2
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 5 and "which is best?" in page and "mathdefault" not in page
    assert main(["inspect", str(out)]) == 0 and "does best" in capsys.readouterr().out
    assert main(["report", str(out)]) == 0 and (out / "report.html").read_text() == page
    assert main(["predict", str(out), str(houses_csv)]) == 2 and "studies leave none" in capsys.readouterr().err
    command = record["repeat"]["command"].split()
    assert main([*command[1:], "--out", str(tmp_path / "again"), "-q"]) == 0
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    for found in (record, again):
        for standing in found["standings"]:
            standing.pop("seconds")
    assert again["standings"] == record["standings"]


def test_resume_of_a_study_gives_the_same(houses_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["compare", "--data", str(houses_csv), "--target", "price", "--vary", "lr=0.001,0.01", "--seeds", "2",
                 "--out", str(out), *FAST]) == 0  # fmt: skip
    first = json.loads((out / "report.json").read_text())
    (out / "report.json").unlink()
    assert main(["resume", str(out), "-q"]) == 0
    again = json.loads((out / "report.json").read_text())
    assert again["standings"] == first["standings"], "also the seconds: nothing was trained again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "--data", "digits"], "nothing to compare: give --vary, for example --vary activation=relu,gelu"),
        (["compare", "--data", "digits", "--vary", "activation"], "--vary activation is not key=value"),
        (["compare", "--data", "digits", "--vary", "activaton=relu,tanh"], "unknown setting 'activaton' (did you mean"),
        (["compare", "--data", "digits", "--vary", "lr=fast,slow"], "setting 'lr' is 'fast'"),
        (["compare", "--data", "digits", "--vary", "seed=1,2"], "seeds are varied by --seeds"),
        (["compare", "--data", "digits", "--vary", "width=8,16", "--seeds", "1"], "1 seed for each variant"),
        (["compare", "--data", "digits", "--vary", "width=8,16", "--by", "luck"], "--by luck is unknown: choose metric or"),
        (["compare", "--data", "nowhere.csv", "--vary", "width=8,16"], "nowhere.csv"),
        (["study", "inits"], "study 'inits' is unknown (did you mean 'init'?)"),
        (["study", "init", "--data", "digits", "--seeds", "0"], "Invalid value for '--seeds'"),
        (["study", "signals", "--vary", "model=convv"], "no model 'convv' (did you mean 'conv'?)"),
        (["study", "signals", "--vary", "depth=0"], "depth is 0: the study 'signals' needs a number of at least 1"),
        (["study", "signals", "--vary", "width=100000000", "-q"], "width 100000000 cannot be held: they take"),
        (["study", "signals", "--vary", "init=uniform(0,1e400)", "-q"], "is 'uniform(0,1e400)', which cannot be read"),
        (["study", "signals", "--vary", "width=8,8"], "width has a value twice"),
        (["study", "signals", "--vary", "activation=step"], "activation 'step' has no signal to follow: its derivative"),
        (["study", "signals", "--vary", "dropout=0.1"], "does not vary 'dropout'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said and said.startswith("goodfit: error: ")
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize("limit", ["0", "-5", "nan", "inf", "1e308h", "0m"])
@pytest.mark.parametrize(
    "command",
    [
        ["train", "houses.csv", "--target", "price"],
        ["step", "coarse", "houses.csv", "--target", "price"],
        ["search", "houses.csv", "--target", "price", "--over", "lr=log(1e-4, 1e-1)"],
        ["compare", "--data", "houses.csv", "--target", "price", "--vary", "width=8,16"],
        ["study", "init", "--data", "houses.csv", "--target", "price"],
    ],
    ids=lambda command: command[0],
)
def test_a_limit_in_which_nothing_can_be_done_is_refused(
    command: list[str], limit: str, houses_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(houses_csv.parent)
    assert main([*command, "--time-limit", limit]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"goodfit: error: --time-limit {limit} must be positive and finite") and "\n" not in said
    assert not Path("runs").exists()


def test_a_study_without_time_says_so_and_claims_nothing(
    houses_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = [
        "study",
        "init",
        "--data",
        str(houses_csv),
        "--target",
        "price",
        "--seeds",
        "2",
        "--time-limit",
        "0.000001",
    ]
    assert main([*arguments, "-q", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "The time did not suffice" in said and "28 of 28 trainings in the stage 'comparison'" in said
    record = json.loads((out / "report.json").read_text())
    assert "standings" not in record and record["cut_short"][0]["cut"] == 28
    for told in (said, (out / "report.html").read_text()):
        assert "does best" not in told and "beyond doubt" not in told
    assert main(["inspect", str(out)]) == 0 and "did not suffice" in capsys.readouterr().out
    (out / "report.json").unlink()
    assert main(["resume", str(out), "-q"]) == 0
    assert json.loads((out / "report.json").read_text())["answer"] == record["answer"]


def test_reading_the_data_counts() -> None:
    request = StudyRequest(study="init", data="digits", time_limit=60.0)
    began = request.deadline
    assert began is not None and 0 < began - monotonic() <= 60
    assert request.deadline == began and "began" not in " ".join(request.model_dump())
    assert StudyRequest(study="init", data="digits").deadline is None


def test_signals_are_named_by_all_that_varies(tmp_path: Path) -> None:
    few = ["--vary", "activation=relu", "--vary", "init=zero,lsuv", "--vary", "width=8,16", "--vary", "model=mlp,conv"]
    assert (
        main(["study", "signals", *few, "--vary", "depth=2,5", "--seeds", "1", "-q", "--out", str(tmp_path / "s")]) == 0
    )
    found = json.loads((tmp_path / "s" / "report.json").read_text())
    names = [record["name"] for record in found["signals"]]
    assert len(set(names)) == len(names) == 16 and "relu, zero, depth 5, width 8, convolutions" in names
    assert all(line.startswith(name) for line, name in zip(found["answer"], names, strict=True))


def test_a_study_repeats_with_its_own_options(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (160, 1, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.array(["a", "b b", "c", "d"])[np.arange(160) % 4])
    out = tmp_path / "run"
    arguments = ["study", "transfer", "--data", str(tmp_path / "images.npz"), "--held-back", "d,b b", "--sizes=4,2"]
    fast = ["--seeds", "2", "--set", "width=3", "--set", "max_steps=2", "-q"]
    assert main([*arguments, *fast, "--out", str(out)]) == 0
    record = json.loads((out / "report.json").read_text())
    assert "--held-back 'd,b b' --sizes 2,4" in record["repeat"]["command"]
    assert [row[:2] for row in record["tables"][0]["rows"]] == [[2, 4], [4, 4]]
    (out / "report.json").unlink()
    assert main(["resume", str(out), "-q"]) == 0
    again = json.loads((out / "report.json").read_text())
    assert again["answer"] == record["answer"] and again["tables"] == record["tables"]
