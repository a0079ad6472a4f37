"""`goodfit resume`: a run of any kind goes on where it was."""

from pathlib import Path
from typing import Annotated

import typer

from goodfit.cli.request import REQUEST
from goodfit.cli.search import resume_search
from goodfit.cli.steps import resume_step
from goodfit.cli.studies import resume_study
from goodfit.cli.training import resume_training
from goodfit.training import RunFolder


def resume_command(
    run: Annotated[
        Path,
        typer.Argument(help="Run folder of an interrupted 'goodfit train', 'step', 'search', 'compare' or 'study'."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Continue an interrupted run; what it has finished is kept, and the result is the same."""
    folder = RunFolder.open(run)
    asked = folder.read(REQUEST)
    kinds = {"study": resume_study, "step": resume_step, "over": resume_search}
    go_on = next((kind for name, kind in kinds.items() if isinstance(asked, dict) and name in asked), resume_training)
    go_on(folder, as_json, quiet)
