from pathlib import Path

import pytest

from goodfit import memory
from goodfit.memory import available_memory, pieces, rows_at_once, too_large
from goodfit.wording import size

MEMINFO = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\n"


def system(root: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in ({"proc/meminfo": MEMINFO} | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(memory, "_ROOT", root)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8_192_000),
        (  # version 2: the parent's limit is the tighter one, file pages count as free
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n", "sys/fs/cgroup/job/step/memory.current": "5\n",
                "sys/fs/cgroup/job/memory.max": "3000000\n", "sys/fs/cgroup/job/memory.current": "1000000\n",
                "sys/fs/cgroup/job/memory.stat": "anon 1\ninactive_file 300000\nactive_file 200000\n",
            },
            2_500_000,
        ),
        (  # version 1, in a container that sees its own group only
            {
                "proc/self/cgroup": "5:cpuset:/docker/x\n4:cpu,memory:/docker/x\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "2500000\n",
                "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 600000\n",
            },
            100_000,
        ),
        (  # more in use than allowed
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "10\n", "sys/fs/cgroup/memory.current": "11\n"},
            0,
        ),
        (  # unlimited, as version 1 writes it
            {
                "proc/self/cgroup": "4:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n",
            },
            8_192_000,
        ),
    ],
)  # fmt: skip
def test_free_memory_is_what_system_and_groups_leave(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system(tmp_path, files, monkeypatch)
    assert available_memory() == expected


def test_without_an_account_there_is_still_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    assert available_memory() > 1 << 20
    monkeypatch.delattr("os.sysconf")
    assert available_memory() == 8 << 30


def test_here_it_lies_between_nothing_and_all() -> None:
    if not Path("/proc/meminfo").exists():
        pytest.skip("needs Linux's account of memory")
    total = 1024 * int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    assert 0 < available_memory() < total


def test_what_is_too_large_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system(tmp_path, {}, monkeypatch)
    assert too_large(4_096_000) is None
    assert too_large(4_100_000) == "they take 4.1 MB, more than 50% of the 8.19 MB of free memory"


def test_pieces_are_powers_of_two_and_cover_all_rows() -> None:
    assert rows_at_once((13,)) == memory.MOST_ROWS == 1024
    assert rows_at_once((3, 224, 224)) == 32 and rows_at_once((3, 10_000, 10_000)) == 1
    assert pieces(0, (3,)) == [slice(0, 0)] and pieces(1025, (3,)) == [slice(0, 1024), slice(1024, 1025)]
    covered = [row for piece in pieces(1000, (3, 100, 100)) for row in range(1000)[piece]]
    assert covered == list(range(1000))


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (999.6, "1 kB"), (1500, "1.5 kB"), (3_141_592, "3.14 MB"), (999_600_000, "1 GB"), (2.5e12, "2,500 GB")],
)  # fmt: skip
def test_sizes_in_words(number: float, text: str) -> None:
    assert size(number) == text
