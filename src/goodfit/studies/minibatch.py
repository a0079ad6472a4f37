"""Mini-batch gradient descent on a linear model: whole data, one sample or a few at a time, losses against epochs and time.

From scratch in NumPy and through `torch.optim`, with the same start and the same batches. Data, rates and batch sizes are
those of the tutorial: the first 1500 rows of NASA's airfoil data, standardised with mean and standard deviation of all
1503 rows, target included; loss: half the mean squared error.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from goodfit.data.builtin import load_builtin
from goodfit.paired import band, rank, t_interval
from goodfit.randomness import batch_order, numpy_generator
from goodfit.studies.comparison import IN_MEMORY, Means
from goodfit.wording import count, figure

ROWS, START_STD = 1500, 0.01
LOOK_EVERY = 200
"""Samples between two looks at the loss, as in the tutorial; one look an epoch where the batch is larger."""
PUBLISHED = (0.2428, 0.2465)
"""Lowest and highest final loss in the tutorial, one training of each kind."""
NEAR = 1.05
"""Times the loss of least squares: who gets there has learnt what there is to learn."""


@dataclass(frozen=True)
class Way:
    """How many samples give a gradient, at which learning rate, for how many passes over the data."""

    name: str
    batch: int
    lr: float
    epochs: int


WAYS = (
    Way("all 1500", 1500, 1.0, 6), Way("batches of 100", 100, 0.4, 2), Way("batches of 10", 10, 0.05, 2),
    Way("one by one", 1, 0.005, 2),
)  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """What one training was seen to do: samples visited, seconds of training (looks not counted) and loss, at each look."""

    samples: np.ndarray
    seconds: np.ndarray
    losses: np.ndarray


def airfoil_rows() -> tuple[np.ndarray, np.ndarray]:
    """Return the tutorial's features [1500, 5] and target [1500], standardised."""
    frame = load_builtin("airfoil").frame
    assert frame is not None
    values = frame.to_numpy(np.float64)
    values = ((values - values.mean(0)) / values.std(0))[:ROWS]
    return values[:, :-1], values[:, -1]


