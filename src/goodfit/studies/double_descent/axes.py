"""The four ways to look at it: against size, against time, against samples, and size and time together."""

from typing import Any

import numpy as np

from goodfit.studies.comparison import Means
from goodfit.studies.double_descent import words
from goodfit.studies.double_descent.figures import curve, heat_map
from goodfit.studies.double_descent.points import Point, Results, collect
from goodfit.studies.double_descent.setting import Setting, epochs_grid, sample_counts
from goodfit.studies.double_descent.shape import find_peak, interpolates, threshold

EPOCH_SHARES = {"small": 0.3, "critical": 1.0, "large": 8.0}
"""Sizes of which the curve against time is shown, in shares of the values to fit."""


def against_size(s: Setting, seed: int, seeds: int, means: Means) -> dict[str, Any]:
    """Sizes from far too small to ten times what interpolates; the cures beside them."""
    plain = [Point(width, s.samples, s.to_end) for width in s.widths]
    stopped = [[*(Point(w, s.samples, stop) for stop in s.stops), p] for w, p in zip(s.widths, plain, strict=True)]
    decayed = [[p, *(Point(p.width, p.samples, p.epochs, decay) for decay in s.decays)] for p in plain]
    results = collect(s.learner, [p for points in (*stopped, *decayed) for p in points], seed, seeds, means)
    sizes, tested = [s.at(width) for width in s.widths], results.of(plain, "test_loss")
    border = threshold(sizes, interpolates(results.of(plain, "train_loss"), s.constant))
    cures = {f"best {s.decay}": results.tuned(decayed), "stopped in time": results.tuned(stopped)}
    losses = {name: results.of(points, "test_loss") for name, points in cures.items()}
    shares = [s.share(width, s.samples) for width in s.widths]
    return _record(results) | {
        "answer": [
            *words.of_threshold(s, border, None if border is None else shares[sizes.index(border)]),
            *words.of_curve(find_peak(tested), tested, sizes, s.size),
            words.of_errors(
                results.of(plain, "test_error"), results.of(plain, "train_error"), sizes, s.size, s.rows.error_unit
            ),
            *words.of_cures(tested, losses),
        ],
        "descents": [
            *_losses_and_errors(s, results, plain, sizes, s.size, border),
            curve(
                "cures", "What removes the peak", s.size, "test loss", sizes, {"neither": tested, **losses}, border, log_y=True,
                caption=f"The {s.decay} and the time are chosen for each size on held-out rows that do not judge.",
            ),
        ],
        "tables": [_table(s, results, plain, cures, shares)],
    }  # fmt: skip


def against_time(s: Setting, seed: int, seeds: int, means: Means) -> dict[str, Any]:
    """One small, one critical and one large model, or the one that was asked for, looked at ever later."""
    times = epochs_grid(s)
    widths = {f"{name} ({{}})": s.width_for(share) for name, share in EPOCH_SHARES.items()}
    if s.fixed_width:
        widths = {"{}": s.fixed_width}
    widths = {name.format(f"{s.at(width):,.0f} {s.size}"): width for name, width in widths.items()}
    lines = {name: [Point(width, s.samples, time) for time in times] for name, width in widths.items()}
    results = collect(s.learner, [p for points in lines.values() for p in points], seed, seeds, means)
    answer, borders = [], {}
    for name, points in lines.items():
        tested = results.of(points, "test_loss")
        borders[name] = threshold(times, interpolates(results.of(points, "train_loss"), s.constant))
        answer += words.of_time(name, find_peak(tested), tested, times, s.time, borders[name])
    shown_border = next(border for name, border in borders.items() if s.fixed_width or name.startswith("critical"))
    regimes = ("underfitted", "critical", "interpolated")
    shown = [
        ("test_loss", "Test loss against time", "test loss", True),
        ("train_loss", "Training loss against time", "training loss", True),
        ("test_error", "Test error against time", f"test error ({s.rows.error_unit})", False),
        ("train_error", "Training error against time", f"training error ({s.rows.error_unit})", False),
    ]
    caption = "" if s.fixed_width else "The regimes are those of the critical size."
    return _record(results) | {
        "answer": answer,
        "descents": [
            curve(
                measure, title, s.time, label, times, {name: results.of(points, measure) for name, points in lines.items()},
                shown_border, log_y=log_y, regimes=regimes, caption=caption,
            )
            for measure, title, label, log_y in shown
        ],
        "tables": [],
    }  # fmt: skip


