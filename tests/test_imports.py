"""Imports go only downward through the floors of the design, and never in a circle."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "goodfit"
FLOORS = [
    {
        "errors",
        "identity",
        "_version",
        "_processor",
        "wording",
        "calls",
        "metrics",
        "calibration",
        "conformal",
        "decision",
        "randomness",
        "config",
        "data",
        "memory",
        "task",
        "paired",
    },  # ground
    {"nn", "optim", "losses"},  # parts
    {"landscape", "byhand"},  # aside
    {"population"},  # engine
    {"model", "runs", "load", "training"},  # verb
    {"search", "ensemble", "baselines", "recipe", "estimators", "studies", "transfer"},  # clients
    {"report"},  # telling
    {"cli", "own_module", "__main__"},  # faces
]
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}


@cache
def imports() -> dict[str, set[str]]:
    """Every module of the package with the modules of the package that it imports, also inside functions."""
    names = {".".join(p.relative_to(ROOT.parent).with_suffix("").parts): p for p in ROOT.rglob("*.py")}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    found = {}
    for name, path in names.items():
        wanted = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                raise AssertionError(f"{path}:{node.lineno} imports relatively: write goodfit.... in full")
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "goodfit":
                full = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted |= {f if f in names else str(node.module) for f in full}
            elif isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names if alias.name in names}
        found[name] = wanted - {name}
    return found


def unit(module: str) -> str:
    return module.split(".")[1] if "." in module else "goodfit"


def test_every_module_has_a_floor() -> None:
    assert {unit(name) for name in imports()} - {"goodfit"} == set(FLOOR_OF)


@pytest.mark.parametrize("module", sorted(imports()))
def test_imports_go_downward(module: str) -> None:
    if module == "goodfit":
        return
    assert "goodfit" not in imports()[module], f"{module} imports from goodfit itself, which is above all floors"
    upward = {wanted for wanted in imports()[module] if FLOOR_OF[unit(wanted)] > FLOOR_OF[unit(module)]}
    assert not upward, f"{module} imports from a floor above: {upward}"


@pytest.mark.parametrize("aside", ["landscape", "byhand"])
def test_the_aside_floor_needs_the_parts_only(aside: str) -> None:
    wanted = {unit(w) for name, found in imports().items() if unit(name) == aside for w in found}
    assert wanted <= {aside} | FLOORS[0] | FLOORS[1]


def test_no_circles() -> None:
    graph = {name: {w for w in wanted if w != "goodfit"} for name, wanted in imports().items() if name != "goodfit"}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"circle: {' -> '.join([*path, name])}"
        if name not in done:
            for wanted in graph[name]:
                visit(wanted, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())
