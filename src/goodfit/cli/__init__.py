"""The command line, a thin client of the package."""

from goodfit.cli.app import main as main
from goodfit.cli.app import run as run
