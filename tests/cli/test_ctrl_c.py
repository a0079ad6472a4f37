"""Ctrl-C ends a command wherever it comes."""

import ctypes
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from goodfit.cli.console import listening


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_ends_the_work_at_the_next_stage() -> None:
    callback = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
    with listening(quiet=True) as listener:
        listener.stage("data", "looking at the data")
        callback()  # Python prints the exception and goes on, as in Numba's callbacks
        with pytest.raises(KeyboardInterrupt):
            listener.stage("test", "one look at the test part")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_made_of_an_interrupt_is_one() -> None:
    with pytest.raises(KeyboardInterrupt), listening(quiet=True):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ValueError("not a valid buffer format string") from error  # as NumPy does


def test_whoever_listens_otherwise_is_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with listening(quiet=True) as listener:
            signal.raise_signal(signal.SIGINT)
            listener.stage("data", "looking at the data")
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_exit_code_says_so_also_if_text_was_being_executed(tmp_path: Path) -> None:
    """`python -m goodfit`, where the interrupt came while a dataclass was made."""
    (tmp_path / "interrupted.py").write_text("""
from goodfit.cli import app
def interrupted(args, standalone_mode):
    exec("raise KeyboardInterrupt")
app.app = interrupted
app.run()
""")
    assert subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False).returncode == 130
