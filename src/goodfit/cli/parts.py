"""Commands on the parts of networks: `activations` and `model`."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from goodfit.cli.console import say, table_console
from goodfit.cli.request import read_setting, typed
from goodfit.config import Config
from goodfit.data.augmentation import read_augmentation
from goodfit.data.decorrelation import read_decorrelation
from goodfit.errors import GoodfitError, did_you_mean
from goodfit.losses import find_loss
from goodfit.nn.activation_facts import ACTIVATION_FACTS
from goodfit.nn.models import MODELS, build_model, check_names, settled
from goodfit.nn.stages import Stage, stages
from goodfit.nn.through_depth import through_depth
from goodfit.optim.optimisers import find_optimiser
from goodfit.optim.schedules import rate_table
from goodfit.report.part_pictures import draw_activations, draw_zigzag
from goodfit.report.picture import check_picture_path, write_picture
from goodfit.training.files import plain_json
from goodfit.wording import figure

MOST_LAYERS_SHOWN = 6


def activations_command(
    names: Annotated[list[str] | None, typer.Argument(help="Activations; default all.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw values and derivatives: .png, .svg or .html.")] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Show mean, variance, saturated and dead units through so many layers.")
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Units of each layer, for --depth.")] = 256,
    init: Annotated[str, typer.Option(help="Initialiser, for --depth; auto: the one that belongs to each.")] = "auto",
    zigzag: Annotated[
        Path | None, typer.Option(help="Draw why all-positive inputs slow learning: .png, .svg or .html.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List activations: formula, range, where they saturate; of named ones also what to watch."""
    chosen = list(names or ACTIVATION_FACTS)
    for name in chosen:
        if name not in ACTIVATION_FACTS:
            known = ", ".join(ACTIVATION_FACTS)
            raise GoodfitError(
                f"there is no activation '{name}'{did_you_mean(name, ACTIVATION_FACTS)}: choose of {known}"
            )
    for path in filter(None, (plot, zigzag)):
        check_picture_path(path)
    rows = [{"name": name, **asdict(ACTIVATION_FACTS[name])} for name in chosen]
    layers = _through_depth(chosen, depth, width, init) if depth else []
    if as_json:
        print(json.dumps(plain_json({"activations": rows, "through_depth": layers}), ensure_ascii=False))
    else:
        _print_facts(rows)
        if names:
            _print_what_to_watch(rows)
        _print_depth(layers)
    if plot:
        write_picture(draw_activations(chosen), plot)
        say(f"drawn: {plot}")
    if zigzag:
        write_picture(draw_zigzag(), zigzag)
        say(f"drawn: {zigzag}")


