"""The verdict in plain words: how good, how sure, against the baselines, and what limits it."""

from typing import Any

from goodfit.recipe.judgement import FEWEST_TO_DECIDE
from goodfit.recipe.pace import is_short
from goodfit.wording import count, figure

UNITS_BETTER = {True: "higher is better", False: "lower is better"}


def word_verdict(report: dict[str, Any]) -> dict[str, Any]:
    """Return headline, how_good, how_sure, against and limits from the parts of a report."""
    task, test = report["task"], report["test"]
    metric, value, (low, high) = task["metric"], test["value"], test["interval"]
    rows = task["rows"]["test"]
    members = len(report["ensemble"]["members"])
    made_of = f"An ensemble of {count(members, 'network')}" if members > 1 else "One network"
    headline = f"{made_of} predicts {task['target']} with a test {metric} of {figure(value)}."
    how_good = f"{headline} On the same rows, one network alone reaches {figure(test['single']['value'])}."
    how_sure = (
        f"With 95 % confidence the {metric} on rows like these lies between {figure(low)} and {figure(high)} "
        f"({rows} test rows, looked at once; {UNITS_BETTER[task['greater_is_better']]})."
    )
    if test["counting"] < FEWEST_TO_DECIDE:
        few = count(rows, "test row")
        if test["counting"] < rows:
            few += f", of which so few are of the rarest class that the {metric} rests on about {test['counting']},"
        how_sure = (
            f"{few} {'is' if rows == 1 else 'are'} too few to say how sure this is: drawn anew from them, the {metric} lies between "
            f"{figure(low)} and {figure(high)} in 95 % of the draws, on new rows less often, and no model is called better than another "
            f"({UNITS_BETTER[task['greater_is_better']]})."
        )
    if _untrained(report):
        headline = f"The time limit left no time to train: untrained networks predict {task['target']} with a test {metric} of {figure(value)}."
    return {
        "headline": headline,
        "how_good": _against_constant(report) or how_good,
        "how_sure": how_sure,
        "against": _against(report),
        "limits": _limits(report),
    }


def _against_constant(report: dict[str, Any]) -> str | None:
    constant = next((b for b in report["baselines"] if b["name"] == "constant"), None)
    if constant is None or constant.get("test") is None:
        return None
    test, metric = report["test"], report["task"]["metric"]
    answer = constant["about"].split(",")[0]
    text = f"The test {metric} is {figure(test['value'])}; always answering {answer} gives {figure(constant['test'])}."
    return text + f" One network alone reaches {figure(test['single']['value'])}."


def _against(report: dict[str, Any]) -> str:
    words = {"network": "better than", "baseline": "worse than", "undecided": "not distinguishable from"}
    values = {b["name"]: b["test"] for b in report["baselines"]}
    parts = [
        f"{words[row['better']]} {row['baseline']} ({figure(values[row['baseline']])})"
        for row in report["test"]["against"]
        if row["baseline"] != "constant"
    ]
    text = "The network is " + " and ".join(parts) + "." if parts else "There is no baseline to compare with."
    constant = next((row for row in report["test"]["against"] if row["baseline"] == "constant"), None)
    if constant and constant["better"] != "network":
        short = words[constant["better"]]
        text += (
            f" It is {short} always giving the same answer: by this metric, nothing shows that it has learnt anything."
        )
    if any(row["better"] == "baseline" for row in report["test"]["against"]):
        text += " Where a simpler model wins, use it."
    return text


def _limits(report: dict[str, Any]) -> list[str]:
    limits = [warning["text"] for warning in report["task"]["warnings"]]
    gap = _overfitting(report)
    if gap:
        limits.append(gap)
    still = _still_improving(report)
    if still:
        limits.append(still)
    if report["pace"] and is_short(report["pace"]):
        limits.append(report["pace"]["text"])
    if report["status"] == "out of time" and not _untrained(report):
        limits.append("The time limit ended some trainings early: more time may give a better model.")
    limits += [
        f"The time limit was short also for the simple models: {b['name']} {b['cut']}, so it is a weaker rival than it could be."
        for b in report["baselines"]
        if b.get("cut")
    ]
    if report["status"] == "interrupted":
        limits.append("The run was interrupted: what had been trained was judged, and 'goodfit resume' goes on.")
    for step in ("initial_loss", "overfit", "coarse", "curves"):
        found = report[step]
        if not found["ok"]:
            limits.append(f"{found['text']} {found['follows']}")
    elsewhere = _worse_elsewhere(report)
    if elsewhere:
        limits.append(elsewhere)
    limits.append(word_optimism(report))
    return limits


