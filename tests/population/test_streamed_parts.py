"""Streamed samples: the same bits as in memory on every kernel, the next piece on its way while one is trained on."""

import dataclasses
import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from problems import BASE, CLASSES, IMAGES, MEMBERS, PERCEPTRONS, REGRESSION, assert_same, lenet, run

from goodfit import memory
from goodfit.config import Config
from goodfit.population import KERNELS, Outcome, Part, Problem, StreamedPart, train_population
from goodfit.population.kernel import Batches, Kernel

CPU = torch.device("cpu")


class Recorder:
    """Samples in memory that pretend not to be, and remember who asked for what."""

    def __init__(self, x: np.ndarray) -> None:
        self.x, self.asked = x, list[tuple[str, np.ndarray]]()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        self.asked.append((threading.current_thread().name, np.arange(len(self.x))[rows]))
        return self.x[rows].copy()


def streamed(problem: Problem) -> Problem:
    def part(held: Part | StreamedPart | None) -> StreamedPart | None:
        return StreamedPart(Recorder(held.x.numpy()), held.y, CPU) if isinstance(held, Part) else None

    return dataclasses.replace(problem, train=part(problem.train), validation=part(problem.validation))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PIECE_BYTES", 40 * 64 * 4)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("problem", [REGRESSION, CLASSES], ids=["regression", "classes"])
def test_perceptrons_come_out_alike(kernel: str, problem: Problem) -> None:
    """Label noise, Mixup, samples of the rows, dropout, early stopping, a member that explodes: all of it."""
    members = MEMBERS if kernel == "generic" else PERCEPTRONS
    for a, b in zip(run(members, problem, kernel), run(members, streamed(problem), kernel), strict=True):
        assert_same(a, b)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kernel", ["resident", "generic", "side-by-side", "sequential"])
def test_convolutions_come_out_alike(kernel: str) -> None:
    base = Config(model=lenet, epochs=3, batch_size=37, lr=1e-2)
    members = [base, base.replace(seed=1, label_noise=0.3), base.replace(seed=2, mixup=0.4)]
    for a, b in zip(run(members, IMAGES, kernel), run(members, streamed(IMAGES), kernel), strict=True):
        assert_same(a, b)
        np.testing.assert_array_equal(a[0].validation_output, b[0].validation_output)


@pytest.mark.usefixtures("small_pieces")
def test_rows_are_asked_for_sorted_once_and_by_a_thread_of_its_own() -> None:
    problem = streamed(REGRESSION)
    run([BASE.replace(epochs=2), BASE.replace(epochs=2, seed=1)], problem)
    asked = problem.train.source.asked
    assert all((np.diff(rows) > 0).all() for _, rows in asked), "ascending, each once"
    training = [rows for thread, rows in asked if thread.startswith("goodfit-ahead")]
    assert len(training) > 4 and asked[0][0] == "MainThread", "the first rows' loss is told before training"
    most = memory.PIECE_BYTES // (4 * 13)
    assert max(map(len, training)) <= most
    assert {thread.split("_")[0] for thread, _ in problem.validation.source.asked} == {"goodfit-ahead"}


class _Waiting:
    """A source whose pieces for training announce themselves."""

    def __init__(self, x: np.ndarray, pieces: int) -> None:
        self.x, self.count = x, 0
        self.fetched = [threading.Event() for _ in range(pieces)]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        found = self.x[rows].copy()
        if isinstance(rows, np.ndarray):
            self.fetched[self.count].set()
            self.count += 1
        return found


def test_the_next_piece_is_fetched_while_this_one_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses to finish with a piece before the source has given the next one."""
    steps = -(-len(REGRESSION.train) // BASE.batch_size)
    monkeypatch.setattr(memory, "PIECE_BYTES", BASE.batch_size * 13 * 4)  # one step is one piece
    source = _Waiting(REGRESSION.train.x.numpy(), steps)
    problem = dataclasses.replace(REGRESSION, train=StreamedPart(source, REGRESSION.train.y, CPU))
    overlapped = []

    def make(configs: Sequence[Config], problem: Problem) -> Kernel:
        kernel = KERNELS["dense"].make(configs, problem)
        advance = kernel.advance

        def advance_and_wait(batches: Batches) -> np.ndarray:
            if batches.first_step + 1 < steps:
                overlapped.append(source.fetched[batches.first_step + 1].wait(timeout=30))
            return advance(batches)

        monkeypatch.setattr(kernel, "advance", advance_and_wait)
        return kernel

    events = list(train_population([BASE.replace(epochs=1)], problem, make))
    assert overlapped == [True] * (steps - 1) and isinstance(events[-1], Outcome)


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.usefixtures("small_pieces")
def test_what_the_source_raises_comes_out_as_it_is(part: str) -> None:
    class Torn(Recorder):
        def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
            if len(self.asked) == 3:
                raise OSError(5, "Input/output error", "disk")
            return super().__getitem__(rows)

    held = getattr(REGRESSION, part)
    torn = StreamedPart(Torn(held.x.numpy()), held.y, CPU)
    before = threading.active_count()
    with pytest.raises(OSError, match="Input/output error") as caught:
        run([BASE], dataclasses.replace(REGRESSION, **{part: torn}))
    assert caught.value.filename == "disk"
    assert threading.active_count() <= before, "no thread is left behind"


def test_a_large_piece_does_not_keep_the_clock_waiting() -> None:
    """All steps of an epoch are one piece here, yet the kernel gets few at a time and a deadline is kept."""
    problem = streamed(REGRESSION)
    taken: list[int] = []

    def make(configs: Sequence[Config], problem: Problem) -> Kernel:
        kernel = KERNELS["sequential"].make(configs, problem)
        advance = kernel.advance

        def slowly(batches: Batches) -> np.ndarray:
            taken.append(batches.steps)
            time.sleep(0.02 * batches.steps)
            return advance(batches)

        kernel.advance = slowly  # type: ignore[method-assign]
        return kernel

    config = BASE.replace(batch_size=1, epochs=3)
    [*_, outcome] = train_population([config], problem, make, time.monotonic() + 0.6)
    assert isinstance(outcome, Outcome) and outcome.reason == "out of time"
    assert sum(taken) == outcome.steps < 203 and max(taken) <= 16
    assert [thread.split("_")[0] for thread, _ in problem.train.source.asked].count("goodfit-ahead") == 1


def test_labels_of_ones_own_follow_the_rows_that_are_fetched() -> None:
    part = streamed(CLASSES).train
    labels = torch.stack([CLASSES.train.y, CLASSES.train.y + 1])
    rows = [np.array([[5, 3], [3, 9]]), np.array([[7, 7], [3, 200]])]
    found, places = part.fetch(rows, labels)
    for member in range(2):
        for place, row in zip(places[member].ravel(), rows[member].ravel(), strict=True):
            assert torch.equal(found.x[place], CLASSES.train.x[row]) and found.y[member, place] == labels[member, row]
