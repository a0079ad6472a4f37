"""The study of batch sizes against a plain loop, NumPy's least squares and the numbers published for these data (O9)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodfit.data.builtin import load_builtin
from goodfit.randomness import batch_order
from goodfit.studies.minibatch import (
    IMPLEMENTATIONS,
    PUBLISHED,
    WAYS,
    Way,
    airfoil_rows,
    half_squared,
    least_squares,
    minibatch_study,
    watch,
)

Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def airfoil(real_data: Path) -> Data:
    return airfoil_rows()


@pytest.fixture(scope="module")
def record(real_data: Path) -> dict[str, Any]:
    return minibatch_study(seeds=3)


def test_start_and_floor_are_the_known_ones(airfoil: Data) -> None:
    x, y = airfoil
    frame = load_builtin("airfoil").frame
    assert frame is not None and x.shape == (1500, 5)
    raw = frame.to_numpy()[:1500, -1]
    np.testing.assert_allclose(y * frame["sound_pressure"].std(ddof=0) + frame["sound_pressure"].mean(), raw)
    assert half_squared(x, y, np.zeros(6)) == pytest.approx(0.4933, abs=5e-5)
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(1500)]), y)[1]
    assert least_squares(x, y) == pytest.approx(float(solution[0]) / 3000, rel=1e-12)
    assert least_squares(x, y) == pytest.approx(0.24169, abs=5e-6)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("way", [*WAYS, Way("a smaller last batch", 400, 0.2, 2)], ids=lambda way: way.name)
def test_it_is_a_plain_loop(name: str, way: Way, airfoil: Data) -> None:
    x, y = airfoil
    trace = watch(name, x, y, way, seed=2)
    final = [weights.copy() for weights in IMPLEMENTATIONS[name](x, y, way, 2)][-1]
    first = next(IMPLEMENTATIONS["from scratch"](x, y, Way("still", 1500, 0.0, 1), 2))
    w, b = first[:5].copy(), 0.0
    for epoch in range(way.epochs):
        order = batch_order(2, epoch, 1500)
        while len(order):
            rows, order = order[: way.batch], order[way.batch :]
            slopes, slope = np.zeros(5), 0.0
            for row in rows:
                error = float(w @ x[row]) + b - y[row]
                slopes, slope = slopes + error * x[row], slope + error
            w, b = w - way.lr * slopes / len(rows), b - way.lr * slope / len(rows)
    np.testing.assert_allclose(final, [*w, b], rtol=1e-9, atol=1e-12)
    assert trace.losses[-1] == pytest.approx(float(((x @ w + b - y) ** 2).mean() / 2), rel=1e-10)
    assert trace.samples[0] == 0 and trace.samples[-1] == 1500 * way.epochs
    assert (np.diff(trace.samples) > 0).all() and (np.diff(trace.seconds) > 0).all()


def test_final_losses_are_those_published(record: dict[str, Any], airfoil: Data) -> None:
    rows = [dict(zip(record["tables"][0]["header"], row, strict=True)) for row in record["tables"][0]["rows"]]
    assert [(row["rate"], row["steps"]) for row in rows] == [(1.0, 6), (0.4, 30), (0.05, 300), (0.005, 3000)]
    for row in rows:
        assert PUBLISHED[0] - 1e-3 < row["final loss"] < PUBLISHED[1] + 1e-3
        assert row["above least squares"] == pytest.approx(row["final loss"] - least_squares(*airfoil))
        assert row["above least squares"] > 0
    whole, single = rows[0], rows[-1]
    assert single["epochs to 5 %"] < whole["epochs to 5 %"]  # fewer passes over the data ...
    assert single["ms an epoch, from scratch"] > 10 * whole["ms an epoch, from scratch"]  # ... and each takes longer


def test_lines_start_at_the_same_loss_and_carry_bands(record: dict[str, Any]) -> None:
    epochs, seconds = record["lines"]
    assert {series["mean"][0] for series in epochs["series"].values()} == {epochs["series"]["all 1500"]["mean"][0]}
    assert len(seconds["series"]) == len(WAYS) * len(IMPLEMENTATIONS)
    for series in epochs["series"].values():
        assert series["x"][0] == 0 and len(series["x"]) == len(series["mean"]) == len(series["low"])
        assert all(
            low <= mean <= high for low, mean, high in zip(series["low"], series["mean"], series["high"], strict=True)
        )
    assert all(series["x"][0] > 0 for series in seconds["series"].values())  # the axis is logarithmic


def test_one_seed_has_no_band_and_says_so_without_nan(real_data: Path) -> None:
    answer = minibatch_study(seeds=1)["answer"]
    assert not any("nan" in sentence for sentence in answer) and "(1 seed)" in answer[1]
