"""How the time of a network-step falls with the number of networks: `python growth.py WORK` prints JSON."""

import json
import sys
import time

from ours import goodfit
from works import find_work

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SECONDS = 1.5


def growth(number: int) -> dict[int, float]:
    """Return seconds per network-step for every number of networks, on the resident kernel."""
    work = find_work(number)
    found = {}
    for members in COUNTS:
        run = goodfit(work, "resident", members=members)
        run(3)
        steps, taken, spent = 8, 0, 0.0
        while spent < SECONDS:  # long enough that making the networks matters little
            steps = int(steps * min(max(1.3 * SECONDS / max(spent, 1e-9), 2), 16)) if spent else steps
            began = time.perf_counter()
            taken = run(steps)
            spent = time.perf_counter() - began
        found[members] = spent / taken
    return found


if __name__ == "__main__":
    print(json.dumps(growth(int(sys.argv[1]))))
