"""`goodfit train --backbone`: train, predict from raw images, resume, mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goodfit.cli import main

QUICK = ["--preset", "quick", "--set", "epochs=2", "-q"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stripes"
    random = np.random.default_rng(0)
    for label in range(3):
        (folder / f"c{label}").mkdir(parents=True)
        for number in range(30):
            pixels = random.integers(0, 80, (18, 18, 3)).astype(np.uint8)
            pixels[6 * label : 6 * label + 6] += 120
            Image.fromarray(pixels).save(folder / f"c{label}" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def pretrained(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "pretrained"
    assert (
        main(
            [
                "train",
                str(images),
                "--set",
                "model=cnn",
                "--set",
                "width=4",
                "--set",
                "depth=2",
                "--out",
                str(out),
                *QUICK,
            ]
        )
        == 0
    )
    return out


@pytest.mark.parametrize("options", [[], ["--unfreeze", "1", "--layer-rate", "0.5"]])
def test_train_predict_and_resume(
    images: Path, pretrained: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["train", str(images), "--backbone", str(pretrained), *options, "--out", str(out), *QUICK]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["status"] == "finished" and "--backbone" in report["repeat"]["command"]
    assert any("frozen backbone pretrained (cnn)" in note for note in report["task"]["notes"]) == (not options)
    capsys.readouterr()
    assert main(["predict", str(out), str(images), "-q"]) == 0
    predicted = capsys.readouterr().out
    assert predicted.startswith("prediction,p_c0,p_c1,p_c2") and len(predicted.splitlines()) == 91
    Image.fromarray(np.full((40, 31), 90, np.uint8)).save(tmp_path / "new.png")
    (tmp_path / "new").mkdir()
    (tmp_path / "new.png").rename(tmp_path / "new" / "grey.png")
    assert main(["predict", str(out), str(tmp_path / "new")]) == 0
    said = capsys.readouterr()
    assert (
        said.out.count("\n") == 2 and "1 of 1 images are resized to what the model was trained on, 18 x 18" in said.err
    )
    (out / "report.json").unlink()
    assert main(["resume", str(out), "-q"]) == 0
    again = json.loads((out / "report.json").read_text())
    assert again["test"] == report["test"] and again["candidates"] == report["candidates"]
    request = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(request | {"backbone_digest": "0" * 64}))
    capsys.readouterr()
    assert main(["resume", str(out), "-q"]) == 2
    assert "has changed since the run began" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unfreeze", "1"], "--unfreeze is for a pretrained network: give one with --backbone"),
        (["--layer-rate", "0.5"], "--layer-rate is for a pretrained network: give one with --backbone"),
        (["--backbone", "PATH", "--unfreeze", "-1"], "--unfreeze is -1: give the number of blocks to train"),
        (["--backbone", "PATH", "--unfreeze", "7"], "7 blocks of backbone pretrained (cnn) to be trained: it has 2"),
        (["--backbone", "PATH", "--set", "pixels=centre"], "setting 'pixels' is decided by the backbone: leave it out"),
        (["--backbone", "PATH", "--unfreeze", "1", "--set", "model=cnn"], "setting 'model' is decided by the backbone"),
        (["--backbone", "PATH", "--set", "augment=flip"], "setting 'augment' changes images"),
        (["--backbone", "nowhere"], "backbone nowhere is not there: give a run folder"),
    ],
)
def test_mistakes_are_one_line(
    images: Path, pretrained: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(pretrained) if option == "PATH" else option for option in options]
    assert main(["train", str(images), *given, *QUICK]) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said and said.startswith("goodfit: error: ")
