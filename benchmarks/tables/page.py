"""The page: gains with intervals, what they say, and what was decided."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from datasets import NAMED, OTHERS
from ideas import DECISIONS, IDEAS, MIXTURES

from goodfit.paired import t_interval

Lost = dict[str, float]
"""`loss` and, for classes, `error`, on the judging part."""
Found = dict[str, Lost]
"""By idea or set of candidates."""
Kept = dict[str, dict[str, dict[str, Found]]]
"""By data set, seed and part: `ideas` or `pools`."""
EXPLAINED = (
    "Gain: by how many per cent an idea lowers the base's loss (RMSE; log-loss of averaged probabilities) on the judging "
    "part, mean over the seeds. In brackets the 95 % interval of the mean over data sets (Student's t, a data set counts "
    "once). Decided on the data sets that `benchmarks/quality` does not judge on; of those that it does, only rows outside of "
    "its test part (at seed 0) are used, and they are shown beside."
)


def gains(kept: Kept, data: str, part: str, name: str, what: str = "loss") -> list[float]:
    """Return by how many per cent one lowers the loss (or error) of the first of its part, for every seed."""
    found = []
    for parts in kept.get(data, {}).values():
        lost = parts.get(part, {})
        if name in lost and what in lost[name] and (base := lost[next(iter(lost))][what]) > 0:
            found.append(100 * (1 - lost[name][what] / base))
    return found


def overall(kept: Kept, part: str, name: str, names: Iterable[str], what: str = "loss") -> str:
    """Return the mean gain over data sets with its interval."""
    means = _means(kept, part, name, names, what)
    if len(means) < 2:
        return ""
    mean, low, high = t_interval(means)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def write(kept: Kept, about: str, path: Path) -> None:
    """Write the page: verdicts, then gains on every data set, then the sets of candidates."""
    ideas = [name for name in (*IDEAS, *MIXTURES) if name != "base" and _means(kept, "ideas", name, kept)]
    pools = list(dict.fromkeys(name for seeds in kept.values() for parts in seeds.values() for name in parts["pools"]))
    lines = ["# Ideas for tables", "", about, "", EXPLAINED, "", "## Verdicts", "", *_verdicts(kept, ideas)]
    for title, names in (("Gains on data sets that decide", OTHERS), ("Gains on those named elsewhere", NAMED)):
        lines += ["", f"## {title}", "", *_each(kept, "ideas", ideas, [name for name in names if name in kept])]
    if pools:
        lines += ["", "## Ways to prepare numbers as candidates of the recipe", "", *_pools(kept, pools)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _means(kept: Kept, part: str, name: str, names: Iterable[str], what: str = "loss") -> list[float]:
    return [float(np.mean(found)) for data in names if (found := gains(kept, data, part, name, what))]


def _verdicts(kept: Kept, ideas: Iterable[str]) -> Iterator[str]:
    yield "| idea | data sets | mean gain % | median | better on | error rate, gain % | named elsewhere | verdict |"
    yield "|---|---|---|---|---|---|---|---|"
    for idea in ideas:
        means = _means(kept, "ideas", idea, OTHERS)
        if not means:
            continue
        yield (
            f"| {idea} | {len(means)} | {overall(kept, 'ideas', idea, OTHERS)} | {np.median(means):+.1f} "
            f"| {sum(mean > 0 for mean in means)} | {overall(kept, 'ideas', idea, OTHERS, 'error')} "
            f"| {overall(kept, 'ideas', idea, NAMED)} | {DECISIONS.get(idea, '')} |"
        )
    yield ""
    yield from (f"- *{name}*: {idea.about}." for name, idea in IDEAS.items())


def _each(kept: Kept, part: str, names: Iterable[str], shown: list[str]) -> Iterator[str]:
    yield "| | " + " | ".join(shown) + " |"
    yield "|---|" + "---|" * len(shown)
    for name in names:
        cells = [gains(kept, data, part, name) for data in shown]
        yield "| " + " | ".join([name, *(f"{np.mean(found):+.1f}" if found else "" for found in cells)]) + " |"


def _pools(kept: Kept, pools: list[str]) -> Iterator[str]:
    yield f"Gain over *{pools[0]}*, on the data sets that decide."
    yield ""
    yield "| set: how members are chosen | mean gain % | median | better on |"
    yield "|---|---|---|---|"
    for pool in pools[1:]:
        means = _means(kept, "pools", pool, OTHERS)
        better = sum(mean > 0 for mean in means)
        yield f"| {pool} | {overall(kept, 'pools', pool, OTHERS)} | {np.median(means):+.1f} | {better} of {len(means)} |"
