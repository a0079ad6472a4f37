"""Step 1 against closed forms, and every deviation it can tell."""

import numpy as np
import pytest
import torch
from small_tasks import blobs, friedman

import goodfit as gf
from goodfit.recipe import check_initial_loss
from goodfit.recipe.initial_loss import Expected, Untrained, expected_loss, judge_initial_loss

PLAIN = gf.Config(width=32, numeric="standard")


def test_expected_values_are_closed_forms() -> None:
    task = friedman(400)
    y = task.code.encode(task.truth("train")).astype(np.float64)
    for loss, value in (
        ("auto", 1.0), ("squared-error", y.var()), ("absolute-error", np.abs(y).mean()),
        ("huber", np.where(np.abs(y) < 1, y**2 / 2, np.abs(y) - 0.5).mean()),
    ):  # fmt: skip
        assert expected_loss(gf.Config(loss=loss), task).value == pytest.approx(value, rel=1e-5)
    task = blobs(400, 5)
    shares = np.bincount(task.truth("train"), minlength=5) / len(task.truth("train"))
    found = expected_loss(gf.Config(), task)
    assert found.value == pytest.approx(np.log(5)) and found.informed == pytest.approx(-(shares * np.log(shares)).sum())


@pytest.mark.parametrize("classes", [0, 2, 5])
def test_untrained_networks_lose_what_is_expected(classes: int) -> None:
    task = blobs(400, classes) if classes else friedman(400)
    found = check_initial_loss(task, PLAIN, seeds=6)
    assert found["ok"] and found["changed"] == {} and "fit together" in found["text"]
    assert found["observed"] == pytest.approx(np.log(classes) if classes else 1.0, rel=0.2)
    assert np.mean(found["zeroed"]) == pytest.approx(found["expected"], rel=0.1)
    if classes:  # the network then answers about with the frequencies
        assert np.mean(found["informed"]) == pytest.approx(found["entropy"], rel=0.15)
        assert (classes == 2) == ("logarithms of the class frequencies" in found["text"])


def test_bad_starts_are_told_apart() -> None:
    task = friedman(300)
    # without an activation the factor 2 for ReLU doubles the variance in every layer
    loud = PLAIN.replace(init="kaiming-normal(gain=1.4142)", activation="identity", width=256, depth=8)
    found = check_initial_loss(task, loud, seeds=4)
    assert not found["ok"] and "badly scaled" in found["text"] and found["follows"]

    def biased(weight: torch.Tensor, bias: torch.Tensor | None, generator: torch.Generator) -> None:
        torch.nn.init.zeros_(weight)
        if bias is not None:
            torch.nn.init.constant_(bias, 2.0)

    found = check_initial_loss(task, PLAIN.replace(init=biased), seeds=2)
    assert not found["ok"] and "on zeroed inputs too" in found["text"]
    assert found["zeroed"] == pytest.approx([5.0, 5.0], rel=0.05), "variance 1 and a bias of 2"


def test_own_module_with_dropout_is_looked_at_without_it() -> None:
    def factory() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(10, 8), torch.nn.Dropout(0.999), torch.nn.Linear(8, 1))

    task = friedman(200)
    found = check_initial_loss(task, gf.Config(model=factory, numeric="standard"), seeds=3)
    assert found["ok"], "dropout of 0.999 would multiply what it keeps by 1000"


@pytest.mark.parametrize("classes", [2, 5])
def test_a_softmax_before_cross_entropy_is_found_out(classes: int) -> None:
    def module(*last: torch.nn.Module) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, classes), *last)

    task = blobs(300, classes)
    ends = {"softmax": [torch.nn.Softmax(1)], "nothing": [], "log-softmax": [torch.nn.LogSoftmax(1)]}
    for name, last in ends.items():
        found = check_initial_loss(task, gf.Config(model=lambda last=last: module(*last)), seeds=3)
        assert ("Leave the softmax out" in found["text"]) == (name == "softmax") != found["ok"]
        lowest = torch.nn.functional.cross_entropy(torch.eye(classes), torch.arange(classes))
        assert (f"cannot fall below {lowest:.3f}" in found["text"]) == (name == "softmax")


@pytest.mark.parametrize(
    ("expected", "data", "zeroed", "ok", "words"),
    [
        (Expected(1.0, "w", None, 0.0), 1.1, 1.0, True, "fit together"),
        (Expected(1.0, "w", None, 0.0), 2.0, 1.0, False, "badly scaled"),
        (Expected(1.0, "w", None, 0.0), 2.0, 2.0, False, "biases"),
        (Expected(1.0, "w", None, 0.0), 0.1, 1.0, False, "leak"),
        (Expected(1.0, "w", None, 0.0), 1.0, 3.0, False, "biases are not near 0"),
        (Expected(2.0, "w", 1.0, 0.0), 1.05, 1.0, True, "knows them already"),
        (Expected(5.0, "w", None, 2.0), 5.0, 5.0, False, "not centred"),
        (Expected(4e12, "w", None, 0.0, 2e6), 4e12, 4e12, False, "standard deviation is 2,000,000: networks"),
        (Expected(1e-6, "w", None, 0.0, 1e-3), 1e-2, 1e-6, False, "standard deviation is 0.001: networks"),
        (Expected(100.0, "w", None, 0.0, 10.0), 100.0, 100.0, True, "fit together"),
        (Expected(1.0, "w", None, 0.0), float("nan"), 1.0, False, "not finite"),
    ],
)
def test_every_deviation_has_its_meaning(expected: Expected, data: float, zeroed: float, ok: bool, words: str) -> None:
    found = judge_initial_loss(expected, [Untrained(data, zeroed, float("nan"), 1.0)] * 3)
    assert found["ok"] is ok and words in found["text"] and bool(found["follows"]) is not ok
