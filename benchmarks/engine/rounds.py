"""Contestants in processes of their own take turns, round after round, so that all meet the same machine."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
SETTINGS_OF_PRODUCTS = ("OPENBLAS_", "MKL_", "GOTO_", "OMP_", "KMP_", "BLIS_")
COMPILES_SECONDS = 2.5
"""A first use that takes longer has compiled something; then it is also timed in another process."""


def clean_environment(compiled: Path) -> dict[str, str]:
    """Return the environment without settings of the linear-algebra libraries: all get what a user gets.

    Compiled code goes into a folder of this run, so that the first use of every contestant is seen.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS_OF_PRODUCTS)}
    return kept | {
        "NUMBA_CACHE_DIR": str(compiled / "numba"),
        "TORCHINDUCTOR_CACHE_DIR": str(compiled / "inductor"),
        "GOODFIT_CACHE": str(compiled / "goodfit"),
    }


@dataclass
class Entrant:
    """One contestant: its process, the seconds of its first use, and seconds per network-step in every round."""

    name: str
    process: subprocess.Popen[str]
    first_use: float = 0.0
    first_use_again: float = 0.0
    each: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def seconds(self) -> float:
        """Median seconds per network-step."""
        return median(self.each)

    def ask(self, seconds: float | None = None) -> dict[str, float]:
        """Let it work for about so many seconds and return its answer; empty where it has died."""
        assert self.process.stdin and self.process.stdout and self.process.stderr
        try:
            if seconds is not None:
                self.process.stdin.write(f"{seconds}\n")
                self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            answer: dict[str, float] = json.loads(line)
            return answer
        lines = self.process.stderr.read().strip().splitlines() or ["it ended without a word"]
        told = [text for text in lines if "Error" in text or "Unsupported" in text]
        self.failure = (told or lines)[-1].strip()[:160]
        return {}


def compete(work: int, names: Sequence[str], rounds: int, seconds: float) -> list[Entrant]:
    """Return every contestant of a work with its measurements."""
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(Path(folder))
        entrants = []
        for name in names:
            first = _start(work, name, environment)
            first.first_use = first.ask().get("first", 0.0)
            if first.failure or first.first_use < COMPILES_SECONDS:
                first.first_use_again = first.first_use
                entrants.append(first)
                continue
            first.process.communicate()
            again = _start(work, name, environment)
            again.first_use, again.first_use_again = first.first_use, again.ask().get("first", 0.0)
            entrants.append(again)
            _tell(f"  {name}: first use {again.first_use:.1f} s, in another process {again.first_use_again:.1f} s")
        running = [entrant for entrant in entrants if not entrant.failure]
        for entrant in running:
            entrant.ask(seconds)  # warm, and the number of steps adapted
        for _ in range(rounds):
            for entrant in running:
                answer = entrant.ask(seconds)
                if answer:
                    entrant.each.append(answer["seconds"] / answer["taken"])
        for entrant in running:
            entrant.process.communicate()
            _tell(f"  {entrant.name}: {1e3 * entrant.seconds:.4g} ms a network-step")
    return entrants


def _start(work: int, name: str, environment: dict[str, str]) -> Entrant:
    command = [sys.executable, "-W", "ignore", str(HERE / "entrant.py"), str(work), name]
    pipe = subprocess.PIPE
    return Entrant(name, subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
