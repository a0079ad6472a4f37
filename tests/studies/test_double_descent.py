"""What the study must show, on Fashion-MNIST and on small data; its options, its page, and going on after a kill."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import goodfit as gf
from goodfit.cli import main
from goodfit.losses import one_hot_squared_error
from goodfit.report.page import render_study
from goodfit.studies.comparison import IN_MEMORY
from goodfit.studies.double_descent import OPTIONS, double_descent
from goodfit.studies.double_descent.points import Point, Results
from goodfit.studies.double_descent.regime import _times
from goodfit.studies.double_descent.rows import StudyRows

NOTHING_SAID = {name: option.default for name, option in OPTIONS.items()}
RANDOM = {"model": "random-features"}


@pytest.fixture(scope="module")
def fashion(real_data: Path) -> gf.Task:
    return gf.load("fashion-mnist")


@pytest.fixture(scope="module")
def blobs() -> gf.Task:
    """Three classes in eight numbers, of which a fifth of the labels is wrong."""
    random = np.random.default_rng(0)
    y = np.arange(900) % 3
    x = random.normal(size=(900, 8)) + 1.2 * np.eye(8)[y]
    y = np.where(random.random(900) < 0.2, random.integers(0, 3, 900), y)
    return gf.Task.from_arrays(x, y, kind="multiclass", name="blobs")


def study(
    task: gf.Task, seeds: int = 3, settings: dict[str, object] | None = None, **options: object
) -> dict[str, object]:
    record = double_descent(task, NOTHING_SAID | options, settings or {}, 0, seeds, IN_MEMORY)
    rows = {"train": 1, "validation": 1, "test": 1}
    page = render_study(
        {"question": "What?"} | record | {
            "study": "double-descent", "goodfit": "0", "created": "today", "repeat": {"command": "goodfit", "versions": {}},
            "task": {"name": "n", "kind": "multiclass", "target": "t", "rows": rows, "split": "random"},
        }
    )  # fmt: skip
    assert page.count("<svg") == len(record.get("descents", [])) + len(record.get("maps", [])) > 0
    assert "nan" not in page.lower().split()
    return record


def means(record: dict[str, object], figure: str, series: str) -> tuple[list[float], np.ndarray]:
    found = next(f for f in record["descents"] if f["name"] == figure)
    return found["x"], np.array(found["series"][series]["mean"], dtype=float)


def test_random_features_peak_where_features_are_samples(fashion: gf.Task) -> None:
    """The peak within 5 % of N = n and at least 5 times the first minimum; far beyond it the error is the lowest."""
    record = study(fashion, 3, {"train_rows": 200}, **RANDOM)
    sizes, loss = means(record, "loss", "test")
    peak = int(loss.argmax())
    assert abs(sizes[peak] - 200) <= 0.05 * 200 and loss[peak] > 5 * loss[:peak].min() > 5 * loss[-1]
    _, error = means(record, "error", "test")
    assert error[-1] < error[:peak].min()
    for cure in ("best ridge", "stopped in time"):
        _, cured = means(record, "cures", cure)
        assert np.all(cured[1:] < 1.1 * np.minimum.accumulate(cured)[:-1]), "no peak is left"
        assert np.all(cured[peak - 2 :] < loss[peak - 2 :])
    assert record["descents"][0]["threshold"] == 200
    [told] = [sentence for sentence in record["answer"] if sentence.startswith("The test error (share of rows) is")]
    assert f"{error[peak]:.4g} at 200" in told and f"{error[-1]:.4g} at 2000 features" in told


def test_more_samples_hurt_near_the_threshold(fashion: gf.Task) -> None:
    record = study(fashion, 3, {"width": 200}, axis="samples", **RANDOM)
    counts, loss = means(record, "loss", "test")
    peak = counts.index(200)
    assert int(loss.argmax()) == peak and loss[peak] > 5 * loss[:peak].min() and loss[-1] < loss[0]
    assert any(sentence.startswith("More data hurts between") for sentence in record["answer"])


SMALLER = {"train_rows": 200, "decorrelate": "pca-whiten(12)", "epochs": 800, "lr": 0.15}
"""A setting of seconds that shows in small what docs/double-descent.md shows with the study's own."""


