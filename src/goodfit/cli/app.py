"""The command `goodfit`: its sub-commands, and the boundary where errors become one line and an exit code."""

import sys
import warnings
from collections.abc import Sequence

import typer

from goodfit._version import __version__
from goodfit.cli import (
    apply,
    descend,
    explain,
    initialisers,
    landscape,
    parts,
    perceptron,
    prepare,
    resume,
    schedules,
    search,
    steps,
    studies,
    training,
)
from goodfit.cli.console import complain, say
from goodfit.errors import GoodfitError

USER_MISTAKE, INTERRUPTED = 2, 130

app = typer.Typer(
    name="goodfit",
    help="Train neural networks the careful way, and see why the result can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("train")(training.train_command)
app.command("step")(steps.step_command)
app.command("search")(search.search_command)
app.command("compare")(studies.compare_command)
app.command(
    "study", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, epilog=studies.OWN_OPTIONS
)(studies.study_command)
app.command("resume")(resume.resume_command)
app.command("predict")(apply.predict_command)
app.command("report")(apply.report_command)
app.command("inspect")(apply.inspect_command)
app.command("data")(apply.data_command)
app.command("prepare")(prepare.prepare_command)
app.command("initialisers")(initialisers.initialisers_command)
app.command("activations")(parts.activations_command)
app.command("model")(parts.model_command)
app.command("schedules")(schedules.schedules_command)
app.command("landscape", cls=landscape.FormulaCommand)(landscape.landscape_command)
app.command("descend", cls=landscape.FormulaCommand)(descend.descend_command)
app.command("constrained", cls=landscape.FormulaCommand)(landscape.constrained_command)
app.command("explain")(explain.explain_command)
app.command("perceptron")(perceptron.perceptron_command)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 2 for the user's mistake, 130 after Ctrl-C."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: say(f"goodfit: warning: {message}")
            code = app(args=list(sys.argv[1:] if arguments is None else arguments), standalone_mode=False)
    except GoodfitError as error:
        complain(str(error))
        return USER_MISTAKE
    except typer.TyperException as error:
        text = error.format_message()  # names the option, which str(error) does not
        if text:
            complain(f"{text.rstrip('.')} (see 'goodfit --help')")
        return USER_MISTAKE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away: nothing to say, nobody to say it to
        return 1
    return code if isinstance(code, int) else 0  # typer returns the code of an exit and of Ctrl-C


def run() -> None:
    """Entry point of the installed script."""
    code = main()
    # an interrupt inside text that was being executed (every dataclass does that) is noted by Python, which at the end
    # kills itself by the signal instead of exiting with our code; executing anything else takes the note away
    exec("")
    sys.exit(code)