def half_squared(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Return half the mean squared error of a linear model; the last of the weights is its bias."""
    error = x @ weights[:-1] + weights[-1] - y
    return float(error @ error / (2 * len(y)))


def least_squares(x: np.ndarray, y: np.ndarray) -> float:
    """Return the lowest half mean squared error that a linear model can have."""
    with_bias = np.column_stack([x, np.ones(len(x))])
    return half_squared(x, y, np.linalg.lstsq(with_bias, y)[0])


def from_scratch(x: np.ndarray, y: np.ndarray, way: Way, seed: int) -> Iterator[np.ndarray]:
    """Yield weights and bias [features + 1] after every step of w <- w - lr * mean gradient of the batch."""
    weights = _start(seed, x.shape[1])
    for epoch in range(way.epochs):
        order = batch_order(seed, epoch, len(x))
        for first in range(0, len(x), way.batch):
            rows = order[first : first + way.batch]
            inputs = x[rows]
            error = inputs @ weights[:-1] + weights[-1] - y[rows]
            weights[:-1] -= way.lr * (error @ inputs) / len(rows)
            weights[-1] -= way.lr * error.mean()
            yield weights


def through_torch(x: np.ndarray, y: np.ndarray, way: Way, seed: int) -> Iterator[np.ndarray]:
    """Yield the same as `from_scratch`, with autograd and `torch.optim.SGD`."""
    inputs, targets, found = torch.from_numpy(x), torch.from_numpy(y), _start(seed, x.shape[1])
    both = torch.from_numpy(found)  # the optimiser changes its parts in place, and so what is yielded, without a copy
    weights, bias = both[:-1].requires_grad_(), both[-1].requires_grad_()
    optimiser = torch.optim.SGD([weights, bias], lr=way.lr)
    for epoch in range(way.epochs):
        order = torch.from_numpy(batch_order(seed, epoch, len(x)))
        for rows in order.split(way.batch):
            optimiser.zero_grad()
            error = inputs[rows] @ weights + bias - targets[rows]
            (error.square().mean() / 2).backward()
            optimiser.step()
            yield found


IMPLEMENTATIONS: dict[str, Callable[[np.ndarray, np.ndarray, Way, int], Iterator[np.ndarray]]] = {
    "from scratch": from_scratch,
    "torch.optim": through_torch,
}


def _start(seed: int, features: int) -> np.ndarray:
    weights = numpy_generator(seed, "minibatch start").normal(0, START_STD, features)
    return np.append(weights, 0.0)


def watch(name: str, x: np.ndarray, y: np.ndarray, way: Way, seed: int) -> Trace:
    """Train and look at the loss on all rows before, every `LOOK_EVERY` samples, and at the end of every epoch."""
    seen = [(0, 0.0, half_squared(x, y, _start(seed, x.shape[1])))]
    training = IMPLEMENTATIONS[name](x, y, way, seed)
    spent, began = 0.0, time.perf_counter()
    for step, weights in enumerate(training, 1):
        samples = min(step * way.batch, len(x) * way.epochs)
        if samples % len(x) == 0 or samples % LOOK_EVERY == 0:
            spent += time.perf_counter() - began
            seen.append((samples, spent, half_squared(x, y, weights)))
            began = time.perf_counter()
    return Trace(*map(np.array, zip(*seen, strict=True)))


def minibatch_study(seeds: int = 8, seed: int = 0, means: Means = IN_MEMORY) -> dict[str, Any]:
    """Train every way by both implementations over seeds; return the record."""
    began = time.monotonic()
    x, y = airfoil_rows()
    floor = least_squares(x, y)
    traces: dict[tuple[str, str], list[Trace]] = {(name, way.name): [] for name in IMPLEMENTATIONS for way in WAYS}
    with threadpool_limits(1):  # several threads on so little work would measure how they wait for each other
        for name in IMPLEMENTATIONS:
            watch(name, x, y, Way("warming up", 100, 0.1, 1), seed)  # what is done once is no way's time
        for s in range(seed, seed + seeds):
            means.on_stage("minibatch", f"seed {s}")
            for way in WAYS:
                for name in IMPLEMENTATIONS:  # in turn, so that a busy moment of the machine disturbs all alike
                    traces[name, way.name].append(watch(name, x, y, way, s))
    rows = [_row(way, traces, floor) for way in WAYS]
    scratch = {way.name: traces["from scratch", way.name] for way in WAYS}
    return {
        "answer": _answer(rows, scratch, traces, floor),
        "seeds": [seed, seed + seeds - 1],
        "seconds": time.monotonic() - began,
        "trainings": seeds * len(traces),
        "lines": [
            {
                "name": "epochs", "title": "Loss against passes over the data", "x_label": "epoch", "log_x": False,
                "y_label": "half mean squared error", "level": ["least squares", floor],
                "series": {name: _against(found, "samples", 1 / len(x)) for name, found in scratch.items()},
                "caption": "From scratch; torch.optim gives the same losses.",
            },
            {
                "name": "seconds", "title": "Loss against time", "x_label": "seconds of training", "log_x": True,
                "y_label": "half mean squared error", "level": ["least squares", floor],
                "series": {f"{way}, {name}": _against(found, "seconds") for (name, way), found in traces.items()},
                "caption": "Median seconds of the seeds; looking at the loss is not counted. The start, at 0 s, is not drawn.",
            },
        ],
        "tables": [{"title": "What each way arrives at", "header": list(rows[0]), "rows": [list(r.values()) for r in rows]}],
        "notes": [
            f"NASA airfoil self-noise, first {ROWS} rows, 5 features, standardised; linear model; weights start normal with"
            f" standard deviation {START_STD}, the bias at 0; loss at the start {figure(_first_loss(scratch))}, with all weights 0 {figure(half_squared(x, y, np.zeros(x.shape[1] + 1)))}.",
            f"Final losses published for these rates and batch sizes: {PUBLISHED[0]} to {PUBLISHED[1]}.",
            "Losses repeat to the last bit; seconds are measured on this machine, on one thread, and differ from run to run.",
        ],
    }  # fmt: skip


def _first_loss(traces: dict[str, list[Trace]]) -> float:
    return float(np.mean([trace.losses[0] for found in traces.values() for trace in found]))


def _against(traces: list[Trace], what: str, unit: float = 1.0) -> dict[str, Any]:
    """Return a line with its band and its own x; without the start where x is drawn on a logarithmic axis.

    Of seconds the median, for a moment in which the machine does something else is not the way's own.
    """
    x = np.median([getattr(trace, what) for trace in traces], axis=0) * unit
    first = 1 if what == "seconds" else 0
    return {"x": x[first:].tolist(), **band(np.array([trace.losses[first:] for trace in traces]))}


def _row(way: Way, traces: dict[tuple[str, str], list[Trace]], floor: float) -> dict[str, Any]:
    scratch, by_torch = (traces[name, way.name] for name in IMPLEMENTATIONS)
    mean, low, high = t_interval([trace.losses[-1] for trace in scratch])
    samples = _until(scratch, "samples", NEAR * floor)
    near = {name: _until(traces[name, way.name], "seconds", NEAR * floor) for name in IMPLEMENTATIONS}
    return {
        "way": way.name, "rate": way.lr, "epochs": way.epochs, "steps": way.epochs * -(-ROWS // way.batch),
        "final loss": mean, "low": low, "high": high, "above least squares": mean - floor,
        "epochs to 5 %": None if samples is None else samples / ROWS,
        **{f"ms to 5 %, {name}": None if seconds is None else 1000 * seconds for name, seconds in near.items()},
        "ms an epoch, from scratch": 1000 * _epoch_seconds(scratch, way),
        "ms an epoch, torch.optim": 1000 * _epoch_seconds(by_torch, way),
    }  # fmt: skip


def _epoch_seconds(traces: list[Trace], way: Way) -> float:
    return float(np.median([trace.seconds[-1] for trace in traces])) / way.epochs


def _until(traces: list[Trace], what: str, loss: float) -> float | None:
    """Return the median samples or seconds until a look finds at most this loss; None where a training never gets there."""
    found = [getattr(trace, what)[trace.losses <= loss] for trace in traces]
    return None if any(len(values) == 0 for values in found) else float(np.median([values[0] for values in found]))


def _answer(
    rows: list[dict[str, Any]],
    scratch: dict[str, list[Trace]],
    traces: dict[tuple[str, str], list[Trace]],
    floor: float,
) -> list[str]:
    finals = {name: {k: float(trace.losses[-1]) for k, trace in enumerate(found)} for name, found in scratch.items()}
    standings = rank(finals, smaller_is_better=True)
    worse = [standing.name for standing in standings if standing.verdict == "worse"]
    worst = max(row["final loss"] for row in rows)
    whole, single = rows[0], rows[-1]
    difference = max(
        abs(a.losses - b.losses).max()
        for way in WAYS
        for a, b in zip(traces["from scratch", way.name], traces["torch.optim", way.name], strict=True)
    )
    return [
        *_quickest(rows),
        f"All arrive: the mean final losses lie between {figure(standings[0].mean)} ({standings[0].name}) and {figure(worst)},"
        f" ordinary least squares at {figure(floor)} ({count(len(finals[standings[0].name]), 'seed')}); "
        + (f"worse than the best beyond doubt: {', '.join(worse)}." if worse else "no difference is beyond doubt."),
        f"One epoch takes {single['ms an epoch, from scratch'] / whole['ms an epoch, from scratch']:,.0f} times as long one by"
        f" one as with all {ROWS} rows at once, for it takes {ROWS} steps instead of one.",
        f"The loop from scratch and torch.optim differ by {difference:.0e} at most, at any look.",
    ]


def _quickest(rows: list[dict[str, Any]]) -> list[str]:
    """Say who is within 5 % of least squares after the fewest passes over the data, and who after the least time."""
    said = []
    if arrived := [row for row in rows if row["epochs to 5 %"] is not None]:
        fewest = min(row["epochs to 5 %"] for row in arrived)
        first = [row["way"] for row in arrived if row["epochs to 5 %"] == fewest]
        passes = f"within 5 % of least squares after the fewest passes over the data: {', '.join(first)} ({fewest:.2g} epochs)"
        soon = [(row[f"ms to 5 %, {name}"], row["way"], name) for row in arrived for name in IMPLEMENTATIONS]
        times = [min(found for found in soon if found[2] == name) for name in IMPLEMENTATIONS]
        by_clock = ", ".join(f"{way} {name} ({ms:.2g} ms)" for ms, way, name in times)
        said = [f"{passes[0].upper()}{passes[1:]}; after the least time: {by_clock}."]
    return said
