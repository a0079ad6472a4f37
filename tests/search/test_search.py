"""`search`: its trials are plain trainings, it goes on after a kill, and the Optuna study holds what was found."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

import goodfit as gf
from goodfit.search import search
from goodfit.search.record import describe_search
from goodfit.search.run import SearchResult
from goodfit.search.trials import best_so_far, losses_to_tell, make_trial
from goodfit.training import Progress

BASE = gf.Config(width=8, epochs=4, batch_size=64, patience=None)
SPACE = {"lr": "log(1e-5, 1e-1)", "activation": ["relu", "tanh"]}


def searched(task: gf.Task, folder: Path | None = None, base: gf.Config = BASE, space: Mapping[str, Any] = SPACE,
             **order: Any) -> SearchResult:  # fmt: skip
    wanted = {"trials": 12, "confirm": 2, "finalists": 2}
    return search(task, base, space, folder=folder, **(wanted | order))


def facts(result: SearchResult) -> list[tuple[Any, ...]]:
    """Everything of the trials but the time they took; NaN as None."""
    return [
        (t.number, dict(t.values), t.config, t.state, t.value if t.value == t.value else None, t.epochs,
         tuple(v if v == v else None for v in t.curve))
        for t in result.trials
    ]  # fmt: skip


def test_trials_are_the_plain_trainings_of_their_configs(house_task: gf.Task) -> None:
    found = searched(house_task, trials=6, seeds=2)
    for trial in found.trials:
        assert trial.config == BASE.replace(**trial.values)
        runs = gf.train(gf.vary(trial.config, seed=[0, 1]), house_task)
        assert trial.by_seed == tuple(t.validation_metric for t in runs)
        assert trial.value == pytest.approx(np.mean(trial.by_seed)) and trial.epochs == 8
        assert np.mean([t.curve["validation_loss"] for t in runs], axis=0).tolist() == list(trial.curve)
    ranked = sorted(found.trials, key=lambda t: t.value)
    assert {t.number for t in found.finalists.values()} == {t.number for t in ranked[:2]}
    assert [t.config.seed for t in found.confirmed] == [2, 3], "seeds that the search has not seen"
    assert found.best in [t.config for t in ranked[:2]]
    runs = gf.train([found.best.replace(seed=seed) for seed in (2, 3)], house_task)
    assert found.standings[0].mean == pytest.approx(np.mean([t.validation_metric for t in runs]))
    inputs = house_task.raw("test")
    assert np.array_equal(found.model().predict(inputs), found.confirmed.predict(inputs))


def test_the_frame_has_a_row_per_trial(house_task: gf.Task) -> None:
    found = searched(house_task)
    frame = found.frame()
    assert len(frame) == 12 and list(frame.columns[-2:]) == ["lr", "activation"]
    assert frame["best"].tolist() == frame["value"].cummin().tolist()
    assert found.smaller_is_better and frame["state"].eq("finished").all()


def test_a_metric_that_is_better_when_larger(house_task: gf.Task) -> None:
    task = gf.Task.from_frame(house_task.raw("train").assign(price=house_task.truth("train")), "price", metric="r2")
    found = searched(task)
    assert not found.smaller_is_better
    values = [t.value for t in found.trials]
    assert max(values) in [t.value for t in found.finalists.values()]
    assert best_so_far(found.trials, smaller_is_better=False) == np.maximum.accumulate(values).tolist()
    assert found.standings[0].mean >= found.standings[1].mean
    assert describe_search(found)["judged_by"] == "validation r2"


@pytest.mark.parametrize("method", ["random", "quasi-random", "tpe", "gp"])
def test_every_method_trains(method: str, house_task: gf.Task) -> None:
    """A conditional space, with a batch that does not divide the trials."""
    space = {"lr": "log(1e-5, 1e-1)", "optimiser": ["adam", "sgd"], "momentum": "uniform(0, 0.99) if optimiser=sgd"}
    found = searched(house_task, space=space, method=method, trials=20)
    assert [t.number for t in found.trials] == list(range(20))
    assert all(("momentum" in t.values) == (t.config.optimiser == "sgd") for t in found.trials)
    assert {t.config.optimiser for t in found.trials} == {"adam", "sgd"}
    assert [i.setting for i in found.importances] and found.importances[0].setting == "lr"
    record = describe_search(found)
    assert record["answer"][0].startswith("Best is lr ") and record["trainings"] == 24


def test_the_whole_grid_or_nothing(house_task: gf.Task) -> None:
    found = searched(house_task, method="grid", trials=None, space={"lr": "log(1e-4, 1e-2, points=3)", "depth": [1, 2]})
    assert {(t.values["lr"], t.values["depth"]) for t in found.trials} == {
        (lr, d) for lr in (1e-4, 1e-3, 1e-2) for d in (1, 2)
    }
    with pytest.raises(gf.GoodfitError, match="the grid has 10 points, more than 6 trials: write fewer"):
        searched(house_task, method="grid", trials=6)


def test_diverged_trials_are_told_as_the_worst_and_never_win(house_task: gf.Task) -> None:
    found = searched(house_task, space={"lr": [1e-3, 1e-2, 1e30], "depth": [1, 2]}, method="grid", trials=None,
                     base=BASE.replace(optimiser="sgd"))  # fmt: skip
    broken = [t for t in found.trials if t.state == "diverged"]
    assert {t.values["lr"] for t in broken} == {1e30} and all(np.isnan(t.value) for t in broken)
    losses = losses_to_tell(found.trials, 1.0)
    assert np.isfinite(losses).all() and losses[broken[0].number] == max(losses)
    assert "2 diverged" in " ".join(describe_search(found)["answer"])
    with pytest.raises(gf.GoodfitError, match="all 2 trials diverged: search lower learning rates"):
        searched(house_task, space={"lr": [1e29, 1e30]}, method="grid", trials=None, base=BASE.replace(optimiser="sgd"))


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize(("method", "reports"), [("random", 2), ("tpe", 8), ("tpe", 13), ("gp", 13)])
def test_a_search_that_was_killed_goes_on_as_if_nothing_had_been(
    method: str, reports: int, house_task: gf.Task, tmp_path: Path
) -> None:
    heard: list[Progress] = []

    def listen(progress: Progress) -> None:
        heard.append(progress)
        if len(heard) == reports:
            raise Killed

    with pytest.raises(Killed):
        searched(house_task, tmp_path / "run", method=method, trials=24, on_progress=listen)
    again = searched(house_task, tmp_path / "run", method=method, trials=24)
    whole = searched(house_task, method=method, trials=24)
    assert facts(again) == facts(whole)
    assert again.standings == whole.standings and again.best == whole.best and again.importances == whole.importances
    # what a batch of the model had finished before was not trained again
    assert len(opened(tmp_path / "run").trials) == 24


def opened(folder: Path) -> optuna.Study:
    storage = f"sqlite:///{folder / 'optuna.sqlite'}"
    (name,) = [summary.study_name for summary in optuna.get_all_study_summaries(storage)]
    return optuna.load_study(study_name=name, storage=storage)


def test_a_process_that_is_killed_leaves_no_running_trial(
    house_task: gf.Task, houses_csv: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle of the third batch, then the same search in this process."""
    code = """
        import os, signal, sys, pandas as pd, goodfit as gf
        from goodfit.search import search

        begun, last = 0, float("inf")

        def listen(progress):
            global begun, last
            begun, last = begun + (progress.epoch <= last), progress.epoch
            if begun == 3 and progress.epoch > 1:
                os.kill(os.getpid(), signal.SIGKILL)

        task = gf.Task.from_frame(pd.read_csv(sys.argv[1]), "price", id="id")
        search(task, gf.Config(width=8, epochs=40, batch_size=16, patience=None), {"lr": "log(1e-5, 1e-1)"}, method="tpe",
               trials=24, batch=4, confirm=1, finalists=1, folder=sys.argv[2], on_progress=listen)
    """
    folder = tmp_path / "run"
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(houses_csv), str(folder)], timeout=300)
    assert child.returncode == -signal.SIGKILL
    before = opened(folder).trials
    assert 4 <= len(before) < 24 and {trial.state for trial in before} == {TrialState.COMPLETE}
    task = gf.Task.from_frame(pd.read_csv(houses_csv), "price", id="id")
    order: dict[str, Any] = {"base": BASE.replace(epochs=40, batch_size=16), "space": {"lr": "log(1e-5, 1e-1)"}, "method": "tpe",
                             "trials": 24, "batch": 4, "confirm": 1, "finalists": 1}  # fmt: skip
    again, whole = searched(task, folder, **order), searched(task, **order)
    assert facts(again) == facts(whole) and again.best == whole.best
    after = opened(folder).trials
    assert [trial.values for trial in after[: len(before)]] == [trial.values for trial in before]
    assert len(after) == 24 and {trial.state for trial in after} == {TrialState.COMPLETE}


