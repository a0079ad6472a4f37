"""Compiled loops take denormal numbers as zero, and only they do."""

import platform

import numba
import numpy as np
import pytest
from problems import make_problem

import goodfit as gf
from goodfit.population import KERNELS
from goodfit.population.compiled.denormals import flush_denormals, restore_denormals
from goodfit.population.kernel import Batches
from goodfit.population.resident import ResidentKernel

on_x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="denormals are flushed on x86 alone")
SMALL = np.float32(1e-30)


@numba.njit
def products(x: np.float32) -> tuple[np.float32, np.float32, np.float32]:
    """1e-40 before, with denormals flushed, and after."""
    factors = np.array([x, np.float32(1e-10)])
    first = factors[0] * factors[1]
    before = flush_denormals()
    factors[0] = x
    second = factors[0] * factors[1]
    restore_denormals(before)
    factors[0] = x
    return first, second, factors[0] * factors[1]


@on_x86
def test_they_are_zero_in_between() -> None:
    first, second, third = products(SMALL)
    assert first == third == SMALL * np.float32(1e-10) != 0
    assert second == 0


@pytest.mark.parametrize("width", [4, (300, 8)], ids=["small", "large"])
def test_a_network_leaves_the_thread_as_it_was(width: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one worker the loops run on the caller's own thread."""
    monkeypatch.setattr("goodfit.population.workers.worker_count", lambda: 1)
    problem = make_problem(rows=40, columns=5)
    kernel = KERNELS["resident"].make([gf.Config(width=width)], problem)
    kernel.output(problem.train, [0])
    assert SMALL * np.float32(1e-10) != 0


@on_x86
def test_the_memory_of_an_optimiser_does_not_decay_into_them() -> None:
    """A column that is zero but in the first batch: Adam's first moment of its weights only decays from then on."""
    problem = make_problem(rows=40, columns=5, validation=0)
    problem.train.x[1:, 0] = 0
    kernel = ResidentKernel([gf.Config(width=8, optimiser="adam", weight_decay=0.0)], problem)
    steps = 1000
    rows = np.tile(np.arange(1, 9), (steps, 1))
    rows[0, 0] = 0
    shape = (1, steps)
    kernel.advance(
        Batches(problem.train, [rows], np.full(shape, 8), np.ones(shape, np.float32), np.full(shape, 1e-4), 0)
    )
    moment = np.abs(kernel._members[0]._slots[0])
    assert (moment > 0).any() and not ((moment > 0) & (moment < np.finfo(np.float32).tiny)).any()
