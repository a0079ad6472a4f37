"""Time limits by a clock that the test turns, and Ctrl-C."""

import os
import signal
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodfit.recipe.clock import CANDIDATES_SHARE, JUDGING_SECONDS, LEAST, SHARES, Clock
from goodfit.recipe.interruption import Interruption


def test_without_a_limit_nobody_is_hurried() -> None:
    clock = Clock(None, 0.0, now=lambda: 1e9)
    assert clock.left_for_candidates() is None and all(clock.left_for(step) is None for step in SHARES)


@given(limit=st.floats(1, 1e5), spent=st.floats(0, 2e5))
def test_steps_end_in_order_and_leave_time_to_judge(limit: float, spent: float) -> None:
    clock = Clock(limit, 100.0, now=lambda: 100.0 + spent)
    left = [clock.left_for(step) for step in SHARES if step not in LEAST] + [clock.left_for_candidates()]
    assert all(a is not None and b is not None and 0 <= a <= b for a, b in pairwise(left))
    for step, share in LEAST.items():
        found = clock.left_for(step)
        assert found is not None and share * limit <= found <= max(share, SHARES[step]) * limit + 1e-6
    for_judging = clock.left_to_judge(0.5)
    assert for_judging is not None and spent + 2 * for_judging <= max(limit, spent) + 1e-6
    candidates = left[-1]
    assert candidates is not None
    end = spent + candidates
    assert end <= max(limit, spent) + 1e-6
    if spent < CANDIDATES_SHARE * limit:
        assert end >= CANDIDATES_SHARE * limit - 1e-6
        if limit >= 2 * JUDGING_SECONDS[1]:
            assert limit - end >= JUDGING_SECONDS[0] - 1e-6


def test_first_interrupt_asks_and_the_second_interrupts() -> None:
    before, interruption = signal.getsignal(signal.SIGINT), Interruption()
    with interruption.awaited():
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(1)
    assert signal.getsignal(signal.SIGINT) is before
    with interruption.awaited():  # asked already: nothing is listened for again
        assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_change_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with Interruption().awaited():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
