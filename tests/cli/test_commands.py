"""The commands as a user gives them: the main job, and every mistake as one line with exit code 2."""

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import goodfit as gf
from goodfit.cli import main

FAST = ["--preset", "quick", "--set", "epochs=4", "--set", "width=16", "-q"]


@pytest.fixture(scope="module")
def run(houses: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    houses.to_csv(folder / "houses.csv", index=False)
    out = folder / "run"
    assert main(["train", str(folder / "houses.csv"), "--target", "price", "--id", "id", "--out", str(out), *FAST]) == 0
    return out


def test_train_leaves_everything(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.yaml", "run.json", "data.json", "environment.json", "study.sqlite", "model", "report.html", "report.json",
        "test-predictions.csv",
    }  # fmt: skip
    report = json.loads((run / "report.json").read_text())
    assert report["status"] == "finished" and set(report) >= {"verdict", "test", "baselines", "importance", "repeat"}
    assert [b["name"] for b in report["baselines"]] == ["constant", "linear", "gradient boosting"]
    assert report["test"]["value"] < 0.6 * report["baselines"][0]["test"], "the network learns what is there to learn"
    assert {row["column"] for row in report["importance"][:2]} == {"area", "age"} or report["importance"][0][
        "column"
    ] == "area"
    predictions = pd.read_csv(run / "test-predictions.csv")
    recomputed = np.sqrt(((predictions["price"] - predictions["prediction"]) ** 2).mean())
    assert recomputed == pytest.approx(report["test"]["value"], rel=1e-9)
    assert gf.Config.read(run / "config.yaml").width == 16


def test_the_same_command_gives_the_same_result(run: Path, tmp_path: Path) -> None:
    command = json.loads((run / "report.json").read_text())["repeat"]["command"].split()
    assert main([*command[1:], "--out", str(tmp_path / "again"), "-q"]) == 0
    first, second = (json.loads((p / "report.json").read_text()) for p in (run, tmp_path / "again"))
    for report in (first, second):
        for part in ("created", "seconds"):
            report.pop(part)
        for row in report["baselines"] + report["candidates"]["trainings"]:
            row.pop("seconds")
    assert first == second


def test_predict(
    run: Path, houses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = houses.drop(columns="price").iloc[::-1].head(20)
    rows.to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(run), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == ["id", "prediction", "low", "high"] and found["id"].tolist() == rows["id"].tolist()
    rows.to_parquet(tmp_path / "new.parquet")
    assert main(["predict", str(run), str(tmp_path / "new.parquet"), "--out", str(tmp_path / "p.parquet"), "-q"]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), found, check_dtype=False)
    capsys.readouterr()
    shuffled = rows[["garden", "town", "id", "age", "area"]].assign(more=1)
    shuffled.loc[shuffled.index[0], "town"] = "Nowhere"
    stdin = io.TextIOWrapper(io.BytesIO(shuffled.to_csv(index=False).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["predict", str(run), "-"]) == 0
    out, err = capsys.readouterr()
    again = pd.read_csv(io.StringIO(out))
    np.testing.assert_allclose(again["prediction"][1:], found["prediction"][1:])
    assert "columns not used: more" in err and "(Nowhere)" in err


def test_no_column_of_predictions_takes_another_ones_name(houses: pd.DataFrame, tmp_path: Path) -> None:
    table = houses.head(120).rename(columns={"id": "low", "price": "prediction"})
    table.to_csv(tmp_path / "h.csv", index=False)
    names = ["--target", "prediction", "--id", "low"]
    assert main(["train", str(tmp_path / "h.csv"), *names, "--out", str(tmp_path / "r"), *FAST]) == 0
    found = pd.read_csv(tmp_path / "r" / "test-predictions.csv")
    assert list(found) == ["row", "low (id)", "prediction (truth)", "prediction", "low", "high"]
    assert found["low (id)"].tolist() == table["low"].iloc[found["row"] - 1].tolist()
    assert main(["predict", str(tmp_path / "r"), str(tmp_path / "h.csv"), "--out", str(tmp_path / "p.csv"), "-q"]) == 0
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found) == ["low (id)", "prediction", "low", "high"]
    assert found["low (id)"].tolist() == table["low"].tolist() and (found["low"] < found["prediction"]).all()


def test_columns_that_are_not_used_are_named_apart(
    run: Path, houses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    houses.assign(**{"name, full": "x"}).to_csv(tmp_path / "h.csv", index=False)
    assert main(["predict", str(run), str(tmp_path / "h.csv"), "--out", str(tmp_path / "p.csv")]) == 0
    assert "columns not used: country, 'name, full'\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["inspect", "report"])
@pytest.mark.parametrize("held", ["[]", "{}", "null", '{"study": 1}', '{"search": {}}', '{"step": "x"}'])
def test_a_report_of_another_shape_is_one_line(
    command: str, held: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "r")
    (tmp_path / "r" / "report.json").write_text(held)
    page = (tmp_path / "r" / "report.html").read_bytes()
    assert main([command, str(tmp_path / "r")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "report.json was not written by this goodfit" in err
    assert (tmp_path / "r" / "report.html").read_bytes() == page


DATA = ["houses.csv", "--target", "price"]


@pytest.mark.parametrize("seed", ["-1", "4294967296", "99999999999999999999"])
@pytest.mark.parametrize(
    "command",
    [
        ["train", *DATA], ["step", "initial-loss", *DATA], ["search", *DATA, "--over", "lr=1e-3,1e-2"], ["compare", "--data", *DATA, "--vary", "depth=0,1"],
        ["study", "optimisers"], ["prepare", *DATA], ["explain"], ["perceptron"],
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_seeds_out_of_range_are_one_line(
    command: list[str], seed: str, houses_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(houses_csv.parent)
    assert main([*command, "--seed", seed]) == 2
    assert f"the seed is {seed}: it must be a whole number from 0 to 4294967295" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", [["train"], ["step", "initial-loss"], ["search", "--over", "lr=1e-3,1e-2"]])
def test_a_seed_among_the_settings_is_a_whole_number(
    command: list[str], houses_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [*command[:2], str(houses_csv)] if command[0] == "step" else [command[0], str(houses_csv), *command[1:]]
    for text, shown in (("abc", "'abc'"), ("1.5", "1.5"), ("-1", "-1"), ("1,2", r"[1, 2]")):
        assert main([*data, "--target", "price", "--set", f"seed={text}"]) == 2
        assert f"the seed is {shown}: it must be a whole number" in capsys.readouterr().err


def test_inspect_report_and_data(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(run)]) == 0
    assert "target 'price'" in capsys.readouterr().out
    assert main(["inspect", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    page = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0 and (run / "report.html").read_bytes() == page
    assert main(["data"]) == 0 and "fashion-mnist" in capsys.readouterr().out
    assert main(["--version"]) == 0 and capsys.readouterr().out.strip() == gf.__version__


def test_dry_run_says_and_does_nothing(
    houses_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["train", str(houses_csv), "--target", "price", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "regression, target 'price'" in out and "left out: every value is 'X'" in out and "kernel resident" in out
    assert sorted(tmp_path.iterdir()) == before


def test_classes_json_and_default_folder(
    houses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    houses.to_csv("h.csv", sep=";", index=False)
    assert main(["train", "h.csv", "--target", "town", "--metric", "balanced-accuracy", "--json", *FAST]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["task"]["classes"] == ["Aa", "Bb", "Cc"] and np.sum(report["predictions"]["confusion"]) == 80
    folder = next(Path("runs").iterdir())
    assert main(["predict", str(folder), "h.csv", "-q"]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(found.columns) == ["prediction", "p_Aa", "p_Bb", "p_Cc"]
    np.testing.assert_allclose(found[["p_Aa", "p_Bb", "p_Cc"]].sum(axis=1), 1)


def test_images_from_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for name, level in (("dark", 60), ("light", 180)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(40):
            pixels = random.normal(level, 30, (6, 6)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i}.png")
    assert main(["train", str(tmp_path / "pictures"), "--out", str(tmp_path / "r"), *FAST]) == 0
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "r"), str(tmp_path / "pictures" / "dark")]) == 0
    found = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert (found["prediction"] == "dark").mean() > 0.9 and len(found) == 40


WRONG = [
    (["train", "none.csv", "--target", "price"], "there is no file none.csv"),
    (["train", "iriss"], "did you mean 'iris'?"),
    (["train", "houses.csv"], "which column of houses.csv is to be predicted? Give --target"),
    (["train", "houses.csv", "--target", "prize"], "did you mean 'price'?"),
    (["train", "houses.csv", "--target", "country"], "holds one value only"),
    (
        ["train", "houses.csv", "--target", "price", "--metric", "accuracy"],
        "metric 'accuracy' does not fit a regression task",
    ),
    (["train", "houses.csv", "--target", "price", "--set", "droput=0.1"], "did you mean 'dropout'?"),
    (["train", "houses.csv", "--target", "price", "--set", "dropout=2"], "setting 'dropout' is 2"),
    (["train", "houses.csv", "--target", "price", "--set", "activation=rellu"], "did you mean 'relu'?"),
    (["train", "houses.csv", "--target", "price", "--set", "init=unifrm(0,1)"], "did you mean 'uniform'?"),
    (
        ["train", "houses.csv", "--target", "price", "--set", "augment=flip,crop(2)"],
        "'flip,crop(2)', which is for images",
    ),
    (["train", "houses.csv", "--target", "price", "--set", "augment=flp"], "did you mean 'flip'?"),
    (["train", "houses.csv", "--target", "price", "--set", "decorrelate=pca-whiten(0.9, -1)"], "must not be negative"),
    (["train", "houses.csv", "--target", "price", "--set", "lr"], "is not key=value"),
    (["train", "houses.csv", "--target", "price", "--config", "none.yaml"], "cannot read the settings file"),
    (["train", "houses.csv", "--target", "price", "--preset", "bestt"], "did you mean 'best'?"),
    (["train", "houses.csv", "--target", "price", "--device", "gpu"], "device 'gpu' is unknown"),
    (["train", "houses.csv", "--target", "price", "--time-limit", "soon"], "--time-limit soon is no time"),
    (["train", "houses.csv", "--target", "price", "--time-limit", "-5"], "must be positive"),
    (["train", "houses.csv", "--target", "price", "--test", "2"], "the test share is 2"),
    (["train", "houses.csv", "--target", "price", "--test", "0"], "validation and test part need rows"),
    (["train", "houses.csv", "--target", "price", "--group", "twon"], "did you mean 'town'?"),
    (["train", "houses.csv", "--target", "price", "--task", "multiclas"], "multiclas"),
    (["train", "houses.csv", "--target", "price", "--out", "there"], "the output folder there is there already"),
    (["train", "houses.csv", "--target", "price", "--out", "houses.csv/x"], "cannot make the output folder"),
    (["train", "there"], "holds no images: expected a folder of class folders"),
    (["train", "ragged.csv", "--target", "a"], "ragged.csv, line 3: 3 fields where the header has 2"),
    (["train", "empty.csv", "--target", "a"], "empty.csv is empty"),
    (["train", "picture.csv", "--target", "a"], "is a PNG image, not a table"),
    (["train", "few.csv", "--target", "a"], "few has 3 rows with a target"),
    (["train"], "Missing argument 'data'"),
    (["train", "houses.csv", "--tagret", "price"], "No such option"),
    (["trian"], "No such command"),
    (["predict", "there", "houses.csv"], "there is not a goodfit run folder"),
    (["predict", "nowhere", "houses.csv"], "nowhere is not there"),
    (["inspect", "nowhere"], "nowhere is not there"),
    (["resume", "nowhere"], "nowhere is not there"),
    (["report", "nowhere"], "nowhere is not there"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_mistakes_are_one_line_and_leave_nothing(
    arguments: list[str],
    message: str,
    houses_csv: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = houses_csv.parent
    monkeypatch.chdir(folder)
    Path("there").mkdir()
    Path("ragged.csv").write_text("a,b\n1,2\n3,4,5\n")
    Path("empty.csv").write_text("")
    Path("few.csv").write_text("a,b\n1,2\n3,4\n5,7\n")
    Path("picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n")
    before = sorted(folder.rglob("*"))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("goodfit: error: ") and message in err
    assert sorted(folder.rglob("*")) == before


def test_prediction_mistakes(
    run: Path, houses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    houses.drop(columns=["area", "town"]).to_csv(tmp_path / "less.csv", index=False)
    houses.to_csv(tmp_path / "all.csv", index=False)
    damaged = tmp_path / "damaged"
    shutil.copytree(run, damaged)
    weights = damaged / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3] + b"abc")
    unfinished = tmp_path / "unfinished"
    shutil.copytree(run, unfinished)
    shutil.rmtree(unfinished / "model")
    for arguments, message in (
        ([run, tmp_path / "less.csv"], "lack 2 columns that the model needs: area, town"),
        ([damaged, tmp_path / "all.csv"], "was changed or damaged"),
        ([unfinished, tmp_path / "all.csv"], "with 'goodfit resume"),
        ([run, tmp_path / "all.csv", "--out", tmp_path / "p.txt"], "must end in .csv or .parquet"),
        ([run, tmp_path / "all.csv", "--out", tmp_path / "no" / "p.csv"], "choose another --out"),
    ):
        capsys.readouterr()
        assert main(["predict", *map(str, arguments)]) == 2
        assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("p.*"))


STAGES = ("baselines", "learning rate", "candidates", "importance", "test")


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_in_any_stage_then_resume_gives_the_same(
    stage: str, run: Path, houses_csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    fast = [option for option in FAST if option != "-q"]
    command = [
        sys.executable,
        "-m",
        "goodfit",
        "train",
        str(houses_csv),
        "--target",
        "price",
        "--id",
        "id",
        "--out",
        str(out),
        *fast,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith(stage):
                time.sleep(0.05)
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    if process.returncode == 130:  # the last stage may end before the signal arrives
        assert "goodfit resume" in rest and "Traceback" not in rest
        assert main(["resume", str(out), "-q"]) == 0
    else:
        assert stage == "test" and process.returncode == 0
    expected, found = (json.loads((p / "report.json").read_text()) for p in (run, out))
    for part in ("test", "learning_rate", "ensemble", "importance", "predictions", "initial_loss"):
        assert found[part] == expected[part], part


def test_resume_notices_changed_data(
    run: Path, houses: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "h.csv"
    houses.to_csv(data, index=False)
    assert main(["train", str(data), "--target", "price", "--out", str(tmp_path / "r"), *FAST]) == 0
    houses.assign(area=1.5 * houses["area"]).to_csv(data, index=False)
    capsys.readouterr()
    assert main(["resume", str(tmp_path / "r"), "-q"]) == 2
    assert "has changed since" in capsys.readouterr().err


def test_two_processes_do_not_share_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import goodfit, time, pathlib; f = goodfit.RunFolder.open({str(run)!r}); f.lock(); print('held', flush=True); time.sleep(60)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        assert main(["resume", str(run), "-q"]) == 2
        assert "another goodfit is working in" in capsys.readouterr().err
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout:
            holder.stdout.close()
    assert main(["resume", str(run), "-q"]) == 0, "the lock dies with its process"


def test_time_limit_is_kept(houses_csv: Path, tmp_path: Path) -> None:
    started = time.process_time()  # of this process alone, so that a busy machine does not matter
    arguments = [
        "train",
        str(houses_csv),
        "--target",
        "price",
        "--time-limit",
        "6s",
        "--set",
        "epochs=10000",
        "--set",
        "patience=10000",
    ]
    assert main([*arguments, "--out", str(tmp_path / "r"), "-q"]) == 0
    assert time.process_time() - started < 90, "an hour without a limit"
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert report["status"] == "out of time" and any("time limit" in limit for limit in report["verdict"]["limits"])


def test_resume_works_from_another_folder(
    houses_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(houses_csv.parent)
    assert main(["train", "houses.csv", "--target", "price", "--out", "run", *FAST]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["resume", str(houses_csv.parent / "run"), "-q"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == first
