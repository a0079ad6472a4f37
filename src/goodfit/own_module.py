"""`goodfit.recipe(...)`: the seven steps on a PyTorch module of one's own, with the report written."""

import sys
import types
from pathlib import Path
from typing import Any

import goodfit.recipe
from goodfit.config import ModelFactory
from goodfit.recipe.own import OwnResult, run_own_recipe
from goodfit.recipe.plan import SILENT, Listener
from goodfit.report import write_report


def recipe(
    module_factory: ModelFactory, loss: Any, train_loader: Any, val_loader: Any, *, folder: Path | str | None = None,
    preset: str = "quick", seed: int = 0, settings: dict[str, Any] | None = None, metric: str | None = None,
    time_limit: float | None = None, device: str = "auto", listener: Listener = SILENT,
) -> OwnResult:  # fmt: skip
    """Take a module of one's own through the seven steps; with a `folder`, `report.html` is written there too.

    Arguments and errors are those of `goodfit.recipe.own.run_own_recipe`.
    """
    found = run_own_recipe(
        module_factory, loss, train_loader, val_loader, folder=folder, preset=preset, seed=seed, settings=settings,
        metric=metric, time_limit=time_limit, device=device, listener=listener,
    )  # fmt: skip
    if found.folder:
        write_report(found.record, found.folder / "report.html")
    return found


class _Recipe(types.ModuleType):
    """The package `goodfit.recipe`, which can be called too: as a function it is `recipe` above."""

    __call__ = staticmethod(recipe)


sys.modules[goodfit.recipe.__name__].__class__ = _Recipe
