"""What a comparison says, in words."""

from typing import Any

from goodfit.wording import count, figure


def word_answer(record: dict[str, Any]) -> list[str]:
    """Return the answer in sentences: the best, whom it beats, who is undecided, what failed, how sure that is."""
    standings = record["standings"]
    best = standings[0]
    if best["n"] == 0:
        return ["Every training of every variant diverged: lower the learning rate."]
    low, high = best["interval"]
    sentences = [
        f"{best['name']} does best: {record['judged_by']} {figure(best['value'])}"
        f" ({figure(low)} to {figure(high)}, {count(best['n'], 'seed')})."
    ]
    undecided = [s["name"] for s in standings[1:] if s["verdict"] == "undecided" and s["n"]]
    worse = [s for s in standings[1:] if s["verdict"] == "worse"]
    if undecided:
        sentences.append(f"Not to be told from it with these seeds: {_listed(undecided)}.")
    if worse:
        told = [
            f"{s['name']} (by {figure(abs(s['difference']))}, {_interval(s['difference_interval'])})" for s in worse
        ]
        sentences.append(f"Worse beyond doubt: {'; '.join(told)}.")
    if not worse:
        sentences.append("No variant is worse beyond doubt.")
    broken = [f"{s['name']} {s['diverged']} of {s['diverged'] + s['n']}" for s in standings if s["diverged"]]
    if broken:
        sentences.append(f"Trainings that diverged, and are in no mean: {_listed(broken)}.")
    sentences += _rates_at_the_border(record)
    sentences.append(
        "Intervals are 95 %, Student's t over the seeds; differences are paired by seed, and their intervals hold"
        " together (Bonferroni)."
    )
    return sentences


def _rates_at_the_border(record: dict[str, Any]) -> list[str]:
    """Say which variants got the largest or smallest rate tried: what lies beyond might suit them better."""
    tried = record.get("rates") or {}
    sentences = []
    for word, end in (("largest", -1), ("smallest", 0)):
        names = [s["name"] for s in record["standings"] if s["name"] in tried and s["lr"] == tried[s["name"]][end][0]]
        if names:
            rate = figure(tried[names[0]][end][0])
            sentences.append(
                f"Best with the {word} rate tried ({rate}), and perhaps better beyond it: {_listed(names)}."
            )
    return sentences


def _listed(names: list[str]) -> str:
    """List names that may hold commas themselves."""
    return "; ".join(names) if any("," in name for name in names) else ", ".join(names)


def _interval(bounds: list[float]) -> str:
    low, high = sorted(map(abs, bounds))
    return f"{figure(low)} to {figure(high)}"
