"""The population engine beside other ways to train many networks: `python benchmarks/engine`, about 20 minutes.

Writes benchmarks/results.md. Needs the extra `bench`. `--quick` takes short rounds, to see that all of it runs;
`--work N` (0 to 3) measures one work and prints it.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch
from contestants import JAX, OURS, PLAIN, TUNED, contestants
from rounds import Entrant, clean_environment, compete
from works import NAMES, Work, find_work

HERE = Path(__file__).parent
TARGET = HERE.parent / "results.md"
BOUNDS = HERE / "bounds.md"
PEAK, PEAK_ROUNDED = "peak float32", "peak bfloat16"
SECONDS = (1.0, 1.0, 1.5, 4.0)
"""Length of a round for each work: long enough that what is done once for each network matters little."""
REQUIRED = {
    0: "required: 1000x (a), 8x JAX; a user's module 100x (a). Stretch: 4000x, 30x",
    1: "required: 7.5x (a) in float32, 12x in bfloat16, 1.3x JAX. Stretch: 12x, 20x",
    2: "required: 5x (a) in float32, 8x in bfloat16, 1.6x JAX. Stretch: 9x, 15x",
    3: "required: 2.5x (a), 1.3x (b). Stretch: 10x, 6x",
}


def main() -> None:
    """Measure, and write the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--work", type=int, choices=range(4))
    given = options.parse_args()
    rounds, longer = (2, 0.2) if given.quick else (4, 1.0)
    numbers = range(4) if given.work is None else [given.work]
    sections = [_work_section(number, rounds, longer * SECONDS[number]) for number in numbers]
    if given.work is not None:
        print("\n\n".join(sections))
        return
    sections += [_growth_section(), _question_section(), BOUNDS.read_text(encoding="utf-8")]
    text = "\n\n".join([_introduction(rounds), *sections]).rstrip() + "\n"
    TARGET.write_text(text, encoding="utf-8")
    print(f"written: {TARGET}")


def _introduction(rounds: int) -> str:
    names = ("torch", "numba", "numpy", "jax", "optax", "scikit-learn", "joblib")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        "# The population engine\n\n"
        f"`make bench`, {date.today()}: {platform.machine()} with {torch.get_num_threads()} cores ({_processor()}),"
        f" Python {platform.python_version()}, {versions}.\n\n"
        f"Contestants run in processes of their own and take turns in {rounds} rounds of 1 to 4 seconds, with no"
        " settings of the linear-algebra libraries in the environment. Figures are medians; the range is that of the"
        " rounds. A network-step is one optimiser step of one network. GFLOP/s counts the matrix products only;"
        " the peak is `torch.mm` of 2048 x 2048 in the same rounds. First use is the time from making the networks to"
        " three steps taken, compiling included, and again in another process."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def _work_section(number: int, rounds: int, seconds: float) -> str:
    work = find_work(number)
    print(work.name, file=sys.stderr, flush=True)
    entrants = compete(number, [*contestants(work), PEAK, PEAK_ROUNDED], rounds, seconds)
    found = {entrant.name: entrant for entrant in entrants}
    rows = [_row(entrant, found, work) for entrant in entrants if not entrant.name.startswith("peak")]
    peaks = ", ".join(
        f"{1 / found[name].seconds:.0f} GFLOP/s in {name.removeprefix('peak ')}" for name in (PEAK, PEAK_ROUNDED)
    )
    return (
        f"## {work.name}\n\n{work.members} networks where they train together; {REQUIRED[number]}."
        f" Peak of matrix products: {peaks}.\n\n"
        "| | ms a network-step | range | x (a) | x (b) | x JAX | GFLOP/s | of peak | first use, s | again, s |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n" + "\n".join(rows)
    )


def _row(entrant: Entrant, found: dict[str, Entrant], work: Work) -> str:
    if not entrant.each:
        return f"| {entrant.name} | does not run: {entrant.failure.replace('|', '/')} |" + " |" * 8
    each = entrant.seconds
    ratios = [
        f"{found[base].seconds / each:.3g}" if base in found and found[base].each else ""
        for base in (PLAIN, TUNED, JAX)
    ]
    speed = work.flops() / each / 1e9
    peak = 1 / found[PEAK_ROUNDED if "bfloat16" in entrant.name else PEAK].seconds
    name = f"**{entrant.name}**" if entrant.name.startswith(OURS) else entrant.name
    times = [f"{1e3 * value:.3g}" for value in (each, min(entrant.each), max(entrant.each))]
    cells = [name, times[0], f"{times[1]} – {times[2]}", *ratios, f"{speed:.3g}", f"{speed / peak:.0%}",
             f"{entrant.first_use:.1f}", f"{entrant.first_use_again:.1f}"]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _growth_section() -> str:
    tables = {name: _answer("growth.py", str(number)) for number, name in enumerate(NAMES)}
    counts = list(next(iter(tables.values())))
    lines = ["## Growth with the number of networks", "", "Microseconds a network-step, resident kernel.", ""]
    lines += ["| networks | " + " | ".join(counts) + " |", "|---" * (len(counts) + 1) + "|"]
    for name, table in tables.items():
        lines.append(f"| {name} | " + " | ".join(f"{1e6 * table[count]:.3g}" for count in counts) + " |")
    return "\n".join(lines)


def _question_section() -> str:
    found = _answer("question.py")
    return (
        "## A whole question\n\n"
        "Which of 8 initialisers is best on Fashion-MNIST (784-256-128-10, dropout 0.2, Adam, batch 100, 48,000 images),"
        f" 8 seeds each, 2 epochs? goodfit answers in **{found['goodfit']:.0f} s**. The tutorial's loop takes"
        f" {found['loop']:.0f} s for one of these trainings, {64 * found['loop'] / 60:.0f} minutes for the 64"
        f" ({64 * found['loop'] / found['goodfit']:.0f} times as long).\n\n```\n{found['answer']}\n```"
    )


def _answer(script: str, *arguments: str) -> dict:  # type: ignore[type-arg]
    print(script, *arguments, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(Path(folder))
        del environment["NUMBA_CACHE_DIR"]
        command = [sys.executable, "-W", "ignore", str(HERE / script), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
