"""Shared by all tests: where real data lie, and small tasks."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import goodfit as gf
from goodfit.data.download import data_folder


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Measurements and downloads of the tests go into a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOODFIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = data_folder()
    if folder is None or not folder.is_dir():
        pytest.skip("real data are not here: set GOODFIT_DATA to their folder")
    os.environ["GOODFIT_DATA"] = str(folder.resolve())
    return folder.resolve()


@pytest.fixture(scope="session")
def houses() -> pd.DataFrame:
    """400 rows with numbers, a category, a boolean, missing values, an id and a constant."""
    random = np.random.default_rng(0)
    n = 400
    area, age = random.gamma(4, 30, n), random.integers(0, 90, n)
    town = random.choice(["Aa", "Bb", "Cc"], n, p=[0.6, 0.3, 0.1])
    price = 2.0 * area - 0.8 * age + np.select([town == "Aa", town == "Bb"], [60, 20], 0) + random.normal(0, 12, n)
    frame = pd.DataFrame({"id": [f"h{i}" for i in range(n)], "area": area, "age": age, "town": town, "price": price})
    frame["garden"] = random.choice(["yes", "no"], n)
    frame["country"] = "X"
    frame.loc[random.choice(n, 30, replace=False), "age"] = np.nan
    return frame


@pytest.fixture(scope="session")
def house_task(houses: pd.DataFrame) -> gf.Task:
    return gf.Task.from_frame(houses, "price", id="id")


@pytest.fixture
def houses_csv(houses: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    houses.to_csv(path, index=False)
    return path


class WatchedMemory:
    """By how many bytes a process grows at most within the block, looked at every few milliseconds.

    Args:
        account: a line of /proc/self/status: VmRSS, or RssAnon (without the pages of files).
    """

    bytes = 0

    def __init__(self, account: str) -> None:
        self._account = account

    def __enter__(self) -> "WatchedMemory":
        self._before = self._now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.003):
            self.bytes = max(self.bytes, self._now() - self._before)

    def _now(self) -> int:
        told = Path("/proc/self/status").read_text()
        return int(told.split(f"{self._account}:")[1].split()[0]) * 1024


@pytest.fixture
def watch_memory() -> Callable[[str], WatchedMemory]:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux's account of a process' memory")
    return WatchedMemory
