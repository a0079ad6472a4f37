"""Each idea for networks of tables against the same base, on many data sets; writes a table.

    python benchmarks/tables                        # hours on a busy machine; not timed on a quiet one; writes benchmarks/tables.md
    python benchmarks/tables --data ames,cells --ideas piecewise,PReLU --seeds 0,1 --out somewhere.md

For every data set and seed (which draws the rows that train, validate and judge) an idea is trained at each rate, several
networks each; the validation part chooses the rate, and the average of that rate's networks is judged on the judging part,
which plays no role before. Then sets of ways to prepare numbers are compared as candidates of the recipe. What is measured
is kept in a file and not measured again.
"""

import argparse
import json
import platform
import time
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from datasets import DATA, OTHERS
from ideas import IDEAS, MIXTURES, Idea
from page import Found, Lost, write
from pools import predictions

import goodfit as gf
from goodfit.metrics import log_loss
from goodfit.recipe.presets import PRESETS, base_config
from goodfit.runs import Runs

HERE = Path(__file__).parent
RATES = (1e-3, 3e-3, 1e-2)
NETWORKS = 2
WIDTH, STEPS = 64, 1000


def base_of(task: gf.Task, seed: int) -> gf.Config:
    """Return the config of preset `default`, smaller and shorter, with quantile-coded numbers."""
    preset = replace(PRESETS["default"], steps=STEPS, width=WIDTH)
    return base_config(preset, task, seed, {"numeric": "quantile"})


def apart(task: gf.Task, idea: Idea, seed: int) -> np.ndarray:
    """Return what each network of the rate that the validation part likes best predicts for the judging part, [M, ...]."""
    task = idea.table(task)
    config = base_of(task, seed).replace(**idea.settings)
    config = config.replace(**idea.make(task, config))
    first = 100 * seed
    runs = gf.train(gf.vary(config, lr=RATES, seed=range(first, first + NETWORKS)), task)
    best = min(runs.group("lr").values(), key=_loss)
    if idea.times > 1:
        more = range(first + NETWORKS, first + NETWORKS * idea.times)
        best = best + gf.train(gf.vary(best[0].config, seed=more), task)
    return np.stack([Runs(task, [training]).predict(task.raw("test")) for training in best])


def _loss(runs: Runs) -> float:
    losses = [t.validation_loss for t in runs]
    return float(np.mean(losses)) if np.isfinite(losses).all() else np.inf


def measure_ideas(task: gf.Task, seed: int, ideas: Iterable[str], known: Found) -> Found:
    """Return `known` and what each further idea, and each mixture of ideas that were trained for it, loses."""
    found, networks = dict(known), {}
    for idea in ideas:
        if idea not in known and not (IDEAS[idea].classes and task.kind == "regression"):
            networks[idea] = apart(task, IDEAS[idea], seed)
            found[idea] = judged(task, networks[idea].mean(0))
    for mixture, parts in MIXTURES.items():
        if all(part in networks for part in parts):
            members = [networks[parts[k % len(parts)]][k] for k in range(NETWORKS)]
            found[mixture] = judged(task, np.mean(members, axis=0))
    return found


def judged(task: gf.Task, prediction: np.ndarray) -> Lost:
    """Return what is lost on the judging part: RMSE; or log-loss and error rate."""
    truth = task.truth("test")
    if task.kind == "regression":
        return {"loss": float(np.sqrt(np.mean((truth - prediction) ** 2)))}
    return {"loss": log_loss(truth, prediction), "error": float(np.mean(prediction.argmax(1) != truth))}


def measure(name: str, seed: int, ideas: Iterable[str], known: dict[str, Found]) -> dict[str, Found]:
    """Return what is lost on a data set by the ideas and, where it decides, by the sets of candidates."""
    wanted = [idea for idea in ideas if name in (IDEAS[idea].only or DATA)]
    task = DATA[name](seed)
    found = {"ideas": measure_ideas(task, seed, wanted, known.get("ideas", {})), "pools": known.get("pools", {})}
    if name in OTHERS and not found["pools"]:
        together = predictions(task, base_of(task, seed), seed)
        found["pools"] = {pool: judged(task, prediction) for pool, prediction in together.items()}
    return found


def main() -> None:
    """Measure and write."""
    warnings.simplefilter("ignore")
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default=",".join(DATA), help="none: only write what is measured already")
    options.add_argument("--ideas", default=",".join(IDEAS))
    options.add_argument("--seeds", default="0,1")
    options.add_argument("--out", type=Path, default=HERE.parent / "tables.md")
    options.add_argument("--kept", type=Path, default=HERE / "measured.json", help="what is measured already")
    asked = options.parse_args()
    data, ideas = ([] if names == "none" else names.split(",") for names in (asked.data, asked.ideas))
    for unknown in ({*data} - {*DATA}) | ({*ideas} - {*IDEAS}):
        options.error(f"'{unknown}' is neither a data set nor an idea: choose of {', '.join((*DATA, *IDEAS))}")
    kept = json.loads(asked.kept.read_text(encoding="utf-8")) if asked.kept.exists() else {}
    for seed in asked.seeds.split(","):
        for name in data:
            started = time.monotonic()
            try:
                found = measure(name, int(seed), ideas, kept.get(name, {}).get(seed, {}))
            except (gf.GoodfitError, OSError) as why:
                print(f"{name} is left out: {why}", flush=True)
                continue
            kept.setdefault(name, {})[seed] = found
            asked.kept.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            print(f"{name}, seed {seed}: {time.monotonic() - started:.0f} s", flush=True)
    about = (
        f"`python benchmarks/tables`: goodfit {gf.__version__}, Python {platform.python_version()} ({platform.machine()}). "
        f"Networks of two hidden layers of {WIDTH} units, {STEPS} steps of preset `default`'s config; each idea at the rates "
        f"{', '.join(f'{rate:g}' for rate in RATES)}, of which the validation part chooses; {NETWORKS} networks averaged."
    )
    write(kept, about, asked.out)


if __name__ == "__main__":
    main()
