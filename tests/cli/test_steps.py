"""`goodfit step`: each alone, its page, going on after Ctrl-C; and what an interrupted `goodfit train` leaves."""

import json
import os
import re
import shutil
import signal
import threading
from pathlib import Path

import pandas as pd
import pytest

import goodfit as gf
from goodfit.cli import main
from goodfit.recipe.one_step import STEPS
from goodfit.report import write_report
from goodfit.training import Progress
from goodfit.training.store import Store

FAST = ["--set", "epochs=8", "--set", "width=16", "-q"]


@pytest.fixture(scope="module")
def table(houses: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("step") / "houses.csv"
    houses.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", STEPS)
def test_each_step_alone(name: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r"
    assert main(["step", name, str(table), "--target", "price", "--id", "id", "--out", str(out), *FAST]) == 0
    said = capsys.readouterr().out
    record = json.loads((out / "report.json").read_text())
    key, *_ = STEPS[name]
    assert said.startswith(record[key]["text"]) and record["asked"] == [key] and record["status"] == "finished"
    assert f"goodfit step {name}" in record["repeat"]["command"]
    page = (out / "report.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert "<svg" in page or key == "candidates"
    assert len(ids) == len(set(ids)) and "<script" not in page and not re.search(r"(?:fill|stroke): ?#", page)
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0 and (out / "report.html").read_text() == page
    capsys.readouterr()
    assert main(["inspect", str(out)]) == 0 and capsys.readouterr().out == said
    count = len(gf.RunFolder.open(out).store.trainings())
    assert main(["resume", str(out), "-q"]) == 0 and capsys.readouterr().out == said
    assert len(gf.RunFolder.open(out).store.trainings()) == count, "nothing is trained twice"


def test_a_rate_of_ones_own_needs_no_search(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["step", "coarse", str(table), "--target", "price", "--set", "lr=0.004", "--json", *FAST]
    assert main([*arguments, "--out", str(tmp_path / "r")]) == 0
    record = json.loads(capsys.readouterr().out)
    assert "learning_rate" not in record and record["coarse"]["rates"] == [0.004]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["coarce", "houses.csv", "--target", "price"], "did you mean 'coarse'?"),
        (["coarse", "houses.csv"], "Give --target"),
        (["coarse", "houses.csv", "--target", "price", "--set", "droput=1"], "did you mean 'dropout'?"),
        (["coarse", "houses.csv", "--target", "price", "--preset", "slow"], "preset 'slow' is unknown"),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(table) if a == "houses.csv" else a for a in arguments]
    assert main(["step", *arguments, "--out", str(tmp_path / "r")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and message in err and not (tmp_path / "r").exists()


class InterruptOnce:
    """Send Ctrl-C to this process as soon as candidates train, from the first training that a run folder has kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = Store.add

        def add(store: Store, digest: str, stage: str, *rest: object, **more: object) -> int:
            number = whole(store, digest, stage, *rest, **more)  # type: ignore[arg-type]
            if stage == "candidates" and not self.sent:
                self.sent = True
                os.kill(os.getpid(), signal.SIGINT)
            return number

        self.sent = False
        monkeypatch.setattr(Store, "add", add)


def test_ctrl_c_gives_the_best_so_far_and_resume_the_same_as_without(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(table), "--target", "price", "--id", "id", "--preset", "quick", "--set", "width=16", "-q"]
    arguments += ["--set", "epochs=30", "--set", "patience=2"]  # trainings end at different times
    assert main([*arguments, "--out", str(tmp_path / "whole")]) == 0
    capsys.readouterr()
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())
    with monkeypatch.context() as patch:
        sending = InterruptOnce(patch)
        assert main([*arguments, "--out", str(tmp_path / "cut")]) == 130
    assert sending.sent
    err = capsys.readouterr().err
    assert "goodfit resume" in err and "Traceback" not in err
    cut = json.loads((tmp_path / "cut" / "report.json").read_text())
    ended = {t["status"] for t in cut["candidates"]["trainings"]}
    assert cut["status"] == "interrupted" and "interrupted" in ended and len(ended) == 2
    assert any("interrupted" in limit for limit in cut["verdict"]["limits"]) and cut["test"]["value"] > 0
    assert main(["predict", str(tmp_path / "cut"), str(table), "--out", str(tmp_path / "p.csv"), "-q"]) == 0
    assert main(["resume", str(tmp_path / "cut"), "-q"]) == 0
    again = json.loads((tmp_path / "cut" / "report.json").read_text())
    for part in ("test", "learning_rate", "coarse", "overfit", "curves", "importance", "predictions"):
        assert again[part] == whole[part], part
    assert again["status"] == "finished" and len(again["ensemble"]["members"]) == len(whole["ensemble"]["members"])
    assert len(gf.load_model(tmp_path / "cut" / "model").members) == len(again["ensemble"]["members"])


def test_a_stop_ends_what_runs_and_leaves_out_what_has_not_begun(house_task: gf.Task, tmp_path: Path) -> None:
    asked = threading.Event()
    configs = gf.vary(gf.Config(width=8, epochs=100_000), numeric=["standard", "robust"], seed=range(2))

    def ask(heard: Progress) -> None:
        if heard.epoch >= 5:
            asked.set()

    runs = gf.train(configs, house_task, folder=tmp_path / "r", stop=asked.is_set, on_progress=ask)
    assert [t.reason for t in runs] == ["interrupted"] * 2 and all(t.best_epoch > 0 for t in runs)
    assert all(t.weights and t.config.numeric == "standard" for t in runs)
    assert gf.RunFolder.open(tmp_path / "r").store.trainings() == [], "they are not what their configs give"


def test_steps_that_were_skipped_and_failed_are_drawn(tmp_path: Path, table: Path) -> None:
    assert main(["step", "coarse", str(table), "--target", "price", "--out", str(tmp_path / "r"), *FAST]) == 0
    record = json.loads((tmp_path / "r" / "report.json").read_text())
    record["overfit"] = {"ok": True, "text": "no time", "changed": {}, "follows": "", "skipped": True}
    record["coarse"] |= {"ok": False, "losses": [[[None, None]] * 3] * 3, "follows": "read with care"}
    write_report(record, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "no time" in page and "read with care" in page
    shutil.rmtree(tmp_path / "r")