def _worse_elsewhere(report: dict[str, Any]) -> str | None:
    """The test part goes worse than nested selection says, by more than the noise of both: its rows are of another kind."""
    test, found = report["test"], report["optimism"]
    (low, high), rows = test["interval"], report["task"]["rows"]["test"]
    # the test part's half width, widened by the noise of the rows that chose
    noise = (high - low) / 2 * (1 + rows / found["rows"]) ** 0.5
    worse = (found["nested"] - test["value"]) * (1 if report["task"]["greater_is_better"] else -1)
    if worse <= noise or test["counting"] < FEWEST_TO_DECIDE:
        return None
    return (
        f"The test part goes worse than the rows that chose ({figure(found['nested'])} by nested selection), beyond noise: its rows "
        "differ from those, as later ones or other groups do. Expect as much of new rows."
    )


def word_optimism(report: dict[str, Any]) -> str:
    """Say by how much the choice of settings and members flatters the figures on the rows that chose."""
    found, metric = report["optimism"], report["task"]["metric"]
    if found["candidates"] == 1:
        return (
            f"There was one candidate, so that the {found['rows']} rows by which it was judged chose nothing but when each "
            "training stopped. The test figure has no part in any choice."
        )
    text = f"Settings and members were chosen by {found['rows']} rows among {found['candidates']} candidates: "
    if found["difference"] <= 0 or found["low"] <= 0 <= found["high"]:
        text += f"nested selection finds no flattery beyond noise ({figure(found['nested'])} for {figure(found['apparent'])})"
    else:
        text += (
            f"on these rows the {metric} of {figure(found['apparent'])} is too good by about {figure(found['difference'])} "
            f"({figure(found['low'])} to {figure(found['high'])} over {found['repeats']} repeats of a nested selection)"
        )
    return text + ". The test figure has no part in any choice."


def _chosen_curves(report: dict[str, Any]) -> list[dict[str, Any]]:
    members = set(report["ensemble"]["members"])
    return [curve for curve in report["candidates"]["curves"] if curve["id"] in members]


def _untrained(report: dict[str, Any]) -> bool:
    """Whether the time limit ended every member before its first epoch."""
    best = {t["id"]: t["best_epoch"] for t in report["candidates"]["trainings"]}
    return report["status"] == "out of time" and not any(best[name] for name in report["ensemble"]["members"])


def _overfitting(report: dict[str, Any]) -> str | None:
    """Training loss less than half the validation loss at the end: the networks know their rows by heart."""
    ends = [(c["train_loss"][-1], c["validation_loss"][-1]) for c in _chosen_curves(report)]
    ends = [(t, v) for t, v in ends if t is not None and v is not None]
    if not ends or sum(t < 0.5 * v for t, v in ends) <= len(ends) / 2:
        return None
    return (
        "At the end the training loss is less than half the validation loss: the networks fit their rows much better "
        "than new ones. More rows, or stronger regularisation, would help more than a larger network."
    )


def _still_improving(report: dict[str, Any]) -> str | None:
    if report["status"] != "finished":
        return None  # how the curves would have ended nobody knows
    best = {t["id"]: (t["best_epoch"], t["epochs"]) for t in report["candidates"]["trainings"]}
    at_end = [best[c["id"]][0] >= 0.97 * best[c["id"]][1] for c in _chosen_curves(report)]
    if not at_end or sum(at_end) <= len(at_end) / 2 or _overfitting(report):
        return None
    return "Most members were at their best in their last epochs: a longer training (--preset best) may still gain."