@pytest.mark.slow
def test_networks_peak_at_the_threshold_and_decay_removes_it(fashion: gf.Task) -> None:
    record = study(fashion, 5, SMALLER)
    table = np.array([[np.nan if v is None else v for v in row] for row in record["tables"][0]["rows"]], dtype=float)
    share, loss = table[:, 2], means(record, "loss", "test")[1]
    peak = int(loss.argmax())
    assert 0.5 <= share[peak] <= 1.5
    assert loss[peak] > 1.3 * loss[:peak].min() and loss[peak] > 1.2 * loss[-1]
    _, cured = means(record, "cures", "best weight decay")
    assert np.all(cured[1:] < 1.1 * np.minimum.accumulate(cured)[:-1])


@pytest.fixture(scope="module")
def two_scales() -> gf.Task:
    return gf.load("two-scales", validation="0.2")


def test_data_of_two_scales_descend_twice_along_the_epochs(two_scales: gf.Task) -> None:
    """Heckel & Yilmaz 2021: down with the fast inputs' signal, up with their noise, down with the slow inputs."""
    record = study(two_scales, 3, {"lr": 0.016, "epochs": 1024})
    times, loss = means(record, "test_loss", record["answer"][0].split(":")[0])
    peak = int(loss.argmax())
    assert int(loss[:peak].argmin()) > 0 and 32 <= times[peak] < 1024
    assert loss[peak] > 1.2 * loss[:peak].min() and loss[peak] > 3 * loss[-1] and loss[-1] < 0.5 * loss[:peak].min()
    assert "the test loss descends twice: " in record["answer"][0] and len(record["answer"]) == 1
    alike = study(two_scales, 2, {"numeric": "standard", "lr": 0.016, "epochs": 128})
    assert "the test loss descends twice: " not in alike["answer"][0], "inputs of one scale are learnt at one time"


TINY = {"epochs": 8, "train_rows": 60, "batch_size": 30}


@pytest.mark.parametrize("axis", ["width", "epochs", "samples", "map"])
def test_every_axis_of_networks_has_a_page(axis: str, blobs: gf.Task) -> None:
    record = study(blobs, 2, TINY, axis=axis, noise=0.1)
    assert record["answer"] and record["trainings"] > 10 and record["base"]["label_noise"] == 0.1


@pytest.mark.parametrize("axis", ["epochs", "map"])
def test_gradient_flow_of_random_features_has_a_page(axis: str, blobs: gf.Task) -> None:
    record = study(blobs, 2, {"train_rows": 60}, axis=axis, **RANDOM)
    assert record["answer"] and record["trainings"] > 10


def test_regime_of_a_training_of_ones_own(blobs: gf.Task, house_task: gf.Task) -> None:
    small = study(blobs, 3, {"width": 4, "epochs": 20, "weight_decay": 0.0, "dropout": 0.0})
    assert small["answer"][0].startswith("Classical regime:") and small["question"].startswith("blobs: which regime")
    large = study(
        blobs, 3, {"width": 128, "epochs": 60, "weight_decay": 0.0, "dropout": 0.0, "lr": 3e-3, "train_rows": 120}
    )
    assert large["answer"][0].startswith("Modern regime:")
    assert large["answer"][3].startswith("Stopping earlier helps: with "), "a fifth of the labels is wrong"
    rows = {row[0]: row for row in large["tables"][0]["rows"]}
    assert large["answer"][-1].endswith("More could be told with --seeds 12.")
    assert rows["as it is"][5] == 1.0 and rows["4 epochs"][8] == "helps"
    study(house_task, 2, {"width": 8, "epochs": 4, "lr": 0.01})


def test_losses_of_rounding_error_are_told_as_equal() -> None:
    own, other = Point(8, 50, 4), Point(16, 50, 4)
    values = np.array([[[9, 0, 0, 0, 1e-15, 0], [9, 0, 0, 0, 0.0, 0]], [[9, 0, 0, 0, 0.0, 0], [9, 0, 0, 0, 1e-12, 0]]])
    assert _times(Results([own, other], [0, 1], values), other, own, 0.95) == (1, 1, 1)


