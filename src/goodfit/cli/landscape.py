"""`goodfit landscape` and `goodfit constrained`: what a function looks like, and its minimum under constraints."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from goodfit.cli.console import say
from goodfit.cli.places import read_box
from goodfit.errors import GoodfitError
from goodfit.landscape.constrained import PROBLEMS, Problem, Solution, find_problem, make_problem, solve
from goodfit.landscape.convexity import Convexity, check_convexity
from goodfit.landscape.critical_points import MOST_POINTS, CriticalPoint, flat_share
from goodfit.landscape.expression import parse
from goodfit.landscape.functions import FAMILIES, FUNCTIONS, find_function
from goodfit.landscape.verdict import Terrain
from goodfit.report.constrained_picture import draw_constrained
from goodfit.report.function_pictures import draw_function, draw_risks
from goodfit.report.picture import check_picture_path, write_picture
from goodfit.training.files import plain_json
from goodfit.wording import figure

FLAT = 0.05
"""Share of the box without slope from which on it is worth a word."""
MOST_SHOWN = 12
"""Critical points in the printed table: of more, the lowest."""


class FormulaCommand(TyperCommand):
    """A command that takes a formula which begins with a minus for what it is, and not for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put a space before such formulas, so that they do not look like options."""
        try:
            return super().parse_args(ctx, [f" {text}" if _begins_with_minus(text) else text for text in args])
        except typer.TyperException as error:
            problem = error.format_message().rstrip(".")
            if not re.match("No such option: -[^-]", problem):
                raise
            raise GoodfitError(
                f"{problem}, and it cannot be read as a formula either; another way to write one that begins with a "
                "minus is after --, such as -- '-x^2', or 0-x^2"
            ) from None


def _begins_with_minus(text: str) -> bool:
    if not text.startswith("-"):
        return False
    try:
        parse(text)
    except GoodfitError:
        return False
    return True


def landscape_command(
    functions: Annotated[
        list[str] | None,
        typer.Argument(help="Names or formulas; of several, the minima are compared. Default: list all."),
    ] = None,
    on: Annotated[str | None, typer.Option(help="Interval or box to look at: -2:2, or -2:2,-1:3.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show a function: critical points by the Hessian's eigenvalues, convex or not and the chord that proves it."""
    if plot is not None:
        check_picture_path(plot)
    if not functions:
        _list_functions(as_json)
        return
    terrains = []
    for text in functions:
        found = find_function(text)
        terrains.append(Terrain.survey(found.on(read_box(on, found.dimension)) if on else found))
    if len(terrains) == 1:
        _show_one(terrains[0], plot, as_json)
    else:
        _compare(terrains, plot, as_json)