def model_command(
    name: Annotated[str | None, typer.Argument(help="A model; without it, all are listed.")] = None,
    input: Annotated[str, typer.Option(help="Shape of one sample: 1x28x28, or 13.")] = "1x28x28",
    outputs: Annotated[int, typer.Option(min=1, help="Classes, or 1 for regression.")] = 10,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, key=value; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show the stages of a model: output shapes, parameters, multiply-adds."""
    if name is None:
        _list_models(as_json)
        return
    shape = _shape(input)
    config = Config(**read_beside("model", set_), model=name)
    check_settings(config)
    find_loss(config.loss, "regression" if outputs == 1 else "binary" if outputs == 2 else "multiclass")
    module = build_model(config, shape, outputs)
    rows = stages(module, shape)
    total = {
        "parameters": sum(p.numel() for p in module.parameters()),
        "multiply_adds": sum(row.multiply_adds for row in rows),
    }
    if as_json:
        listed = [asdict(row) for row in rows]
        print(json.dumps({"model": name, "input": shape, "outputs": outputs, "stages": listed, **total}))
        return
    _print_stages(config, shape, rows, total)


def read_beside(argument: str, set_: list[str] | None) -> dict[str, Any]:
    """Read the settings beside an argument that is one itself.

    Raises:
        GoodfitError: they hold it too.
    """
    settings = dict(map(read_setting, set_ or []))
    if argument in settings:
        raise GoodfitError(f"setting '{argument}' is what the command's argument names: leave it out of --set")
    return settings


def check_settings(config: Config) -> None:
    """Refuse names that no training takes, whatever its data."""
    check_names(config)
    find_optimiser(config.optimiser)
    rate_table(config, 1)
    if config.decorrelate != "none":
        read_decorrelation(config.decorrelate)
    for name in config.augment:
        read_augmentation(name)


def _print_facts(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "formula", "range", "centred", "saturates", "init"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            row["name"], row["formula"], f"{_bound(row['low'])} to {_bound(row['high'])}", _yes(row["zero_centred"]),
            row["saturates"], row["init"] or "–",
        )  # fmt: skip
    table_console().print(table, markup=False)


def _print_what_to_watch(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        monotone = "" if row["monotone"] else "; not monotone"
        print(f"{row['name']}: {row['watch']}{monotone} ({row['source']})")
        if row["untrainable"]:
            print(f"{row['name']}: {row['untrainable']}")


def _through_depth(names: list[str], depth: int, width: int, init: str) -> list[dict[str, Any]]:
    """Return a row for every activation and layer shown, evenly spread through depth."""
    shown = sorted({round(i) for i in _spread(depth)})
    rows = []
    for name in names:
        if ACTIVATION_FACTS[name].untrainable:
            continue
        found = through_depth(name, depth, width=width, init=init)
        for number in shown:
            layer = found[number - 1]
            saturated = None if layer.saturated is None else float(layer.saturated.mean())
            dead = None if layer.dead is None else int(layer.dead.sum())
            rows.append(
                {"name": name, "init": ACTIVATION_FACTS[name].init if init == "auto" else init, "layer": number,
                 "mean": layer.mean, "variance": layer.variance, "saturated": saturated, "dead": dead}
            )  # fmt: skip
    return rows


def _spread(depth: int) -> list[float]:
    count = min(depth, MOST_LAYERS_SHOWN)
    return [1 + (depth - 1) * i / max(count - 1, 1) for i in range(count)]


def _print_depth(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, title="untrained, standard normal inputs", title_justify="left")
    for heading in ("name", "init", "layer", "mean", "variance", "saturated", "dead units"):
        table.add_column(heading, justify="left" if heading in ("name", "init") else "right")
    for row in rows:
        saturated = "" if row["saturated"] is None else f"{row['saturated']:.1%}"
        dead = "" if row["dead"] is None else str(row["dead"])
        numbers = (str(row["layer"]), figure(row["mean"]), figure(row["variance"]))
        table.add_row(row["name"], row["init"], *numbers, saturated, dead)
    table_console().print(table)


def _print_stages(config: Config, shape: tuple[int, ...], rows: list[Stage], total: dict[str, int]) -> None:
    model = MODELS[str(config.model)]
    print(f"{config.model}: {model.about}")
    print(f"{_sizes(config)}; dropout {model.dropout}")
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "what", "output", "parameters", "multiply-adds"):
        table.add_column(heading, justify="right" if heading in ("parameters", "multiply-adds") else "left")
    table.add_row("input", "", _times(shape), "", "")
    for row in rows:
        table.add_row(row.name, row.kind, _times(row.shape), f"{row.parameters:,}", f"{row.multiply_adds:,}")
    table.add_row("total", "", "", f"{total['parameters']:,}", f"{total['multiply_adds']:,}")
    table_console().print(table)


def _sizes(config: Config) -> str:
    """Say the width and depth that a model has, and what they mean for it."""
    model, used = MODELS[str(config.model)], settled(config)
    depth = len(used.width) if isinstance(used.width, tuple) else used.depth
    means = "" if depth is None else f": {model.depth_means}"
    return f"width {typed(used.width) or 'none'}: {model.width_means}; depth {_depth(depth)}{means}"


def _list_models(as_json: bool) -> None:
    names = ("about", "activation", "norm", "width", "width_means", "depth", "depth_means", "dropout")
    rows = [{"name": name, **{key: getattr(entry, key) for key in names}} for name, entry in MODELS.items()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what it is", "norm", "activation", "width", "depth"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("width", "depth") else "left")
    for row in rows:
        numbers = (str(row["width"]), _depth(row["depth"]))
        table.add_row(row["name"], row["about"], row["norm"], row["activation"], *numbers)
    table_console().print(table)
    print("Width and depth where nothing is said; 'goodfit model NAME' tells what they mean and shows every stage.")


def _depth(depth: int | None) -> str:
    return "fixed" if depth is None else str(depth)


def _shape(text: str) -> tuple[int, ...]:
    """Read `1x28x28` or `13`."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) not in (1, 3) or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise GoodfitError(
            f"--input {text} is not the shape of a sample: write channels x height x width as 1x28x28, or 13"
        )
    return tuple(map(int, parts))


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _bound(value: float) -> str:
    return ("-" if value < 0 else "") + "∞" if math.isinf(value) else figure(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
