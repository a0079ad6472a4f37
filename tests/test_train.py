"""`train`, `Runs`, the run folder and the model folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn

import goodfit as gf
from goodfit.conformal import half_width as conformal_half_width
from goodfit.paired import t_interval

CONFIG = gf.Config(width=16, epochs=4, lr=1e-2, batch_size=32)


def test_frame_curves_group_and_predict(house_task: gf.Task) -> None:
    runs = gf.train(gf.vary(CONFIG, lr=[1e-3, 1e-2], seed=range(3)), house_task)
    assert runs.frame()["lr"].tolist() == [1e-3] * 3 + [1e-2] * 3 and runs.varied() == ["lr"]
    assert set(runs.curves()["epoch"]) == set(range(5)) and len(runs.group("lr")) == 2
    predicted = runs.predict(house_task.raw("validation"))
    single = [runs.filter(lambda t, i=t.id: t.id == i).predict(house_task.raw("validation")) for t in runs]
    np.testing.assert_allclose(predicted, np.mean(single, 0), rtol=1e-9)
    best = runs.best()[0]
    assert best.validation_metric == runs.frame()["validation_metric"].min()
    score = house_task.score(runs.best().predict(house_task.raw("validation")), "validation")
    assert score == pytest.approx(best.validation_metric, rel=1e-4)


def test_compare_is_paired_over_seeds(house_task: gf.Task) -> None:
    runs = gf.train(gf.vary(CONFIG, lr=[1e-4, 1e-2], seed=range(6)), house_task)
    table = runs.compare()
    assert table["verdict"].tolist() == ["best", "worse"] and table["n"].tolist() == [6, 6]
    values = runs.frame().pivot(index="seed", columns="lr", values="validation_metric")
    expected = stats.ttest_rel(values[1e-4], values[1e-2]).confidence_interval()
    assert (table["difference_low"][1], table["difference_high"][1]) == pytest.approx((expected.low, expected.high))
    with pytest.raises(gf.GoodfitError, match=r"unknown setting 'lrr' \(did you mean 'lr'\?\)"):
        runs.compare("lrr")


def test_intervals_equal_scipy() -> None:
    values = [1.0, 2.5, 2.0, 4.0]
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert t_interval(values) == pytest.approx((np.mean(values), *expected))
    assert conformal_half_width(np.arange(1.0, 20), 0.9) == 18 and conformal_half_width(np.arange(5.0), 0.9) is None


def test_conformal_interval_covers(house_task: gf.Task) -> None:
    random = np.random.default_rng(0)
    held = [
        np.mean(np.abs(random.normal(size=500)) <= conformal_half_width(np.abs(random.normal(size=99)), 0.9))
        for _ in range(200)
    ]
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "rellu"}, r"setting 'activation' is 'rellu' \(did you mean 'relu'\?\)"), ({"init": "x"}, "setting 'init' is 'x'"),
        ({"optimiser": "adm"}, "setting 'optimiser' is 'adm'"), ({"schedule": "cos"}, "setting 'schedule' is 'cos'"),
        ({"loss": "cross-entropy"}, "loss 'cross-entropy' does not fit a regression task"), ({"model": "resnet"}, "setting 'model' is 'resnet'"),
        ({"model": lambda: 3}, "the model factory returned int"), ({"model": lambda: nn.Flatten()}, "no parameters to train"),
        ({"model": lambda: nn.LazyLinear(2)}, "the model returns shape"),
    ],
)  # fmt: skip
def test_what_cannot_train_is_one_line(house_task: gf.Task, changes: dict[str, object], message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        gf.train(CONFIG.replace(**changes), house_task)


class OwnNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_own_module_trains_compares_and_is_stored(house_task: gf.Task, tmp_path: Path) -> None:
    runs = gf.train(gf.vary(CONFIG, model=[OwnNet, "mlp"], seed=range(2)), house_task)
    assert runs.frame()["kernel"].tolist() == ["resident"] * 4
    model = runs.filter(lambda t: t.config.model is OwnNet).model()
    gf.save_model(model, tmp_path / "m")
    name = f"{OwnNet.__module__}:OwnNet"
    with pytest.raises(gf.GoodfitError, match="a model of your own"):
        gf.load_model(tmp_path / "m").predict(house_task.raw("test"))
    again = gf.load_model(tmp_path / "m", models={name: OwnNet})
    np.testing.assert_array_equal(again.predict(house_task.raw("test")), model.predict(house_task.raw("test")))


def own_initialiser(weight: torch.Tensor, bias: torch.Tensor | None, generator: torch.Generator) -> None:
    torch.nn.init.normal_(weight, 0, 0.1, generator=generator)


def test_a_model_loads_without_its_initialiser(house_task: gf.Task, tmp_path: Path) -> None:
    """Neither a function of one's own nor training samples are there when a stored model predicts."""
    runs = gf.train(gf.vary(CONFIG.replace(epochs=1), init=[own_initialiser, "lsuv"]), house_task)
    gf.save_model(runs.model(), tmp_path / "m")
    again = gf.load_model(tmp_path / "m")
    assert again.members[0].config.init == f"{own_initialiser.__module__}:own_initialiser"
    raw = house_task.raw("test")
    np.testing.assert_array_equal(again.predict(raw), runs.model().predict(raw))


