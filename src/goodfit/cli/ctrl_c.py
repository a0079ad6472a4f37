"""Ctrl-C ends the work also where a library drops it or makes another error of it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ctrl_c_remembered() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt if Ctrl-C came within the block, to be called on the way.

    Ctrl-C becomes an exception wherever the program happens to be. Where C code has called back into Python (LLVM, while
    Numba loads compiled loops; the search for libraries of threads) and in finalisers it is printed, and nothing ends.
    Other C code says in its own words that what it called has failed (NumPy, of the format of a buffer): errors after
    Ctrl-C leave the block as KeyboardInterrupt.
    """
    came = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        signal.default_int_handler(number, frame)

    def raise_again() -> None:
        if came:
            raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield raise_again  # only the main thread hears signals, and who listens otherwise may want them for something else
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield raise_again
    except Exception:
        raise_again()
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
