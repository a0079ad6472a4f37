"""The steps on modules, losses and loaders of one's own, against PyTorch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_tasks import friedman
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import goodfit as gf
from goodfit.data.loaders import read_loader
from goodfit.losses import LOSSES
from goodfit.recipe.own import TwoLogits
from goodfit.recipe.own_loss import is_log_probability, read_loss

SETTINGS = {"epochs": 4}


def two_moons(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    angle = torch.rand(rows, generator=generator) * torch.pi
    y = torch.arange(rows) % 2
    x = torch.stack([angle.cos() * (1 - 2 * y) + y, angle.sin() * (1 - 2 * y) + 0.5 * y], 1)
    return x + 0.1 * torch.randn(rows, 2, generator=generator), y


def loaders(y_as: torch.dtype = torch.int64, batch: int = 20) -> tuple[DataLoader[Any], DataLoader[Any]]:
    parts = [two_moons(240, 0), two_moons(120, 1)]
    return tuple(DataLoader(TensorDataset(x, y.to(y_as)), batch_size=batch, shuffle=True) for x, y in parts)  # type: ignore[return-value]


def classifier() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 2))


def one_logit() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 1))


def test_all_steps_on_an_own_module(tmp_path: Path) -> None:
    train, validation = loaders()
    found = gf.recipe(
        classifier, nn.CrossEntropyLoss(), train, validation, folder=tmp_path / "run", settings={"epochs": 20}
    )
    assert list(found.steps) == ["initial_loss", "overfit", "learning_rate", "coarse", "candidates", "curves"]
    assert found.steps["initial_loss"]["expected"] == pytest.approx(np.log(2)) and len(found.verdict) == 6
    x, y = two_moons(120, 1)
    with torch.no_grad():
        logits = found.module(x)
    assert (logits.argmax(1) == y).float().mean() > 0.9
    assert float(F.cross_entropy(logits, y)) == pytest.approx(found.best.validation_loss, rel=1e-4)
    assert found.best.config.batch_size == 20 and not found.module.training
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The seven steps on classifier" in page and page.count("<svg") >= 5
    assert json.loads((tmp_path / "run" / "report.json").read_text())["step"] == "recipe"
    again = gf.recipe(
        classifier, nn.CrossEntropyLoss(), train, validation, folder=tmp_path / "run", settings={"epochs": 20}
    )
    assert again.best.validation_loss == found.best.validation_loss
    assert [t.id for t in again.runs] == [t.id for t in found.runs], "nothing is trained twice"


def test_a_folder_goes_on_with_the_same_call_alone(tmp_path: Path) -> None:
    train, validation = loaders()
    other = loaders(batch=30)[0]
    wide = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 4.0]))
    folder = tmp_path / "run"

    def call(factory: Any = classifier, loss: Any = None, data: Any = train, **options: Any) -> Any:
        options = {"settings": SETTINGS} | options
        return gf.recipe(factory, loss or nn.CrossEntropyLoss(), data, validation, folder=folder, **options)

    first = call()
    assert call().steps == first.steps and len(gf.RunFolder.open(folder).store.stages()) > 4
    changes: list[dict[str, Any]] = [
        {"factory": one_logit, "loss": nn.BCEWithLogitsLoss()}, {"factory": lambda: nn.Linear(2, 2)}, {"loss": wide},
        {"data": other}, {"data": validation}, {"seed": 1}, {"preset": "default"}, {"settings": {"epochs": 5}},
        {"settings": SETTINGS | {"lr": 1e-3}}, {"metric": "log-loss"},
    ]  # fmt: skip
    for changed in changes:
        with pytest.raises(gf.GoodfitError, match=r"run holds another call's run, .*: take a new folder$"):
            call(**changed)


def test_evidence_of_goodfit_train_is_not_taken_for_a_modules(tmp_path: Path) -> None:
    gf.RunFolder.create(tmp_path / "run").store.finish_stage("overfit", {"changed": {}})
    with pytest.raises(gf.GoodfitError, match="holds another call's run"):
        gf.recipe(classifier, nn.CrossEntropyLoss(), *loaders(), folder=tmp_path / "run", settings=SETTINGS)


def test_one_logit_is_binary_cross_entropy() -> None:
    x, y = two_moons(50, 0)
    module = TwoLogits(one_logit())
    expected = F.binary_cross_entropy_with_logits(module.own(x)[:, 0], y.float())
    assert F.cross_entropy(module(x), y).item() == pytest.approx(expected.item(), rel=1e-6)
    train, validation = loaders(torch.float32)
    found = gf.recipe(one_logit, nn.BCEWithLogitsLoss(), train, validation, settings=SETTINGS)
    assert isinstance(found.module, nn.Sequential) and found.module(x).shape == (50, 1)
    with torch.no_grad():
        held_out, truth = two_moons(120, 1)
        loss = F.binary_cross_entropy_with_logits(found.module(held_out)[:, 0], truth.float())
    assert float(loss) == pytest.approx(found.best.validation_loss, rel=1e-4)


def test_a_regression_keeps_its_unit_and_says_that_it_is_not_centred() -> None:
    task = friedman(300)
    parts = [
        TensorDataset(*(torch.tensor(a).float() for a in (task.inputs.iloc[task.rows(p)].to_numpy(), task.truth(p))))
        for p in ("train", "validation")
    ]
    found = gf.recipe(lambda: nn.Linear(10, 1), "squared-error", *(DataLoader(p, 32) for p in parts), settings=SETTINGS)
    y = task.truth("train")
    assert found.steps["initial_loss"]["expected"] == pytest.approx(np.mean(y**2), rel=1e-4)
    assert "not centred" in found.steps["initial_loss"]["text"]


OUTPUT, TARGET = torch.randn(16, 1), torch.randn(16)
LOGITS, CLASSES = torch.randn(16, 3), torch.arange(16) % 3


@pytest.mark.parametrize(
    ("loss", "named"),
    [(nn.MSELoss(), "squared-error"), (nn.L1Loss(), "absolute-error"), (nn.SmoothL1Loss(), "huber"),
     (nn.HuberLoss(), "huber"), (nn.SmoothL1Loss(beta=0.5), None), (nn.HuberLoss(delta=2.0), None)],
)  # fmt: skip
def test_losses_of_pytorch_are_ours_or_row_by_row(loss: Any, named: str | None) -> None:
    found = read_loss(loss, OUTPUT, TARGET)
    rows = LOSSES[found][0] if isinstance(found, str) else found
    assert (found if isinstance(found, str) else None) == named
    assert float(rows(OUTPUT, TARGET).mean()) == pytest.approx(float(loss(OUTPUT[:, 0], TARGET)), rel=1e-5)
    assert rows(OUTPUT.expand(2, 16, 1), TARGET.expand(2, 16)).shape == (2, 16), "a population has an axis in front"


def test_nll_of_log_softmax_is_cross_entropy() -> None:
    logs = LOGITS.log_softmax(1)
    name = read_loss(nn.NLLLoss(), logs, CLASSES)
    assert name == "cross-entropy" and is_log_probability(logs) and not is_log_probability(LOGITS)
    assert float(LOSSES[name][0](logs, CLASSES).mean()) == pytest.approx(float(nn.NLLLoss()(logs, CLASSES)), rel=1e-6)
    assert not callable(read_loss(nn.NLLLoss(), logs, CLASSES)) and callable(
        read_loss(nn.NLLLoss(weight=torch.ones(3)), logs, CLASSES)
    )


def test_smoothed_labels_and_own_functions() -> None:
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    found = read_loss(smooth, LOGITS, CLASSES)
    assert callable(found) and float(found(LOGITS, CLASSES).mean()) == pytest.approx(
        float(smooth(LOGITS, CLASSES)), rel=1e-5
    )
    assert read_loss(nn.CrossEntropyLoss(), LOGITS, CLASSES) == read_loss("cross-entropy", LOGITS, CLASSES)

    def focal(output: Tensor, target: Tensor) -> Tensor:
        p = output.softmax(-1).gather(-1, target[:, None])[:, 0]
        return -((1 - p) ** 2) * p.log()

    train, validation = loaders()
    found = gf.recipe(classifier, focal, train, validation, settings=SETTINGS)
    x, y = two_moons(120, 1)
    with torch.no_grad():
        assert float(focal(found.module(x), y).mean()) == pytest.approx(found.best.validation_loss, rel=1e-4)


@pytest.mark.parametrize("kind", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_a_class_that_is_ignored_does_not_count(kind: Any) -> None:
    loss, logs = kind(ignore_index=1), LOGITS.log_softmax(1)
    found = read_loss(loss, logs, CLASSES)
    assert callable(found)
    rows = found(logs, CLASSES)
    assert (rows[CLASSES == 1] == 0).all()
    assert float(rows.sum() / (CLASSES != 1).sum()) == pytest.approx(float(loss(logs, CLASSES)), rel=1e-5)


class Words(Dataset[Any]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"x": torch.zeros(2), "y": torch.tensor(0)}


class Lengths(Words):
    def __getitem__(self, index: int) -> Any:
        return torch.zeros(index + 1), torch.tensor(0)


class Noisy(Words):
    def __getitem__(self, index: int) -> Any:
        return torch.randn(2), torch.tensor(index % 2)


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        yield from ((torch.full((2,), float(i)), torch.tensor(i % 2)) for i in range(7))


def test_loaders_are_read_in_order_and_whole() -> None:
    x, y = two_moons(50, 0)
    found = read_loader(DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True, drop_last=True), "l")
    np.testing.assert_array_equal(found.x, x.numpy())
    np.testing.assert_array_equal(found.y, y.numpy())
    assert found.batch_size == 8 and found.y.dtype == np.int64 and not found.notes
    assert read_loader(DataLoader(Stream(), batch_size=3), "l").x[:, 0].tolist() == list(range(7))
    assert read_loader([(x, y[:, None].float())], "l").y.dtype == np.float64
    assert "read once" in read_loader(DataLoader(Noisy(), batch_size=2), "l").notes[0]


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (5, "give a DataLoader"), (DataLoader(Words(), 2), "must be a pair (x, y) of tensors"),
        (DataLoader(Lengths(), 1), "all must have the same"), ([], "it must give at least one batch"),
        ([(torch.zeros(3, 2), torch.zeros(3, 4))], "they must be [B] or [B, 1]"),
        ([(torch.full((3, 2), torch.nan), torch.zeros(3))], "inputs that are not finite"),
        ([(torch.zeros(3, 2), torch.tensor([0, torch.nan, 1]))], "targets that are not finite"),
        ([(torch.zeros(3, 2), torch.zeros(3, dtype=torch.complex64))], "l gives complex numbers"),
        (
            [(torch.zeros(3, 2), torch.zeros(3)), (torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))],
            "targets of torch.float32 and torch.int64: all must be whole numbers (classes), or all floats",
        ),
    ],
)  # fmt: skip
def test_loaders_that_cannot_be_read(loader: Any, message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")):
        read_loader(loader, "l")


def cut_off() -> nn.Module:
    class CutOff(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x).detach()

    return CutOff(2, 2)


@pytest.mark.parametrize(
    ("factory", "loss", "options", "message"),
    [
        (classifier(), nn.CrossEntropyLoss(), {}, "give a function that makes it"),
        (classifier, nn.CrossEntropyLoss, {}, "give an instance"),
        (classifier, nn.CrossEntropyLoss(reduction="sum"), {}, "use reduction='mean'"),
        (classifier, lambda output, target: F.cross_entropy(output, target), {}, "one value for each of 8 rows"),
        (classifier, "mse", {}, "loss 'mse' is unknown"),
        (cut_off, nn.CrossEntropyLoss(), {}, "no gradient reaches the module's weights"),
        (classifier, nn.NLLLoss(), {}, "NLLLoss wants logarithms of probabilities"),
        (lambda: nn.Sequential(one_logit(), nn.Sigmoid()), nn.BCELoss(), {}, "leave the sigmoid out of the module"),
        (
            classifier,
            nn.CrossEntropyLoss(),
            {"settings": {"lr": 1e6, "optimiser": "sgd"}},
            "your rate 1e\\+06 is too high. Other rates",
        ),
        (classifier, "squared-error", {}, "does not fit a binary task"),
        (one_logit, nn.CrossEntropyLoss(), {}, "give a logit for each class"),
        (lambda: nn.Linear(3, 2), nn.CrossEntropyLoss(), {}, "does not take samples of shape"),
        (lambda: nn.Sequential(nn.Linear(2, 6), nn.Unflatten(1, (2, 3))), nn.CrossEntropyLoss(), {}, "must give"),
        (classifier, nn.CrossEntropyLoss(), {"preset": "fast"}, "preset 'fast' is unknown"),
        (classifier, nn.CrossEntropyLoss(), {"settings": {"width": 3}}, "change it in the module"),
        (classifier, nn.CrossEntropyLoss(), {"settings": {"optimizer": "sgd"}}, "unknown setting"),
    ],
)
def test_mistakes_are_named(factory: Any, loss: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(gf.GoodfitError, match=message):
        gf.recipe(factory, loss, *loaders(), **options)


def test_classes_must_fit_the_outputs() -> None:
    x, y = two_moons(40, 0)
    batch = DataLoader(TensorDataset(x, y + 5), 8)
    with pytest.raises(gf.GoodfitError, match="with 2 outputs they must be 0 to 1"):
        gf.recipe(classifier, nn.CrossEntropyLoss(), batch, batch)
    wild = DataLoader(TensorDataset(x, y.float() + 0.5), 8)
    with pytest.raises(gf.GoodfitError, match="a regression has one"):
        gf.recipe(classifier, nn.MSELoss(), wild, wild)
    with pytest.raises(gf.GoodfitError, match="targets 0 and 1"):
        gf.recipe(one_logit, nn.BCEWithLogitsLoss(), wild, wild)
    with pytest.raises(gf.GoodfitError, match="y is int64 in the training and float64 in the validation part"):
        gf.recipe(classifier, nn.CrossEntropyLoss(), DataLoader(TensorDataset(x, y), 8), wild)