def constrained_command(
    function: Annotated[
        str | None, typer.Argument(help="A name or a formula, or one of the examples; default: list them.")
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option("--subject-to", "-s", help="A constraint: 'x + y = 1', 'x^2 + y^2 <= 4'. May be repeated."),
    ] = None,
    on: Annotated[str | None, typer.Option(help="Interval or box to search: -2:2, or -2:2,-1:3.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it: .png, .svg or .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Find the lowest point under constraints by Lagrangian, penalty and projection, beside SciPy."""
    if plot is not None:
        check_picture_path(plot)
    if function is None:
        _list_problems(as_json)
        return
    if subject_to or function not in PROBLEMS:
        dimension = find_function(function).dimension
        problem = make_problem(function, subject_to or [], read_box(on, dimension) if on else None)
    else:
        problem = find_problem(function)
        if on:
            landscape = problem.landscape.on(read_box(on, problem.landscape.dimension))
            problem = Problem(problem.name, landscape, problem.constraints)
    solutions = solve(problem)
    if as_json:
        found = [asdict(s) | {"path": s.path.tolist()} for s in solutions]
        named = {"function": problem.landscape.formula, "constraints": [c.text for c in problem.constraints]}
        print(json.dumps(plain_json(named | {"solutions": found}), ensure_ascii=False))
    else:
        _print_solutions(problem, solutions)
    if plot is not None:
        write_picture(draw_constrained(problem, solutions), plot)
        say(f"drawn: {plot}")


def _show_one(terrain: Terrain, plot: Path | None, as_json: bool) -> None:
    convexity, flat = check_convexity(terrain.landscape), flat_share(terrain.landscape)
    if as_json:
        record = _record(terrain) | {"convexity": asdict(convexity) | {"kind": convexity.kind}, "flat_share": flat}
        print(json.dumps(plain_json(record), ensure_ascii=False))
    else:
        _print_one(terrain, convexity, flat)
    if plot is not None:
        write_picture(draw_function(terrain, convexity), plot)
        say(f"drawn: {plot}")


def _record(terrain: Terrain) -> dict[str, Any]:
    landscape = terrain.landscape
    critical = [asdict(c) for c in terrain.critical]
    return {"name": landscape.name, "formula": landscape.formula, "box": landscape.box, "critical_points": critical}


def _print_one(terrain: Terrain, convexity: Convexity, flat: float) -> None:
    console, landscape = Console(highlight=False), terrain.landscape
    box = " x ".join(f"[{low:g}, {high:g}]" for low, high in landscape.box)
    console.print(f"{landscape.name}: {landscape.formula} on {box} ({landscape.about})", markup=False)
    if terrain.flat and convexity.kind == "linear":
        value = terrain.height(_value(terrain, np.array(landscape.box).mean(-1)))
        console.print(
            f"flat: the value is {value} wherever it was looked at in the box, without any slope", markup=False
        )
        return
    _print_critical(console, terrain)
    if flat >= FLAT:
        console.print(f"the gradient vanishes: it is below 1 % of the steepest in {flat:.0%} of the box", markup=False)
    for words in convexity.words():
        console.print(words, markup=False)


def _print_critical(console: Console, terrain: Terrain) -> None:
    table, found = _table(("critical point", "at"), ("value", "eigenvalues of the Hessian")), len(terrain.critical)
    for point in terrain.critical[:MOST_SHOWN]:
        table.add_row(point.kind, terrain.place(point.point), terrain.height(point.value), _eigenvalues(point))
    if not found:
        console.print("no critical point was found in the box", markup=False)
        return
    console.print(table, markup=False)
    if found > MOST_SHOWN:
        stopped = f"; the search stopped at {found}: there may be a whole line or plane" if found == MOST_POINTS else ""
        console.print(f"and {found - MOST_SHOWN} more, none lower{stopped}", markup=False)


def _eigenvalues(point: CriticalPoint) -> str:
    missing = {0: "none, not differentiable there", 1: "none, no second derivative there"}
    return missing.get(point.derivatives) or ", ".join(map(figure, point.eigenvalues))


def _compare(terrains: list[Terrain], plot: Path | None, as_json: bool) -> None:
    """Compare lowest minima: what the minimum of each function after the first costs by the first."""
    if any(t.landscape.dimension != 1 for t in terrains):
        raise GoodfitError("several functions are compared where each has one variable: look at one at a time")
    if len({t.landscape.box for t in terrains}) > 1:
        raise GoodfitError("the functions are on different intervals: give one for all with --on, such as --on -1:2")
    first = terrains[0]
    rows = []
    for terrain in terrains:
        if terrain.lowest is None:
            raise GoodfitError(f"'{terrain.landscape.name}' has no minimum on the interval: choose another with --on")
        at = np.array(terrain.lowest.point)
        rows.append((terrain, float(at[0]), terrain.lowest.value, _value(first, at)))
    if as_json:
        found = [_record(t) | {"minimum_at": place, "minimum": low, "by_the_first": by} for t, place, low, by in rows]
        print(json.dumps(plain_json(found), ensure_ascii=False))
    else:
        table = _table(
            ("function",), ("minimum at", "value there", f"{first.landscape.name} there", "above its minimum")
        )
        for terrain, place, low, by in rows:
            table.add_row(terrain.landscape.name, figure(place), figure(low), figure(by), figure(by - rows[0][3]))
        Console(highlight=False).print(table, markup=False)
    if plot is not None:
        write_picture(draw_risks(terrains), plot)
        say(f"drawn: {plot}")


def _value(terrain: Terrain, at: np.ndarray) -> float:
    return float(terrain.landscape.value(torch.from_numpy(at)))


def _print_solutions(problem: Problem, solutions: list[Solution]) -> None:
    console = Console(highlight=False)
    console.print(
        f"minimise {problem.landscape.formula} subject to {', '.join(c.text for c in problem.constraints)}",
        markup=False,
    )
    table = _table(("method", "point"), ("value", "constraint broken by", "multipliers", "from SciPy's value"))
    reference = solutions[-1].value
    for s in solutions:
        point = ", ".join(f"{v:.6f}" for v in s.point)
        multipliers = "–" if s.multipliers is None else ", ".join(f"{v:.4g}" for v in s.multipliers)
        table.add_row(
            s.method, f"({point})", f"{s.value:.8g}", f"{s.violation:.1e}", multipliers, f"{s.value - reference:.1e}"
        )
    console.print(table, markup=False)


def _list_functions(as_json: bool) -> None:
    rows = [{"name": name, "formula": f.formula, "about": f.about} for name, f in FUNCTIONS.items()]
    rows += [
        {"name": f"{name}:{f.default:g}", "formula": f"takes {f.wants}", "about": f.about}
        for name, f in FAMILIES.items()
    ]
    _print_list(rows, as_json)


def _list_problems(as_json: bool) -> None:
    rows = [
        {"name": name, "formula": function, "subject to": ", ".join(constraints)}
        for name, (function, constraints, _) in PROBLEMS.items()
    ]
    _print_list(rows, as_json)


def _print_list(rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = _table(tuple(rows[0]), ())
    for row in rows:
        table.add_row(*row.values())
    Console(highlight=False).print(table, markup=False)


def _table(left: tuple[str, ...], right: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for headings, justify in ((left, "left"), (right, "right")):
        for heading in headings:
            table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table
