"""Who may work for how long under a time limit."""

import time
from collections.abc import Callable
from dataclasses import dataclass

SHARES = {"overfit": 0.08, "learning rate": 0.2, "coarse grid": 0.3}
"""When a step must have ended, as a share of the limit; the candidates get what is left."""
JUDGING_SHARE, JUDGING_SECONDS = 0.15, (4.0, 30.0)
"""The candidates must end so long before the limit: this share of it, but within these seconds (and they get at
least 30 % of the limit); importance, bootstrap and report need that."""
CANDIDATES_SHARE = 0.3


@dataclass(frozen=True)
class Clock:
    """Seconds left for each step under a limit in seconds, counted from `started`; None without a limit."""

    limit: float | None
    started: float
    now: Callable[[], float] = time.monotonic

    def left_for(self, step: str) -> float | None:
        """Return the seconds that a step of `SHARES` has left."""
        return None if self.limit is None else self._until(SHARES[step] * self.limit)

    def left_for_candidates(self) -> float | None:
        """Return the seconds until the judging must begin."""
        if self.limit is None:
            return None
        judging = min(max(JUDGING_SHARE * self.limit, JUDGING_SECONDS[0]), JUDGING_SECONDS[1])
        return self._until(max(self.limit - judging, CANDIDATES_SHARE * self.limit))

    def _until(self, seconds: float) -> float:
        return max(0.0, self.started + seconds - self.now())
