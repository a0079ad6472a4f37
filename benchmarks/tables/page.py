"""The page: gains with intervals, what they say, and what was decided."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from datasets import NAMED, OTHERS
from ideas import DECISIONS, IDEAS, MIXTURES
from pools import MOST, POOLS, RATES, trainings

from goodfit.ensemble import SELECTIONS
from goodfit.paired import LEVEL, t_interval

Lost = dict[str, float]
"""`loss` and, for classes, `error`, on the judging part."""
Found = dict[str, Lost]
"""By idea or set of candidates."""
Kept = dict[str, dict[str, dict[str, Found]]]
"""By data set, seed and part: `ideas` or `pools`."""
EXPLAINED = (
    "Gain: by how many per cent an idea lowers the base's loss (RMSE; log-loss of averaged probabilities) on the judging "
    "part, mean over the seeds. In brackets the 95 % interval of the mean over data sets (Student's t, a data set counts "
    "once; the intervals of a column hold together, by Bonferroni). Decided on the data sets that `benchmarks/quality` does not judge on; of those that it does, only rows outside of "
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


def overall(kept: Kept, part: str, name: str, names: Iterable[str], rows: int, what: str = "loss") -> str:
    """Return the mean gain over data sets with its interval, widened by the number of rows that stand together."""
    means = _means(kept, part, name, names, what)
    if len(means) < 2:
        return ""
    mean, low, high = t_interval(means, 1 - (1 - LEVEL) / rows)
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


def _verdicts(kept: Kept, ideas: list[str]) -> Iterator[str]:
    yield "| idea | splits | mean gain % | median | better on | error rate, gain % | named elsewhere | verdict |"
    yield "|---|---|---|---|---|---|---|---|"
    for idea in ideas:
        means = _means(kept, "ideas", idea, OTHERS)
        if not means:
            continue
        yield (
            f"| {idea} | {sum(len(gains(kept, name, 'ideas', idea)) for name in OTHERS)} | {overall(kept, 'ideas', idea, OTHERS, len(ideas))} | {np.median(means):+.1f} "
            f"| {sum(mean > 0 for mean in means)} of {len(means)} | {overall(kept, 'ideas', idea, OTHERS, len(ideas), 'error')} "
            f"| {overall(kept, 'ideas', idea, NAMED, len(ideas))} | {DECISIONS.get(idea, '')} |"
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
    yield (
        f"Every set trains its ways at {len(RATES)} rates and several seeds; of each at most {MOST} networks are averaged, "
        f"chosen on the validation part in several ways (docs/ensembles.md). Gain over *{pools[0]}*, which is what the recipe does."
    )
    yield ""
    shown = [selection for selection in SELECTIONS if selection != "single"]
    yield "| set | networks | " + " | ".join(shown) + " |"
    yield "|---|---|" + "---|" * len(shown)
    for name in POOLS:
        cells = [overall(kept, "pools", f"{name}: {selection}", OTHERS, len(POOLS)) for selection in shown]
        yield f"| {name} | {trainings(name)} | " + " | ".join(cells) + " |"
