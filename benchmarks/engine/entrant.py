"""One contestant in a process of its own: `python entrant.py WORK NAME`, then a number of seconds on each line.

Answers each line with JSON: network-steps and the seconds they took. The first answer, unasked, is the time from
making the networks to three steps taken, with all compiling.
"""

import json
import sys
import time

import torch
from contestants import contestants, product_peak
from works import find_work


def main(number: int, name: str) -> None:
    """Serve rounds until there are no more lines."""
    if name.startswith("peak"):
        run = product_peak(torch.bfloat16 if name.endswith("bfloat16") else torch.float32)
    else:
        work = find_work(number)
        run = contestants(work)[name](work)
    began = time.perf_counter()
    run(3)
    _say(first=time.perf_counter() - began)
    steps = 4
    for line in sys.stdin:
        wanted = float(line)
        while True:
            began = time.perf_counter()
            taken = run(steps)
            spent = time.perf_counter() - began
            if spent > 0.7 * wanted:
                break
            steps = int(steps * min(max(1.1 * wanted / spent, 1.3), 16)) + 1
        _say(taken=taken, seconds=spent)


def _say(**what: float) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