def test_losses_and_errors_are_those_of_the_rows(blobs: gf.Task) -> None:
    rows = StudyRows.of(blobs, tuning=0.5)
    config = gf.Config(loss="one-hot-squared-error", label_noise=0.3, train_rows=50, seed=1)
    (x, y), (_, truth) = rows.drawn(config), rows.judging(config)
    assert x.shape == (50, 8) and len(truth) == len(blobs.rows("validation")) == 2 * rows.tuning
    clean = rows.drawn(config.replace(label_noise=0.0))
    assert np.array_equal(clean[0], x) and 0.1 < np.mean(clean[1] != y) < 0.5
    output = np.random.default_rng(0).normal(size=(len(truth), 3))
    found = rows.judge(config, 7, (np.eye(3)[y], y), (output, truth))
    assert found.train_loss == found.train_error == 0 and found.parameters == 7
    assert found.test_error == np.mean(output.argmax(1)[rows.tuning :] != truth[rows.tuning :])
    squares = ((output - np.eye(3)[truth]) ** 2).mean(1)
    assert found.tune_loss == pytest.approx(squares[: rows.tuning].mean())
    assert found.test_loss == pytest.approx(squares[rows.tuning :].mean())


def test_a_network_interpolates_its_noisy_labels_in_any_kernel(blobs: gf.Task) -> None:
    config = gf.Config(
        loss="one-hot-squared-error", depth=1, width=16, optimiser="sgd", lr=0.03, epochs=5, label_noise=0.2
    )
    losses = [
        gf.train(config, blobs, kernel=k)[0].validation_loss for k in ("resident", "dense", "generic", "sequential")
    ]
    np.testing.assert_allclose(losses, losses[-1], rtol=1e-4)
    output, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    expected = torch.nn.functional.mse_loss(output, torch.eye(3)[target])
    torch.testing.assert_close(one_hot_squared_error(output, target).mean(), expected)


def test_command_line_repeats_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    words = ["study", "double-descent", "--data", "digits", "--axis", "width", "--model=random-features", "--noise", "0.1",
             "--set", "train_rows=50", "--seeds", "2", "-q"]  # fmt: skip
    assert main([*words, "--out", str(out)]) == 0
    assert "The interpolation threshold is at 5" in capsys.readouterr().out
    first = json.loads((out / "report.json").read_text())
    command = first["repeat"]["command"].split()
    assert "--axis width --model random-features --noise 0.1" in first["repeat"]["command"]
    (out / "report.json").unlink()
    assert main(["resume", str(out), "-q"]) == 0
    assert main([*command[1:], "--out", str(tmp_path / "again"), "-q"]) == 0
    for other in (out, tmp_path / "again"):
        assert json.loads((other / "report.json").read_text())["descents"] == first["descents"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["double-descent", "--axis", "height"], "--axis height is unknown: choose one of width, epochs, samples, map, regime"),
        (["double-descent", "--noise", "2"], "--noise 2 is no share: give a number of at least 0 and below 1"),
        (["double-descent", "--axes", "width"], "the study 'double-descent' has no option --axes (did you mean 'axis'?)"),
        (["double-descent", "--axis"], "--axis has no value: write --axis VALUE"),
        (["double-descent", "width"], "'width' is no option: write --name value"),
        (["init", "--axis", "width"], "the study 'init' has no option --axis: it has none of its own"),
        (["double-descent", "--data", "digits", "--vary", "width=1,2"], "has axes of its own: give --axis instead of --vary"),
        (["double-descent", "--data", "digits", "--set", "model=cnn"], "varies the width of perceptrons, and the model is 'cnn'"),
        (["double-descent", "--data", "digits", "--model", "random-features", "--set", "lr=1"], "leave out --model random"),
        (["double-descent", "--data", "digits", "--axis", "width", "--seeds", "1"], "1 seed: bands over seeds need at least 2"),
        (["double-descent", "--data", "digits", "--axis", "width", "--model", "random-features", "--set", "lr=1"],
         "setting 'lr' does not matter to random features"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["study", *arguments]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in said and said.startswith("goodfit: error: ")
