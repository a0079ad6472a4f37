"""`goodfit perceptron`: a threshold unit learns, its mistakes against their bound, and the proof where it cannot succeed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from goodfit.byhand.perceptron import Lesson, learn
from goodfit.byhand.two_classes import TOYS, TwoClasses, from_frame, toy
from goodfit.cli.console import say
from goodfit.cli.request import read_seed
from goodfit.data.builtin import BUILTIN, load_builtin
from goodfit.data.tables import read_table
from goodfit.errors import GoodfitError
from goodfit.report.perceptron_picture import draw_perceptron
from goodfit.report.picture import check_picture_path, write_picture
from goodfit.training.files import plain_json
from goodfit.wording import count, figure

MOST_SHOWN = 12
"""Sweeps in the printed table: of more, the first and the last."""


def perceptron_command(
    data: Annotated[
        str | None, typer.Argument(help="Table, or a name from 'goodfit data'. Default: a toy set.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Column of the two classes.")] = None,
    features: Annotated[str | None, typer.Option(help="Columns of numbers, a,b; default all.")] = None,
    toy_: Annotated[str | None, typer.Option("--toy", help="Toy set: separable (default), overlapping, xor.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Sweeps at most; default 1000, or 50 where nothing separates the classes.")
    ] = None,
    eta: Annotated[float, typer.Option(help="Learning rate; from weights 0 it changes no decision.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the toy set and of the order of the samples.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw boundary and mistakes: .png, .svg or .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Train a perceptron on two classes; say whether a hyperplane separates them, and prove it."""
    read_seed(seed)
    if plot is not None:
        check_picture_path(plot)
    if epochs is not None and epochs < 1:
        raise GoodfitError(f"--epochs {epochs}: a perceptron needs at least 1 sweep")
    if not 0 < eta < float("inf"):
        raise GoodfitError(f"--eta {eta:g}: a learning rate is above 0")
    if data is None and (target, features) != (None, None):
        raise GoodfitError("--target and --features are for a table: name one")
    if data is not None and toy_ is not None:
        raise GoodfitError(f"--toy {toy_} and {data} are both data: give one of them")
    samples = toy(toy_ or next(iter(TOYS)), seed) if data is None else _table_samples(data, target, features)
    lesson = learn(samples.standardised(), samples.y, eta=eta, epochs=epochs, seed=seed)
    if as_json:
        print(json.dumps(plain_json(_record(samples, lesson)), ensure_ascii=False))
    else:
        _print(samples, lesson)
    if plot is not None:
        write_picture(draw_perceptron(samples, lesson), plot)
        say(f"drawn: {plot}")


def _table_samples(data: str, target: str | None, features: str | None) -> TwoClasses:
    path = Path(data)
    if data in BUILTIN or not (path.exists() or path.suffix or path.parent != Path()):
        raw = load_builtin(data)
        if raw.frame is None:
            raise GoodfitError(f"{data} holds images: this perceptron takes a table of numbers")
        frame, target, name = raw.frame, target or raw.target, data
    else:
        frame, name = read_table(path).frame, path.name
    if target is None:
        raise GoodfitError(
            f"which column of {name} holds the classes? Give --target of {', '.join(frame.columns[:12])}"
        )
    chosen = None if features is None else [f.strip() for f in features.split(",") if f.strip()]
    return from_frame(frame, target, chosen, name=name)


def _record(samples: TwoClasses, lesson: Lesson) -> dict[str, Any]:
    sweeps, separability = lesson.sweeps, lesson.separability
    return {
        "data": samples.name, "samples": len(samples.y), "left_out": samples.left_out, "features": samples.features,
        "classes": samples.classes, "mean": samples.mean, "scale": samples.scale, "verdict": separability.kind,
        "words": lesson.words(), "converged": sweeps.converged, "mistakes": sweeps.mistakes, "wrong": sweeps.wrong,
        "weights": sweeps.weights, "bound": lesson.bound, "radius": lesson.radius,
        "margin": None if lesson.margin is None else asdict(lesson.margin), "certificate": asdict(separability),
    }  # fmt: skip


def _print(samples: TwoClasses, lesson: Lesson) -> None:
    console, sweeps = Console(highlight=False, soft_wrap=True), lesson.sweeps
    left_out = f" ({count(samples.left_out, 'row')} left out: something missing)" if samples.left_out else ""
    console.print(
        f"{samples.name}: {count(len(samples.y), 'sample')}{left_out}, {count(len(samples.features), 'feature')}, classes"
        f" {samples.classes[0]} (-1) and {samples.classes[1]} (+1)",
        markup=False,
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("sweep", "mistakes", "wrong after it"):
        table.add_column(heading, justify="right")
    total = len(sweeps.mistakes)
    ends = range(total) if total <= MOST_SHOWN else [*range(MOST_SHOWN - 3), None, total - 2, total - 1]
    for k in ends:
        row = ("…", "", "") if k is None else (str(k + 1), str(sweeps.mistakes[k]), str(sweeps.wrong[k]))
        table.add_row(*row)
    console.print(table, markup=False)
    for words in lesson.words():
        console.print(words, markup=False)
    own = samples.in_own_units(sweeps.weights[-1])
    slopes = " ".join(f"{w:+.4g} {name}" for w, name in zip(own[:MOST_SHOWN], samples.features, strict=False))
    if len(samples.features) < MOST_SHOWN:
        console.print(f"{samples.classes[1]} where {slopes} {own[-1]:+.4g} >= 0", markup=False)
    console.print(
        f"Convention: features standardised, a constant 1 among them for the bias; weights start at 0; R = {figure(lesson.radius)}"
        " is the longest sample, both R and gamma with the constant.",
        markup=False,
    )
