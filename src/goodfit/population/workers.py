"""The threads that share a population's members, one for each core that PyTorch may use; and the one that fetches."""

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


def worker_count() -> int:
    """Number of worker threads: as many as PyTorch uses (OMP_NUM_THREADS, torch.set_num_threads)."""
    return torch.get_num_threads()


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Return a pool whose threads run PyTorch's operations on themselves alone: the cores are busy with other members."""
    pool, all_there = ThreadPoolExecutor(workers, "goodfit"), Barrier(workers)

    def settle() -> None:
        # PyTorch sets up each thread when that first asks or works in parallel, which would undo what was set before
        torch.get_num_threads()
        torch.set_num_threads(1)
        all_there.wait()

    for future in [pool.submit(settle) for _ in range(workers)]:
        future.result()
    # the last call also sets what threads to come will use
    torch.set_num_threads(workers)
    return pool


def for_each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call a function that releases the GIL for each item, on all workers; return the results in order.

    On Ctrl-C what has not begun is dropped and what runs is awaited, so that nobody works on memory that is gone.
    """
    workers = min(worker_count(), len(items))
    if worker_count() == 1 or not items:
        return [function(item) for item in items]
    waiting, results = deque(enumerate(items)), dict[int, Result]()

    def work() -> None:
        # each thread takes the next item until none is left; a deque may be shared
        while True:
            try:
                number, item = waiting.popleft()
            except IndexError:
                return
            results[number] = function(item)

    futures = [_pool(worker_count()).submit(work) for _ in range(workers)]
    try:
        for future in futures:
            future.result()
    except BaseException:
        waiting.clear()
        wait(futures)
        raise
    return [results[number] for number in range(len(items))]


def one_ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result]:
    """Yield function(item) for each item in order; the next is on its way in a thread while the caller has this one.

    What the function raises is raised when its turn comes.
    """
    with ThreadPoolExecutor(1, "goodfit-ahead") as ahead:
        current: Future[Result] | None = None
        for item in items:
            coming = ahead.submit(function, item)
            if current is not None:
                yield current.result()
            current = coming
        if current is not None:
            yield current.result()


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep matrix products of compiled loops on the thread that calls them."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield
