"""`goodfit explain`: forward pass, back-propagation and update of a small network, every number in sight."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from goodfit.byhand.backpropagation import Explanation, explain
from goodfit.byhand.network import Network, draw_sample, make_network, written
from goodfit.byhand.notation import Quantity, tidy
from goodfit.cli.console import say
from goodfit.cli.request import read_seed
from goodfit.errors import GoodfitError
from goodfit.report.explain_latex import latex_explanation
from goodfit.report.explain_page import SECTIONS, remarks, render_explanation, title_of
from goodfit.report.network_graph import draw_step
from goodfit.report.picture import check_picture_path, write_picture
from goodfit.training.files import write_bytes
from goodfit.wording import count

MOST_LOSSES = 20
"""Losses printed; of more steps an even selection."""


def explain_command(
    x: Annotated[str | None, typer.Option("--x", help="Inputs: 0.5,1.0. Default: the example's, or drawn.")] = None,
    y: Annotated[
        str | None, typer.Option("--y", help="Targets, one for each output; with cross-entropy 0,1 for the 2nd class.")
    ] = None,
    widths: Annotated[str, typer.Option(help="Inputs, hidden neurons, outputs.")] = "2,2,1",
    weights: Annotated[
        str | None,
        typer.Option(help="Layer by layer, neuron by neuron: 1,0.5,0.5,0.7,1,2. Default: the example's, or drawn."),
    ] = None,
    biases: Annotated[str, typer.Option(help="Numbers, one for each neuron; or none, zeros, random.")] = "none",
    activation: Annotated[
        str, typer.Option(help="Of the hidden layers: one, or one for each: tanh,relu.")
    ] = "identity",
    output_activation: Annotated[str, typer.Option(help="Of the outputs.")] = "identity",
    loss: Annotated[
        str, typer.Option(help="half-squared-error, mean-squared-error, or cross-entropy (with softmax).")
    ] = "half-squared-error",
    eta: Annotated[str, typer.Option(help="Learning rate.")] = "0.1",
    steps: Annotated[int, typer.Option(help="Steps of gradient descent.")] = 1,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the network with its numbers: .png, .svg or .html.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write a page with graph and all lines: .html.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write a LaTeX document: .tex.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every line as JSON.")] = False,
) -> None:
    """Explain back-propagation on a small network: values, local derivatives, chain rule, update, loss before and after."""
    for path, ending in ((page, ".html"), (latex, ".tex")):
        if path is not None and path.suffix != ending:
            raise GoodfitError(f"the file {path} must end in {ending}")
    if plot is not None:
        check_picture_path(plot)
    network = make_network(
        _whole_numbers(widths, "--widths"), None if weights is None else _numbers(weights, "--weights"),
        biases if biases.isalpha() else _numbers(biases, "--biases"),
        activation if "," not in activation else [name.strip() for name in activation.split(",")],
        output_activation, loss, seed=read_seed(seed),
    )  # fmt: skip
    drawn_x, drawn_y = draw_sample(network, seed)
    inputs = drawn_x if x is None else _numbers(x, "--x")
    targets = drawn_y if y is None else _numbers(y, "--y")
    (rate,) = _numbers(eta, "--eta", wanted=1)
    explanation = explain(network, inputs, targets, eta=rate, steps=steps)
    if as_json:
        print(json.dumps(_record(explanation), ensure_ascii=False))
    else:
        _print(explanation, network)
    if plot is not None:
        write_picture(draw_step(explanation.steps[0], after=explanation.losses[1]), plot)
        say(f"drawn: {plot}")
    for target, render in ((page, render_explanation), (latex, latex_explanation)):
        if target is not None:
            _write(target, render(explanation))
            say(f"written: {target}")


def _print(explanation: Explanation, network: Network) -> None:
    """Print the first step in full, the forward pass after the last, and the losses."""
    console = Console(highlight=False)
    console.print(title_of(network), markup=False)
    console.print(
        f"x = ({written(explanation.x)}), y = ({written(explanation.y)}), η = {tidy(explanation.eta)}", markup=False
    )
    for remark in remarks(network):
        console.print(remark, markup=False)
    first, many = explanation.steps[0], len(explanation.steps)
    for name, (title, _) in SECTIONS.items():
        if lines := getattr(first, name):
            console.print(_table(f"{title}{', step 1' if many > 1 else ''}", lines, "←" if name == "updates" else "="))
    console.print(_table(f"Forward again, after {count(many, 'step')}", explanation.after))
    losses = explanation.losses
    if many > 1:
        shown = sorted({round(k * many / min(many, MOST_LOSSES)) for k in range(min(many, MOST_LOSSES) + 1)})
        table = Table(box=None, pad_edge=False)
        table.add_column("steps done", justify="right")
        table.add_column("loss")
        for k in shown:
            table.add_row(str(k), tidy(losses[k]))
        console.print("")
        console.print(table)
    console.print(f"\nLoss before {tidy(losses[0])}, after {count(many, 'step')} {tidy(losses[-1])}", markup=False)


def _table(title: str, lines: list[Quantity], sign: str = "=") -> Table:
    table = Table(
        box=None, pad_edge=False, show_header=False, title=f"\n{title}", title_justify="left", title_style="bold"
    )
    for overflow in ("ignore", "fold", "fold", "ignore"):
        table.add_column(overflow=overflow, no_wrap=overflow == "ignore")
    for line in lines:
        numbers = "" if line.numbers == line.formula else f"= {line.numbers}"
        note = f"  ({line.note})" if line.note else ""
        table.add_row(line.name, f"{sign} {line.formula}", numbers + note, f"= {tidy(line.value)}")
    return table


def _record(explanation: Explanation) -> dict[str, object]:
    """Return the explanation as plain JSON values."""
    steps = [
        {name: [asdict(line) for line in getattr(step, name)] for name in SECTIONS} | {"loss": step.loss}
        for step in explanation.steps
    ]
    return {
        "network": asdict(explanation.steps[0].network), "x": list(explanation.x), "y": list(explanation.y),
        "eta": explanation.eta, "steps": steps, "after": [asdict(line) for line in explanation.after],
        "losses": explanation.losses,
    }  # fmt: skip


def _numbers(text: str, option: str, wanted: int | None = None) -> tuple[float, ...]:
    """Read `0.5,1`; spaces and semicolons separate too."""
    found = []
    for piece in text.replace(";", " ").replace(",", " ").split():
        try:
            value = float(piece)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise GoodfitError(f"{option} {text}: '{piece}' is not a number")
        found.append(value)
    if not found or wanted not in (None, len(found)):
        raise GoodfitError(f"{option} '{text}': give {count(wanted, 'number') if wanted else 'numbers, such as 0.5,1'}")
    return tuple(found)


def _whole_numbers(text: str, option: str) -> tuple[int, ...]:
    values = _numbers(text, option)
    if any(value != int(value) for value in values):
        raise GoodfitError(f"{option} {text}: give whole numbers, such as 2,2,1")
    return tuple(map(int, values))


def _write(path: Path, text: str) -> None:
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise GoodfitError(f"cannot write {path}: {error.strerror}; choose another file") from None
