"""The examples run, in their short form, as a user would start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_short(name: str, real_data: Path, folder: Path) -> str:
    """Return what an example prints."""
    command = [sys.executable, str(EXAMPLES / name), "--short"]
    environment = os.environ | {"GOODFIT_DATA": str(real_data)}
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.slow
def test_house_prices(real_data: Path, tmp_path: Path) -> None:
    printed = run_short("house_prices.py", real_data, tmp_path)
    assert "first training sample, standardised: (-0.7866, -0.0164), target 2.846" in printed
    assert "2-256-256-256-1: test MSE" in printed
    assert len(list(tmp_path.glob("runs/*/report.html"))) == 1


@pytest.mark.slow
def test_densenet(real_data: Path, tmp_path: Path) -> None:
    printed = run_short("densenet.py", real_data, tmp_path)
    losses = [float(loss) for loss in printed.splitlines()[0].split(": ")[-1].split(", ")]
    assert losses[-1] < 0.75 * losses[0], "six steps at 1x96x96"
    assert "densenet-bc at 1x28x28: 6 steps, seed 0, test accuracy" in printed
