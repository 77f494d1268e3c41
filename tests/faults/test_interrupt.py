"""Ctrl-C: one line of our own, and rerunning ends with the same bytes."""

import signal
from pathlib import Path

import psutil
import pytest
from fault_tools import LONG, Running, assert_same, own_lines, wait_until
from tiny_pipeline import run

pytestmark = pytest.mark.faults


def test_ctrl_c_during_training(long_workspace, long_finished, trial):
    with trial("Ctrl-C during a training"):
        running = Running(long_workspace, "dvc", "repro", "-s", LONG)
        assert running.wait_for("epoch 3/")
        running.signal_group(signal.SIGINT)
        output = running.end()
        assert own_lines(output) == ["interrupted; run `dvc repro` to go on from the last finished epoch"], output
        assert running.process.returncode != 0
        again = run(long_workspace, "dvc", "repro", "-s", LONG)
        assert "epoch 3/" not in again
        assert_same(long_workspace, long_finished)


def loads_torch(process: psutil.Process) -> bool:
    """Whether a child of the process is about to import torch: its libraries are there, its modules follow."""
    maps = [Path(f"/proc/{child.pid}/maps") for child in process.children(recursive=True)]
    return any(path.exists() and "libtorch_cpu" in path.read_text() for path in maps)


def test_ctrl_c_while_a_stage_starts(long_workspace, trial):
    with trial("Ctrl-C while a stage imports its modules: one line"):
        running = Running(long_workspace, "dvc", "repro", "-s", LONG)
        wait_until(lambda: loads_torch(psutil.Process(running.process.pid)))
        running.signal_group(signal.SIGINT)
        assert len(own_lines(running.end())) <= 1
