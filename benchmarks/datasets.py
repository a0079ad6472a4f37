"""`goodfit train` with the default preset on five data sets: test metric beside each simple model, time and memory.

    python benchmarks/datasets.py            # about twenty minutes on two cores; writes benchmarks/datasets.md

Data that are not here (see GOODFIT_DATA) are left out, and the table says so.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import goodfit as gf
from goodfit.data.download import data_folder
from goodfit.wording import figure

HERE = Path(__file__).parent
TABLES = {"titanic.csv": "Survived", "housing.csv": "median_house_value"}
HEADER = [
    "data",
    "rows",
    "metric",
    "goodfit",
    "95 % interval",
    "one network",
    "constant",
    "linear",
    "gradient boosting",
    "seconds",
    "peak MB",
]


def commands() -> dict[str, list[str]]:
    """Return the arguments of `goodfit train` for every data set."""
    found = {name: [name] for name in ("california-housing", "digits")}
    folder = data_folder()
    for name, target in TABLES.items():
        if folder is not None and (folder / name).is_file():
            found[name] = [str((folder / name).resolve()), "--target", target]
    return found | {"fashion-mnist": ["fashion-mnist"]}


def measure(name: str, arguments: list[str], out: Path) -> list[str]:
    """Run one training in a process of its own and return its row."""
    command = [sys.executable, "-m", "goodfit", "train", *arguments, "--out", str(out), "-q", "--json"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        answer = process.stdout.read() if process.stdout else ""
        complaint = process.stderr.read() if process.stderr else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode:
        return [name, complaint.strip().removeprefix("goodfit: error: "), *[""] * (len(HEADER) - 2)]
    report = json.loads(answer)
    test, rows = report["test"], report["task"]["rows"]
    baselines = [figure(row["test"]) for row in report["baselines"]]
    return [
        name, str(rows["train"] + rows["validation"] + rows["test"]), report["task"]["metric"], figure(test["value"]),
        f"{figure(test['interval'][0])} to {figure(test['interval'][1])}", figure(test["single"]["value"]), *baselines,
        f"{seconds:.0f}", f"{usage.ru_maxrss / 1024:.0f}",
    ]  # fmt: skip


def main() -> None:
    """Measure every data set and write the table."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    with tempfile.TemporaryDirectory() as scratch:
        for name, arguments in commands().items():
            lines.append("| " + " | ".join(measure(name, arguments, Path(scratch) / name)) + " |")
            print(lines[-1], flush=True)
    about = (
        f"`python benchmarks/datasets.py`: goodfit {gf.__version__}, preset default, seed 0, {os.cpu_count()} cores "
        f"({platform.machine()}), Python {platform.python_version()}. One run each; the interval is the bootstrap's."
    )
    (HERE / "datasets.md").write_text("\n".join(["# Data sets", "", about, "", *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
