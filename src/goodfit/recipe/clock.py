"""Who may work for how long under a time limit."""

import time
from collections.abc import Callable
from dataclasses import dataclass

SHARES = {"baselines": 0.1, "overfit": 0.16, "learning rate": 0.24, "coarse grid": 0.3}
"""When a step must have ended, as a share of the limit; the candidates get what is left."""
LEAST = {"learning rate": 0.08}
"""Shares that a step gets in any case: at a rate taken unseen, all that follows may be for nothing."""
JUDGING_SHARE, JUDGING_SECONDS = 0.15, (4.0, 45.0)
"""The candidates must end so long before the limit: this share of it, but within these seconds (and they get at
least 30 % of the limit); importance, bootstrap and report need that."""
CANDIDATES_SHARE = 0.3
VIEWS_SHARE, IMPORTANCE_SHARE, BOOTSTRAP_SHARE = 0.8, 0.4, 0.5
"""What looking at images in several views may take of the time that is left when the judging begins (images have no
importance), importance likewise, and the bootstrap of what is left then."""


@dataclass(frozen=True)
class Clock:
    """Seconds left for each step under a limit in seconds, counted from `started`; None without a limit."""

    limit: float | None
    started: float
    now: Callable[[], float] = time.monotonic

    def left_for(self, step: str) -> float | None:
        """Return the seconds that a step of `SHARES` has left."""
        if self.limit is None:
            return None
        return max(self._until(SHARES[step] * self.limit), LEAST.get(step, 0.0) * self.limit)

    def left_for_candidates(self) -> float | None:
        """Return the seconds until the judging must begin."""
        if self.limit is None:
            return None
        judging = min(max(JUDGING_SHARE * self.limit, JUDGING_SECONDS[0]), JUDGING_SECONDS[1])
        return self._until(max(self.limit - judging, CANDIDATES_SHARE * self.limit))

    def left_to_judge(self, share: float) -> float | None:
        """Return a share of the seconds that are left until the limit."""
        return None if self.limit is None else share * self._until(self.limit)

    def _until(self, seconds: float) -> float:
        return max(0.0, self.started + seconds - self.now())