def against_samples(s: Setting, seed: int, seeds: int, means: Means) -> dict[str, Any]:
    """A model of one size on ever more samples."""
    width = s.fixed_width or s.width_for(1.0)
    counts = sample_counts(s, width)
    plain = [Point(width, count, s.to_end) for count in counts]
    decayed = [[p, *(Point(p.width, p.samples, p.epochs, decay) for decay in s.decays)] for p in plain]
    results = collect(s.learner, [p for points in decayed for p in points], seed, seeds, means)
    tested = results.of(plain, "test_loss")
    border = threshold(counts, interpolates(results.of(plain, "train_loss"), s.constant), larger=False)
    cured = results.of(results.tuned(decayed), "test_loss")
    regimes = ("modern", "critical", "classical")
    return _record(results) | {
        "answer": [
            *words.of_samples(find_peak(tested), tested, counts, f"{s.at(width):,.0f} {s.size}", border),
            *words.of_cures(tested, {f"best {s.decay}": cured}),
        ],
        "descents": [
            *_losses_and_errors(s, results, plain, counts, "samples", border, regimes),
            curve(
                "cures", "What removes the peak", "samples", "test loss", counts, {"neither": tested, f"best {s.decay}": cured},
                border, log_y=True, regimes=regimes, caption=f"The {s.decay} is chosen for each number on held-out rows that do not judge.",
            ),
        ],
        "tables": [],
    }  # fmt: skip


def size_and_time(s: Setting, seed: int, seeds: int, means: Means) -> dict[str, Any]:
    """Every size at every time, as a map."""
    times, widths = epochs_grid(s), s.map_widths
    grid = [[Point(width, s.samples, time) for width in widths] for time in times]
    results = collect(s.learner, [p for row in grid for p in row], seed, seeds, means)
    sizes = [s.at(width) for width in widths]

    def cells(measure: str) -> np.ndarray:
        found = np.array([results.of(row, measure) for row in grid])  # [times, seeds, sizes]
        return np.asarray(found.mean(1) if measure == "test_error" else np.exp(np.log(found).mean(1)))

    columns = [[row[k] for row in grid] for k in range(len(widths))]
    borders = [threshold(times, interpolates(results.of(column, "train_loss"), s.constant)) for column in columns]
    caption = "Line: from there on upwards the training loss counts as zero."
    return _record(results) | {
        "answer": words.of_map(cells("test_loss"), sizes, times, s, borders),
        "maps": [
            heat_map("loss-map", "Test loss", s.size, s.time, sizes, times, cells("test_loss"), borders, log=True, caption=caption),
            heat_map("error-map", "Test error", s.size, s.time, sizes, times, cells("test_error"), borders, log=False, caption=caption),
        ],
        "tables": [],
    }  # fmt: skip


AXES = {"width": against_size, "epochs": against_time, "samples": against_samples, "map": size_and_time}


def _record(results: Results) -> dict[str, Any]:
    return {"seeds": [results.seeds[0], results.seeds[-1]], "trainings": results.trainings}


def _losses_and_errors(
    s: Setting, results: Results, points: list[Point], x: Any, x_label: str, border: float | None,
    regimes: tuple[str, str, str] = ("classical", "critical", "modern"),
) -> list[dict[str, Any]]:  # fmt: skip
    pairs = {
        kind: {part: results.of(points, f"{part}_{kind}") for part in ("test", "train")} for kind in ("loss", "error")
    }
    named = {
        kind: {{"test": "test", "train": "training"}[part]: v for part, v in found.items()}
        for kind, found in pairs.items()
    }
    error = f"error ({s.rows.error_unit})"
    return [
        curve(
            "loss", f"Loss against {x_label}", x_label, "loss", x, named["loss"], border, log_y=True, regimes=regimes
        ),
        curve("error", f"Error against {x_label}", x_label, error, x, named["error"], border, regimes=regimes),
    ]


def _table(
    s: Setting, results: Results, plain: list[Point], cures: dict[str, list[Point]], shares: list[float]
) -> dict[str, Any]:
    (decay, decayed), (_, stopped) = cures.items()
    rows = [
        [
            s.at(point.width), *([] if s.size == "features" else [point.width]), shares[k], *(float(np.nanmean(results.of([point], m))) for m in
            ("train_loss", "train_error", "test_loss", "test_error")), decayed[k].decay, stopped[k].epochs,
        ]
        for k, point in enumerate(plain)
    ]  # fmt: skip
    header = [
        s.size, *([] if s.size == "features" else ["width"]), "parameters / (samples x outputs)", "training loss", "training error", "test loss", "test error",
        decay, f"{s.time} when stopped",
    ]  # fmt: skip
    return {"title": "Every size: means over the seeds, and what the tuning chose", "header": header, "rows": rows}
