"""What is told of a search: its record, JSON values, and the answer in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from goodfit.paired import Standing
from goodfit.search.domain import Choice, word
from goodfit.search.halving import rungs
from goodfit.search.importance import Importance
from goodfit.search.run import SearchResult, describe
from goodfit.search.trials import DIVERGED, FINISHED, LATE, PRUNED, Trial, best_so_far
from goodfit.wording import count, figure


def describe_search(result: SearchResult) -> dict[str, Any]:
    """Return the record of a search, from which pages and tables are made."""
    order, trials, task = result.order, result.trials, result.task
    smaller = result.smaller_is_better
    record = {
        "question": f"{' and '.join(result.space.settings)} on {task.name}: which values are best?",
        "method": order.method,
        "judged_by": "validation loss" if order.by == "loss" else f"validation {task.metric.name}",
        "smaller_is_better": smaller,
        "space": [
            {"setting": d.setting, "domain": str(d.domain), "condition": str(d.condition) if d.condition else None,
             "scale": getattr(d.domain, "scale", "choice"), "places": _places(d.domain)}
            for d in result.space.dimensions
        ],
        "seeds_of_a_trial": order.seeds,
        "seeds": [result.base.seed, result.base.seed + order.seeds + order.confirm - 1],
        "halving": {"eta": order.eta, "rungs": _rungs(result)} if order.halving else None,
        "trials": [_trial(trial) for trial in trials],
        "best_so_far": best_so_far(trials, smaller),
        "importances": importance_record(result.importances),
        "standings": [_standing(s, result.finalists[s.name]) for s in result.standings],
        "best": result.best.settings(),
        "base": result.base.settings(),
        "varied": result.space.settings,
        "epochs": result.epochs,
        "full_epochs": result.full_epochs,
        "seconds": result.seconds,
        "trainings": len(trials) * order.seeds + len(result.standings) * order.confirm,
        "notes": _notes(result),
    }  # fmt: skip
    return record | {"answer": _answer(record)}


def importance_record(found: Sequence[Importance]) -> list[dict[str, Any]]:
    """Return importances as JSON values."""
    return [
        {
            "setting": i.setting,
            "total": i.total,
            "total_interval": list(i.total_interval),
            "alone": i.alone,
            "alone_interval": list(i.alone_interval),
        }
        for i in found
    ]


def _rungs(result: SearchResult) -> list[int]:
    return list(rungs(result.base.epochs, result.order.eta))


def _places(domain: Any) -> list[str] | None:
    return [word(value) for value in domain.values] if isinstance(domain, Choice) else None


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "words": describe(trial.values),
        "values": {name: v if isinstance(v, int | float) and not isinstance(v, bool) else word(v) for name, v in trial.values.items()},
        "state": trial.state,
        "value": trial.value if np.isfinite(trial.value) else None,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "curve": [float(f"{loss:.5g}") if np.isfinite(loss) else None for loss in trial.curve],
    }  # fmt: skip


def _standing(standing: Standing, trial: Trial) -> dict[str, Any]:
    return {
        "name": standing.name,
        "trial": trial.number,
        "searched": trial.value,
        "n": len(standing.values),
        "diverged": standing.diverged,
        "value": standing.mean,
        "interval": list(standing.interval),
        "train_loss": None,
        "difference": standing.difference,
        "difference_interval": list(standing.difference_interval),
        "verdict": standing.verdict,
        "values": {str(seed): value for seed, value in standing.values.items()},
    }


def _answer(record: dict[str, Any]) -> list[str]:
    best = record["standings"][0]
    low, high = best["interval"]
    reach = f" ({figure(low)} to {figure(high)})" if best["n"] > 1 else ""
    sentences = [
        f"Best is {best['name']}: {record['judged_by']} {figure(best['value'])}{reach} over"
        f" {count(best['n'], 'seed')} that the search had not seen."
    ]
    sentences.append(
        f"In the search itself it had {figure(best['searched'])}, as the best of many a value to be distrusted."
    )
    others = record["standings"][1:]
    undecided = [s["name"] for s in others if s["verdict"] == "undecided"]
    if undecided:
        sentences.append(f"Not to be told from it with these seeds: {'; '.join(undecided)}.")
    if record["importances"]:
        sentences.append(word_importances(record["importances"]))
    sentences.append(_states(record))
    return sentences


def word_importances(found: list[dict[str, Any]]) -> str:
    """Say which setting matters most, of a record that is not empty."""
    first, *others = found
    low, high = first["total_interval"]
    text = f"{first['setting']} matters most: {first['total']:.0%} ({low:.0%} to {high:.0%}) of how the trials rank hangs on it"
    if others:
        text += ", then " + ", ".join(f"{i['setting']} {i['total']:.0%}" for i in others)
    return text + "."


def _states(record: dict[str, Any]) -> str:
    states = [trial["state"] for trial in record["trials"]]
    words = {FINISHED: "finished", PRUNED: "stopped early by halving", DIVERGED: "diverged", LATE: "ran out of time"}
    parts = ", ".join(f"{states.count(state)} {told}" for state, told in words.items() if state in states)
    text = f"Of {count(len(states), 'trial')} {parts}."
    if record["halving"]:
        text += (
            f" They trained {record['epochs']:,} epochs; without halving it would have been {record['full_epochs']:,}."
        )
    return text


def _notes(result: SearchResult) -> list[str]:
    order = result.order
    best = f"best {len(result.standings)} were" if len(result.standings) > 1 else "best was"
    notes = [
        f"Each trial is the mean of {count(order.seeds, 'training')}; all trials share their seeds. The {best} trained"
        f" again with {count(order.confirm, 'other seed')}, which {'decide' if order.confirm > 1 else 'decides'}.",
        "The seeds are new, the validation rows are not: what is best on them may be a little worse on others.",
    ]
    if order.halving:
        notes.append(
            f"Halving: at the rungs one of {order.eta} trials goes on, by the lowest validation loss so far, compared with all"
            " that came there before (Jamieson & Talwalkar 2016; Li et al. 2018)."
        )
    if result.importances:
        notes.append(
            "Importance: Sobol' indices of a random forest that predicts how trials rank (Hutter et al. 2014); mean and 90 %"
            " interval over forests that saw the trials drawn anew."
        )
    return notes