def test_the_study_on_disk_opens_in_optuna_and_holds_everything(house_task: gf.Task, tmp_path: Path) -> None:
    space = {"lr": "log(1e-5, 1e-1)", "width": [[8, 4], 8], "optimiser": ["adam", "sgd"],
             "momentum": "uniform(0, 0.99) if optimiser=sgd", "batch_size": "int(16, 64, log)"}  # fmt: skip
    found = searched(house_task, tmp_path / "run", space=space, trials=18, halving=True)
    study = opened(tmp_path / "run")
    assert study.direction == optuna.study.StudyDirection.MINIMIZE and len(study.trials) == 18
    states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "diverged": TrialState.FAIL}
    for trial, stored in zip(found.trials, study.trials, strict=True):
        assert stored.state == states[trial.state] and stored.user_attrs["epochs"] == trial.epochs
        words = {**trial.values, "width": {(8, 4): "[8, 4]", 8: "8"}[trial.values["width"]]}
        assert stored.params == words
        assert stored.values == ([trial.value] if trial.state == "finished" else None)
        assert list(stored.intermediate_values.values()) == list(trial.curve)
    assert study.best_value == min(t.value for t in found.trials if t.state == "finished")
    assert (
        study.user_attrs["method"] == "random"
        and "momentum=uniform(0.0, 0.99) if optimiser=sgd" in study.user_attrs["space"]
    )
    # another sampler can go on from it
    study.sampler = optuna.samplers.TPESampler(seed=0)
    study.ask()


