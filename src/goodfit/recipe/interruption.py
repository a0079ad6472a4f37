"""Ctrl-C while networks train: they end at once with their best weights instead of being lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether the user has asked to end. The first Ctrl-C asks; a second one interrupts as ever."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def asked(self) -> bool:
        """Return whether Ctrl-C came."""
        return self._asked.is_set()

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Within the block the first Ctrl-C sets `asked`; only the main thread can listen, others change nothing."""
        if threading.current_thread() is not threading.main_thread() or self.asked():
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def ask(number: int, frame: FrameType | None) -> None:
            self._asked.set()
            signal.signal(signal.SIGINT, before)

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
