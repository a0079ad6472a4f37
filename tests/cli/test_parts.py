"""`goodfit activations` and `goodfit model` as a user gives them."""

import json
from pathlib import Path

import pytest

from goodfit.cli import main
from goodfit.nn import ACTIVATION_FACTS, MODELS


def test_activations_are_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    assert main(["activations"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ACTIVATION_FACTS) and "-1.758 to ∞" in out and "kaiming-normal" in out
    assert main(["activations", "relu", "step"]) == 0
    assert "relu: dead units" in (out := capsys.readouterr().out) and "its derivative is 0 everywhere" in out
    assert main(["activations", "relu", "step", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["activations"]] == ["relu", "step"]
    assert found["activations"][0]["low"] == 0 and found["activations"][0]["high"] is None


@pytest.mark.parametrize(
    "command", [["activations"], ["model"], ["schedules"], ["initialisers", "normal", "lsuv", "zero"]]
)
def test_a_list_that_goes_into_a_file_has_a_line_for_each(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    entries = len(found["activations"] if command == ["activations"] else found)
    assert main(command) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= entries + 3 and "…" not in out


def test_statistics_through_depth(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["activations", "selu", "relu", "softmax", "--depth", "30", "--width", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["through_depth"]
    assert [row["layer"] for row in found if row["name"] == "selu"][-1] == 30
    assert {row["name"] for row in found} == {"selu", "relu"}
    assert all(0.6 < row["variance"] < 1.5 for row in found if row["name"] == "selu")
    assert main(["activations", "tanh", "--depth", "2"]) == 0
    assert "untrained, standard normal inputs" in capsys.readouterr().out


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<svg"), (".html", b"<!doctype html>")):
        plot, zigzag = tmp_path / f"a{suffix}", tmp_path / f"z{suffix}"
        assert main(["activations", "relu", "tanh", "--plot", str(plot), "--zigzag", str(zigzag)]) == 0
        assert plot.read_bytes().startswith(start) and zigzag.read_bytes().startswith(start)
        assert f"drawn: {plot}" in capsys.readouterr().err


@pytest.mark.parametrize("name", MODELS)
def test_every_model_shows_its_stages(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", name, "--input", "1x32x32", "--set", "width=4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parameters"] == sum(stage["parameters"] for stage in found["stages"])
    assert found["stages"][-1]["shape"] == [10]


def test_models_as_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["model"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in MODELS)
    assert main(["model", "densenet", "--input", "1x96x96"]) == 0
    assert "width 32: growth rate" in capsys.readouterr().out
    assert main(["model", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(MODELS)
    assert main(["model", "lenet"]) == 0
    out = capsys.readouterr().out
    assert "44,878" in out and "281,640" in out and "16 x 4 x 4" in out
    assert main(["model", "mlp", "--input", "13", "--outputs", "1", "--set", "width=8,4", "--set", "norm=layer"]) == 0
    out = capsys.readouterr().out
    assert "layer norm" in out and f"{13 * 8 + 8 + 16 + 8 * 4 + 4 + 8 + 5}" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lenet"], "width 6: channels of the first convolution; every other layer in proportion; depth fixed; dropout"),
        (["lenet", "--set", "width=1"], "width 1: channels"),
        (["resnet-8", "--set", "width=4"], "; depth fixed; dropout"),
        (["mlp"], "width 256: units of each hidden layer; a list gives every layer its own; depth 2: hidden layers;"),
        (["mlp", "--set", "width=[4,3,2]"], "width 4,3,2: units of each hidden layer; a list gives every layer its own; depth 3:"),
        (["mlp", "--set", "width=[]"], "width none: units of each hidden layer; a list gives every layer its own; depth 0:"),
        (["mlp", "--set", "depth=0"], "depth 0: hidden layers"),
        (["densenet", "--input", "1x96x96", "--set", "depth=0"], "width 32: growth rate: channels that each layer adds; the stem has twice as many; depth 0:"),
    ],
)  # fmt: skip
def test_a_model_tells_the_sizes_that_it_has(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["model", *arguments]) == 0
    assert told in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model", "lenett"], "did you mean 'lenet'?"),
        (["model", "lenet", "--input", "28x28"], "--input 28x28 is not the shape of a sample"),
        (["model", "lenet", "--input", "1xax28"], "is not the shape of a sample"),
        (["model", "lenet", "--input", "13"], "model 'lenet' is for images"),
        (["model", "cnn", "--set", "depth=9"], "at least 512 x 512 pixels"),
        (["model", "lenet", "--set", "activation=step"], "activation 'step' cannot be trained"),
        (["model", "lenet", "--set", "widht=3"], "did you mean 'width'?"),
        (["model", "mlp", "--input", "5", "--set", "schedule=cosin"], "did you mean 'cosine'?"),
        (["model", "mlp", "--input", "5", "--set", "optimiser=foo"], "setting 'optimiser' is 'foo'"),
        (["model", "mlp", "--input", "5", "--set", "augment=foo"], "setting 'augment' is 'foo'"),
        (["model", "mlp", "--input", "5", "--set", "decorrelate=foo"], "setting 'decorrelate' is 'foo'"),
        (["model", "mlp", "--input", "5", "--set", "init=foo"], "setting 'init' is 'foo'"),
        (["model", "mlp", "--input", "5", "--set", "loss=foo"], "loss 'foo' does not fit a multiclass task"),
        (
            ["model", "lenet", "--set", "model=mlp"],
            "setting 'model' is what the command's argument names: leave it out",
        ),
        (
            ["schedules", "--set", "schedule=foo"],
            "setting 'schedule' is what the command's argument names: leave it out",
        ),
        (["schedules", "step", "--set", "optimiser=foo"], "setting 'optimiser' is 'foo'"),
        (["activations", "rellu"], "did you mean 'relu'?"),
        (["activations", "--plot", "x.pdf"], "the picture x.pdf must end in .png, .svg, .html"),
        (["activations", "--plot", "no/x.png"], "cannot write no/x.png"),
        (
            ["activations", "relu", "--depth", "6", "--width", "1000000000"],
            "depth 6 and width 1000000000 cannot be held: they take",
        ),
        (
            ["initialisers", "normal", "--shape", "1000000x1000000"],
            "weights of --shape 1000000x1000000 cannot be held: they take",
        ),
        (["initialisers", "normal(0,1e400)"], "is 'normal(0,1e400)', which cannot be read"),
        (["activations", "relu", "--depth", "3", "--init", "hee"], "setting 'init' is 'hee'"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and message in err and not list(tmp_path.iterdir())


def test_schedules_are_listed_and_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["schedules", "step", "cosine", "--steps", "6", "--set", "lr=0.5", "--json"]) == 0
    rates = json.loads(capsys.readouterr().out)
    assert rates["step"] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])
    assert list(rates) == ["step", "cosine"]
    assert main(["schedules", "--plot", str(tmp_path / "s.png")]) == 0
    assert "one-cycle" in capsys.readouterr().out
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert main(["schedules", "cosin"]) == 2
    assert "did you mean 'cosine'" in capsys.readouterr().err