def test_another_search_is_kept_out_of_the_folder_and_a_longer_one_goes_on(house_task: gf.Task, tmp_path: Path) -> None:
    searched(house_task, tmp_path / "run", method="tpe")
    with pytest.raises(gf.GoodfitError, match="holds another search, whose method is tpe: choose another folder"):
        searched(house_task, tmp_path / "run")
    with pytest.raises(gf.GoodfitError, match="holds another search, whose settings is"):
        searched(house_task, tmp_path / "run", method="tpe", base=BASE.replace(width=9))
    longer = searched(house_task, tmp_path / "run", method="tpe", trials=20)
    assert facts(longer) == facts(searched(house_task, method="tpe", trials=20))
    assert len(opened(tmp_path / "run").trials) == 20


def test_a_longer_halved_search_is_another_one(house_task: gf.Task, tmp_path: Path) -> None:
    """Who is stopped depends on who else is in the batch, so trials that were kept may have been stopped otherwise."""
    searched(house_task, tmp_path / "run", halving=True)
    with pytest.raises(gf.GoodfitError, match="holds another search, whose trials is 12: choose another folder"):
        searched(house_task, tmp_path / "run", halving=True, trials=20)


@pytest.mark.parametrize("halving", [False, True])
def test_the_same_trial_twice_is_no_obstacle(halving: bool, house_task: gf.Task, tmp_path: Path) -> None:
    """Random search over few choices repeats itself."""
    few: dict[str, Any] = {"space": {"lr": [1e-4, 1e-3, 1e-2, 1e-1]}, "halving": halving, "seeds": 2}
    found = searched(house_task, tmp_path / "run", **few)
    by_lr = {t.values["lr"]: (t.value, t.state) for t in found.trials}
    assert len(by_lr) == 4 and all(by_lr[t.values["lr"]] == (t.value, t.state) for t in found.trials)
    assert facts(searched(house_task, tmp_path / "run", **few)) == facts(found)


def test_a_time_limit_is_kept_and_something_is_found(house_task: gf.Task) -> None:
    searched(house_task, trials=2)  # whatever is compiled or measured is by now
    began = time.process_time()  # of this process alone, so that a busy machine does not matter
    found = searched(house_task, base=BASE.replace(epochs=100_000), trials=8, time_limit=3)
    assert time.process_time() - began < 60, "minutes without a limit"
    assert {t.state for t in found.trials} == {"out of time"} and found.standings[0].values
    assert found.best.lr > 0 and "8 ran out of time" in " ".join(describe_search(found)["answer"])


def test_one_finalist_with_one_seed_can_be_told(house_task: gf.Task) -> None:
    record = describe_search(searched(house_task, finalists=1, confirm=1))
    assert record["standings"][0]["n"] == 1 and "over 1 seed that" in record["answer"][0]
    assert "The best was trained again with 1 other seed, which decides." in record["notes"][0]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"trials": 0}, "trials is 0: it must be at least 1"),
        ({"seeds": 0}, "seeds is 0: it must be at least 1"),
        ({"batch": 0}, "batch is 0"),
        ({"confirm": 0}, "confirm is 0"),
        ({"finalists": 0}, "finalists is 0"),
        ({"by": "luck"}, "by is 'luck': trials are judged by 'metric' or 'loss'"),
        ({"method": "tpi"}, r"method 'tpi' is unknown \(did you mean 'tpe'\?\)"),
        ({"space": {"activation": ["relu", "rellu"]}}, "rellu"),
        ({"space": {"init": ["default", "normal(0, -1)"]}}, "std must not be negative"),
        ({"space": {"label_smoothing": "uniform(0, 0.2)"}}, "label_smoothing"),
    ],
)
def test_mistakes_cost_no_training(order: dict[str, Any], message: str, house_task: gf.Task, tmp_path: Path) -> None:
    with pytest.raises(gf.GoodfitError, match=message) as caught:
        searched(house_task, tmp_path / "run", **order)
    assert "\n" not in str(caught.value)


def test_a_task_without_validation_cannot_judge(houses: pd.DataFrame) -> None:
    task = gf.Task.from_frame(houses, "price", id="id", validation=0)
    with pytest.raises(gf.GoodfitError, match="the validation part has no rows: give it a share above 0"):
        searched(task)


def test_a_trial_of_which_one_seed_diverged_has_diverged(house_task: gf.Task) -> None:
    good = gf.train(BASE, house_task)[0]
    bad = gf.train(BASE.replace(lr=1e30, optimiser="sgd"), house_task)[0]
    trial = make_trial(0, {}, [good, bad], "metric")
    assert trial.state == "diverged" and np.isnan(trial.value) and trial.by_seed[0] == good.validation_metric
