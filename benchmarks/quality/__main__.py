"""`goodfit train` with a preset beside other models, on several data sets split several times; writes a table.

    python benchmarks/quality                      # all data that can be split repeatedly; writes benchmarks/quality.md
    python benchmarks/quality --data california-housing/published --splits 1 --append
    python benchmarks/quality --data wine --splits 2 --peers linear,LightGBM --out somewhere.md

Every model sees the same rows of a split. A difference counts where the 95 % interval of the paired differences over
the splits leaves zero out. The test part is looked at once, by this table.
"""

import argparse
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from datasets import DATA, PUBLISHED
from peers import PEERS

import goodfit as gf
from goodfit.paired import t_interval
from goodfit.recipe import Recipe, run_recipe
from goodfit.training import RunFolder
from goodfit.wording import count, figure

HERE = Path(__file__).parent
OURS = "goodfit"


def train_ours(task: gf.Task, recipe: Recipe) -> float:
    """Return the test metric of a whole run, as `goodfit train` does it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch) / "run")
        report = run_recipe(task, recipe, folder, "")
    return float(report["test"]["value"])


def measure(name: str, splits: int, recipe: Recipe, peers: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    """Return for every model its test metric and seconds on each split; a model that fails gets NaN and is named."""
    found: dict[str, list[tuple[float, float]]] = {model: [] for model in (OURS, *peers)}
    for seed in range(splits):
        task = DATA[name](seed)
        for model in found:
            value, seconds = _timed(_contest(model, task, replace(recipe, seed=seed)))
            found[model].append((value, seconds))
            print(f"{name}, split {seed}: {model} {figure(value)} in {seconds:.0f} s", flush=True)
    return found


def _contest(model: str, task: gf.Task, recipe: Recipe) -> Callable[[], float]:
    if model == OURS:
        return lambda: train_ours(task, recipe)
    return lambda: task.score(PEERS[model](task, recipe.seed), "test")


def _timed(contest: Callable[[], float]) -> tuple[float, float]:
    started = time.monotonic()
    try:
        value = contest()
    except ImportError as missing:
        print(f"left out: {missing}", flush=True)
        value = float("nan")
    return value, time.monotonic() - started


def table(results: dict[str, dict[str, list[tuple[float, float]]]], tasks: dict[str, gf.Task]) -> list[str]:
    """Return the Markdown table: metric with seconds, and against each peer whether goodfit is better."""
    models = list(next(iter(results.values())))
    lines = ["| " + " | ".join(["data", "metric", *models]) + " |", "|" + "---|" * (len(models) + 2)]
    for name, found in results.items():
        metric = tasks[name].metric
        ours = np.array([value for value, _ in found[OURS]])
        cells = [
            _cell(found[model]) + _standing(ours, found[model], metric.greater_is_better, model) for model in models
        ]
        lines.append("| " + " | ".join([name, metric.name, *cells]) + " |")
    return lines


def _cell(rows: list[tuple[float, float]]) -> str:
    mean, low, high = t_interval([value for value, _ in rows])
    seconds = np.mean([spent for _, spent in rows])
    spread = f" ± {figure((high - low) / 2)}" if len(rows) > 1 else ""
    return f"{figure(mean)}{spread} ({seconds:.0f} s)"


def _standing(ours: np.ndarray, rows: list[tuple[float, float]], greater: bool, model: str) -> str:
    theirs = np.array([value for value, _ in rows])
    if model == OURS or len(ours) < 2:
        return ""
    _, low, high = t_interval((ours - theirs) * (1 if greater else -1))
    return " ▲" if low > 0 else " ▼" if high < 0 else " ="


def main() -> None:
    """Measure and write."""
    warnings.simplefilter("ignore")  # the peers warn of each other's newer versions
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default=",".join(name for name in DATA if name != PUBLISHED))
    options.add_argument("--splits", type=int, default=5)
    options.add_argument("--preset", default="default")
    options.add_argument("--minutes", type=float, help="time limit of one run of goodfit")
    options.add_argument("--peers", default=",".join(PEERS))
    options.add_argument("--out", type=Path, default=HERE.parent / "quality.md")
    options.add_argument("--append", action="store_true", help="add to what the file holds")
    asked = options.parse_args()
    before = asked.out.read_text(encoding="utf-8") if asked.append and asked.out.exists() else "# Quality\n"
    limit = "" if asked.minutes is None else f" within {asked.minutes:g} minutes"
    about = (
        f"goodfit {gf.__version__}, preset {asked.preset}{limit}, {count(asked.splits, 'split')} (seeds), "
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}. Mean over the splits ± half "
        "the width of its 95 % interval (Student's t), seconds of one fit. ▲ goodfit is better than this model beyond "
        "noise, ▼ worse, = not to be told (paired over the splits)."
    )
    recipe = Recipe(asked.preset, time_limit=None if asked.minutes is None else 60 * asked.minutes)
    results, lines = {}, []
    for name in (name.strip() for name in asked.data.split(",")):
        results[name] = measure(name, asked.splits, recipe, asked.peers.split(","))
        lines = table(results, {name: DATA[name](0) for name in results})
        # after each data set, so that an interrupt loses only the present one
        asked.out.write_text("\n".join([before, about, "", *lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
