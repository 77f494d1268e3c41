"""The reporting stages run as commands, as DVC runs them."""

import os
import subprocess
import sys
from pathlib import Path

from fake_run import digits_params, write_run

ROOT = Path(__file__).parents[2]


def run(root: Path, stage: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"stages.{stage}", *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)


def make_reports(root: Path) -> None:
    """Everything under `root`/reports, from the run of fake_run with the parameters of the digits experiment."""
    write_run(root, digits_params())
    for stage in ("tables", "figures", "validate", "report"):
        done = run(root, stage)
        assert done.returncode == 0, done.stderr
