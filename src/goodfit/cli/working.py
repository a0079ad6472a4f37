"""A run folder while a command works in it."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from goodfit.cli.console import say
from goodfit.training import RunFolder


@contextmanager
def working_in(folder: RunFolder) -> Iterator[None]:
    """Keep other processes out; on Ctrl-C say what is kept and how to go on."""
    folder.lock()
    try:
        yield
    except KeyboardInterrupt:
        kept = len(folder.store.trainings())
        go_on = f"goodfit resume {shlex.quote(str(folder.path))}"
        say(f"\ninterrupted; {kept} finished trainings are kept. Continue with: {go_on}")
        raise
    finally:
        folder.release()
