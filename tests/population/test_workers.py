"""The threads of the engine: those that share the members, and the one that fetches ahead."""

from collections.abc import Iterator

import torch

from goodfit.population.workers import for_each, one_ahead


def test_a_worker_computes_on_its_own_core_alone() -> None:
    """Also after PyTorch has worked in parallel in it, which used to bring back the threads of all cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:

        def threads(_: int) -> int:
            torch.log_softmax(torch.zeros(5, 3), 1)
            return torch.get_num_threads()

        assert for_each(threads, range(8)) == [1] * 8 and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_ahead_gives_all_in_order_and_closes_when_left() -> None:
    assert list(one_ahead(lambda k: k * k, range(7))) == [k * k for k in range(7)] and not list(one_ahead(abs, []))
    done: list[int] = []

    def left() -> Iterator[int]:
        coming = one_ahead(lambda k: done.append(k) or k, range(100))
        yield next(coming)
        coming.close()

    assert list(left()) == [0] and len(done) <= 2
