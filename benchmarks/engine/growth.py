"""How the time of a network-step falls with the number of networks: `python growth.py WORK` prints JSON."""

import json
import sys
import time

from ours import goodfit
from works import find_work

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SECONDS = 0.4


def growth(number: int) -> dict[int, float]:
    """Return seconds per network-step for every number of networks, on the resident kernel; the best of three."""
    work = find_work(number)
    found = {}
    for members in COUNTS:
        run = goodfit(work, "resident", members=members)
        run(3)
        began = time.perf_counter()
        run(8)
        steps = max(4, int(8 * SECONDS / (time.perf_counter() - began)))
        times = []
        for _ in range(3):
            began = time.perf_counter()
            taken = run(steps)
            times.append((time.perf_counter() - began) / taken)
        found[members] = min(times)
    return found


if __name__ == "__main__":
    print(json.dumps(growth(int(sys.argv[1]))))
