"""The verdict in words says what the figures say, also where they are bad news or hardly any."""

from typing import Any

import numpy as np
import pytest

from goodfit.metrics import METRICS
from goodfit.recipe.judgement import FEWEST_TO_DECIDE, against, bootstrap, counting_rows
from goodfit.recipe.verdict import word_verdict


def report(
    status: str = "finished", best_epoch: int = 5, rows: int = 200, candidates: int = 8, **better: str
) -> dict[str, Any]:
    """A report of two members as far as a verdict needs it; `better` as in `against`, by baseline."""
    names = {"constant": "constant", "linear": "linear", "boosting": "gradient boosting"}
    decided = {names[key]: value for key, value in better.items()}
    verdicts = {name: decided.get(name, "network") for name in names.values()}
    values = {"network": 2.0, "undecided": 1.0, "baseline": 0.5}
    sound = {"ok": True, "text": "", "follows": ""}
    return {
        "task": {"metric": "rmse", "target": "y", "rows": {"test": rows}, "greater_is_better": False, "warnings": []},
        "status": status,
        "test": {
            "value": 1.0, "interval": [0.9, 1.1], "counting": rows, "single": {"value": 1.1},
            "against": [{"baseline": name, "better": verdict} for name, verdict in verdicts.items()],
        },
        "baselines": [
            {"name": name, "about": "the mean of the training target", "test": values[verdict], "cut": None}
            for name, verdict in verdicts.items()
        ],
        "ensemble": {"members": ["t1", "t2"]},
        "candidates": {
            "trainings": [{"id": name, "best_epoch": best_epoch, "epochs": best_epoch} for name in ("t1", "t2")],
            "curves": [{"id": name, "train_loss": [1.0, 0.9], "validation_loss": [1.0, 0.95]} for name in ("t1", "t2")],
        },
        **{step: sound for step in ("initial_loss", "overfit", "coarse", "curves")}, "pace": None,
        "optimism": {
            "apparent": 1.0, "nested": 1.0, "difference": 0.0, "low": 0.0, "high": 0.0, "rows": 100, "candidates": candidates,
            "repeats": 4,
        },
    }  # fmt: skip


def test_what_a_constant_answer_does_as_well_is_said() -> None:
    assert "nothing shows" not in word_verdict(report())["against"]
    for better, words in {"undecided": "not distinguishable from", "baseline": "worse than"}.items():
        found = word_verdict(report(constant=better))["against"]
        assert f"It is {words} always giving the same answer: by this metric, nothing shows that it has learnt" in found
    assert "Where a simpler model wins, use it." in word_verdict(report(linear="baseline"))["against"]
    assert "Where a simpler" not in word_verdict(report(linear="undecided"))["against"]


def test_a_time_limit_that_left_no_time_is_said_and_nothing_read_from_it() -> None:
    found = word_verdict(report("out of time", best_epoch=0))
    assert found["headline"].startswith("The time limit left no time to train: untrained networks predict y")
    assert not any("at their best in their last epochs" in limit for limit in found["limits"])
    assert any("at their best in their last epochs" in limit for limit in word_verdict(report())["limits"])
    late = word_verdict(report("out of time"))
    assert late["headline"].startswith("An ensemble of 2") and any(
        "ended some trainings" in limit for limit in late["limits"]
    )
    weak = report("out of time")
    weak["baselines"][2]["cut"] = "ended after 5 of 100 rounds"
    assert any("gradient boosting ended after 5 of 100 rounds" in limit for limit in word_verdict(weak)["limits"])


def test_one_candidate_is_no_choice() -> None:
    assert any("There was one candidate" in limit for limit in word_verdict(report(candidates=1))["limits"])
    assert any("among 8 candidates" in limit for limit in word_verdict(report())["limits"])


@pytest.mark.parametrize("rows", [1, 3, FEWEST_TO_DECIDE - 1, FEWEST_TO_DECIDE])
def test_few_test_rows_decide_nothing(rows: int) -> None:
    few = rows < FEWEST_TO_DECIDE
    truth = np.arange(rows, dtype=float)
    scored = bootstrap(METRICS["rmse"], truth, {"good": truth + 0.1, "bad": truth + 5}, seed=0)
    assert against(METRICS["rmse"], scored["good"], scored["bad"])["better"] == ("undecided" if few else "network")
    found = word_verdict(report(rows=rows))["how_sure"]
    said = "1 test row is" if rows == 1 else f"{rows} test rows are"
    assert (f"{said} too few" in found) == few and ("With 95 % confidence" in found) != few


def test_rows_of_a_rare_class_are_what_counts() -> None:
    truth = (np.arange(2000) < 4).astype(int)
    right = np.eye(2)[truth]
    half = np.where(np.arange(2000)[:, None] < 1000, right, 0.5 + 0.1 * (np.arange(2) - 0.5))
    for name, rows, better in (
        ("balanced-accuracy", 8, "undecided"),
        ("roc-auc", 8, "undecided"),
        ("log-loss", 2000, "network"),
    ):
        metric = METRICS[name]
        assert counting_rows(metric, truth) == rows
        scored = bootstrap(metric, truth, {"right": right, "half": half}, seed=0, seconds=0.0)
        assert against(metric, scored["right"], scored["half"])["better"] == better
    rare = report(rows=2000)
    rare["test"]["counting"] = 8
    assert "2000 test rows, of which so few are of the rarest class" in word_verdict(rare)["how_sure"]


@pytest.mark.parametrize(
    ("nested", "greater", "said"), [(1.0, False, False), (0.5, False, True), (1.5, False, False), (1.5, True, True)]
)
def test_a_test_part_of_another_kind_is_noticed(nested: float, greater: bool, said: bool) -> None:
    found = report()
    found["optimism"]["nested"] = nested
    found["task"]["greater_is_better"] = greater
    assert any("The test part goes worse than" in limit for limit in word_verdict(found)["limits"]) == said
