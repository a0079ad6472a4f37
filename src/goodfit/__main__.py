"""`python -m goodfit`."""

from goodfit.cli import run

run()
