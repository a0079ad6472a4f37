"""How much memory is free, what fits in it, and in which pieces the rest is looked at."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import torch

from goodfit.errors import GoodfitError
from goodfit.wording import size

SHARE_FOR_DATA = 0.5
"""Of the free memory, that prepared data may take; what needs more is streamed."""
PIECE_BYTES = 32 << 20
"""About the size of a piece of samples in float32, where not all are held at once."""
MOST_ROWS = 1024
"""Rows of a piece at most: what networks compute for more falls out of the processor's cache."""
CPU = torch.device("cpu")
_ROOT = Path("/")


def too_large(needed: int, device: torch.device = CPU) -> str | None:
    """Say why so many bytes of data cannot be held in a device's memory, or return None."""
    free = available_memory(device)
    if needed <= SHARE_FOR_DATA * free:
        return None
    where = "memory of the GPU" if device.type == "cuda" else "memory"
    return f"they take {size(needed)}, more than {SHARE_FOR_DATA:.0%} of the {size(free)} of free {where}"


def refuse_too_large(needed: int, what: str) -> None:
    """Raise `GoodfitError` where what takes so many bytes cannot be held in memory."""
    if why := too_large(needed):
        raise GoodfitError(f"{what} cannot be held: {why}; take smaller ones")


def available_memory(device: torch.device = CPU) -> int:
    """Return the bytes of a device's memory that are free for use (8 GiB where the system does not tell).

    On Linux that is what the kernel would give without swapping, within the limits of the control groups (containers,
    batch systems) that the process lies in; file pages that can be dropped count as free.
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return min([_free_in_system(), *_free_in_groups()])


def rows_at_once(sample_shape: Sequence[int]) -> int:
    """Return how many samples make a piece: a power of two, hanging on the shape alone.

    Sums and matrix products over pieces then come out alike, whether all samples are in memory or not.
    """
    fitting = PIECE_BYTES // (4 * math.prod(sample_shape))
    return min(MOST_ROWS, 1 << max(fitting, 1).bit_length() - 1)


def pieces(rows: int, sample_shape: Sequence[int]) -> list[slice]:
    """Return the rows of every piece; without rows there is one empty piece."""
    step = rows_at_once(sample_shape)
    return [slice(start, min(start + step, rows)) for start in range(0, max(rows, 1), step)]


def _free_in_system() -> int:
    told = dict(line.split(":", 1) for line in _lines(_ROOT / "proc/meminfo") if ":" in line)
    if "MemAvailable" in told:
        return int(told["MemAvailable"].split()[0]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def _free_in_groups() -> list[int]:
    """Return what is left to each control group, of version 1 or 2, that this process lies in."""
    mounted = _ROOT / "sys/fs/cgroup"
    free = []
    for line in _lines(_ROOT / "proc/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number == "0":
            top, limit, used, prefix = mounted, "memory.max", "memory.current", ""
        elif "memory" in controllers.split(","):
            top, limit, used, prefix = mounted / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"
        else:
            continue
        # limits of the groups above hold too; inside a container only the top may be seen
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if top not in (folder, *folder.parents):
                break
            numbers = [*_lines(folder / limit), *_lines(folder / used)]
            if len(numbers) == 2 and all(text.isdigit() for text in numbers):
                told = dict(text.split() for text in _lines(folder / "memory.stat"))
                files = sum(int(told.get(f"{prefix}{kind}_file", 0)) for kind in ("inactive", "active"))
                free.append(max(0, int(numbers[0]) - int(numbers[1]) + files))
    return free


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