def test_folder_trains_each_thing_once_and_resumes_to_the_same_numbers(house_task: gf.Task, tmp_path: Path) -> None:
    configs = gf.vary(CONFIG, lr=[1e-3, 1e-2], seed=range(3))
    whole = gf.train(configs, house_task)
    first = gf.train(configs[:4:2], house_task, folder=tmp_path / "run")
    rest = gf.train(configs, house_task, folder=tmp_path / "run")
    assert {t.id for t in first} < {t.id for t in rest}
    for a, b in zip(whole, rest, strict=True):
        pd.testing.assert_frame_equal(a.curve, b.curve)
        assert (
            all(torch.equal(a.weights[n], b.weights[n]) for n in a.weights)
            and a.validation_metric == b.validation_metric
        )
    weights = next((tmp_path / "run" / "trainings").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(gf.GoodfitError, match="was changed or damaged"):
        [t.weights for t in rest]


KILLED = """
import sys, pandas as pd, goodfit as gf
frame = pd.read_csv(sys.argv[1])
task = gf.Task.from_frame(frame, "price", id="id")
configs = gf.vary(gf.Config(width=16, lr=1e-2, batch_size=32), epochs=[*range(2, 42, 2), *range(50_000, 50_100)])
print("go", flush=True)
gf.train(configs, task, folder=sys.argv[2])
"""


def test_a_kill_loses_no_finished_training(houses_csv: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(houses_csv), str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"go\n"
        store = tmp_path / "run" / "study.sqlite"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(list((tmp_path / "run").glob("trainings/*.safetensors"))) < 8:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert store.exists()
    folder = gf.RunFolder.open(tmp_path / "run")
    done = folder.store.trainings()
    assert 7 <= len(done) <= 20
    for digest, _, _, record, curve in done:
        assert len(curve) == record["epochs"] + 1 and folder.tensors(digest, record["weights_sha256"])


@pytest.fixture(scope="module")
def stored(house_task: gf.Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[gf.Model, Path]:
    model = gf.train(gf.vary(CONFIG, numeric=["standard", "piecewise"], seed=range(2)), house_task).model()
    path = tmp_path_factory.mktemp("models") / "m"
    gf.save_model(model, path)
    return model, path


def test_reloaded_model_is_bit_identical(stored: tuple[gf.Model, Path], house_task: gf.Task) -> None:
    model, path = stored
    pd.testing.assert_frame_equal(
        gf.load_model(path).table(house_task.raw("test")), model.table(house_task.raw("test")), check_exact=True
    )
    assert model.half_width is not None and gf.load_model(path).half_width == model.half_width
    with pytest.raises(gf.GoodfitError, match="is there already"):
        gf.save_model(model, path)


def test_a_row_does_not_depend_on_its_neighbours(stored: tuple[gf.Model, Path], house_task: gf.Task) -> None:
    rows = house_task.raw("test")
    alone = np.concatenate([stored[0].predict(rows.iloc[[i]]) for i in range(10)])
    np.testing.assert_allclose(alone, stored[0].predict(rows)[:10], rtol=1e-12)


@pytest.mark.parametrize("name", ["manifest.json", "model.json", "weights.safetensors", "preparation.safetensors"])
def test_any_damage_is_noticed(stored: tuple[gf.Model, Path], tmp_path: Path, name: str) -> None:
    import shutil

    random = np.random.default_rng(0)
    original = (stored[1] / name).read_bytes()
    for trial in range(40):
        copy = tmp_path / f"{trial}"
        shutil.copytree(stored[1], copy)
        content = bytearray(original)
        if trial == 0:
            (copy / name).unlink()
        else:
            content[random.integers(len(content))] ^= 1 << random.integers(8)
            (copy / name).write_bytes(content if trial % 3 else content[: random.integers(len(content))])
        try:
            again = gf.load_model(copy)
        except gf.GoodfitError as error:
            assert "\n" not in str(error)
        else:
            # only white space or the version's text of the manifest may change without harm
            assert name == "manifest.json" and again.code == stored[0].code


def test_foreign_and_newer_folders(stored: tuple[gf.Model, Path], tmp_path: Path) -> None:
    import shutil

    with pytest.raises(gf.GoodfitError, match="is not a goodfit model folder"):
        gf.load_model(tmp_path)
    copy = tmp_path / "newer"
    shutil.copytree(stored[1], copy)
    manifest = json.loads((copy / "manifest.json").read_text()) | {"format": 99}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(gf.GoodfitError, match="upgrade goodfit"):
        gf.load_model(copy)


def test_rate_search_finds_the_valley_and_names_divergence(house_task: gf.Task) -> None:
    found = gf.find_learning_rate(
        house_task, CONFIG.replace(optimiser="sgd", numeric="standard"), low=1e-5, high=100, points=12, steps=60
    )
    assert found.interval[0] <= found.chosen <= found.interval[1] and 1e-3 < found.chosen < 1
    assert not np.isfinite(found.losses[-1]).all() or found.losses[-1].mean() > found.initial
    assert "grows or diverges" in found.text


def test_a_rate_search_without_time_keeps_the_rate_and_says_so(house_task: gf.Task) -> None:
    found = gf.find_learning_rate(house_task, CONFIG.replace(lr=3e-3), points=4, seeds=1, steps=60, time_limit=0.0)
    assert found.chosen == 3e-3 and found.interval == (3e-3, 3e-3)
    assert "The time limit left 0 of 60 steps" in found.text and "stays 0.003" in found.text
