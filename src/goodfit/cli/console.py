"""What a person sees while waiting: stages and progress on stderr, results on stdout."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from goodfit.cli.ctrl_c import ctrl_c_remembered
from goodfit.recipe import Listener
from goodfit.training import Progress

SECONDS_BETWEEN_LINES = 10.0
"""Without a terminal, a plain line at most so often."""
WIDTH_OF_A_FILE = 160
"""Columns of a table that does not go to a terminal."""


def complain(text: str) -> None:
    """Print an error as one line on stderr."""
    print("goodfit: error: " + " ".join(text.split()), file=sys.stderr)


def table_console() -> Console:
    """Return where tables are printed: as wide as the terminal, or `WIDTH_OF_A_FILE` where nobody wraps lines."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_OF_A_FILE
    return console


def say(text: str) -> None:
    """Print a line of information on stderr."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def listening(quiet: bool) -> Iterator[Listener]:
    """Give a listener that shows stages and progress: bars on a terminal, plain lines elsewhere, nothing if quiet.

    It also ends the work, by KeyboardInterrupt, where Ctrl-C came and Python dropped it.
    """
    with ctrl_c_remembered() as raise_again, _showing(quiet) as shown:

        def stage(name: str, what: str) -> None:
            raise_again()
            shown.stage(name, what)

        def progress(heard: Progress) -> None:
            raise_again()
            shown.progress(heard)

        yield Listener(stage, progress)


@contextmanager
def _showing(quiet: bool) -> Iterator[Listener]:
    if quiet:
        yield Listener()
    elif sys.stderr.isatty():
        with Bars(
            TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True),
        ) as bars:  # fmt: skip
            yield _bars(bars)
    else:
        yield _lines()


def _bars(bars: Bars) -> Listener:
    shown: dict[str, object] = {}

    def stage(name: str, what: str) -> None:
        for task in bars.tasks:
            bars.update(task.id, completed=task.total)
        key = f"{name}: {what}"
        shown["task"] = bars.add_task(key, total=1)

    def progress(heard: Progress) -> None:
        bars.update(shown["task"], completed=_share(heard), total=1)  # type: ignore[arg-type]

    return Listener(stage, progress)


def _lines() -> Listener:
    last = [time.monotonic()]

    def stage(name: str, what: str) -> None:
        last[0] = time.monotonic()
        say(f"{name}: {what}")

    def progress(heard: Progress) -> None:
        if time.monotonic() - last[0] >= SECONDS_BETWEEN_LINES:
            last[0] = time.monotonic()
            say(
                f"  {heard.stage}: {_share(heard):.0%}, {heard.finished} of {heard.total} networks done, epoch {heard.epoch} of {heard.epochs}"
            )

    return Listener(stage, progress)


def _share(heard: Progress) -> float:
    left = heard.total - heard.finished
    return (heard.finished + left * min(1.0, heard.epoch / max(heard.epochs, 1))) / max(heard.total, 1)
