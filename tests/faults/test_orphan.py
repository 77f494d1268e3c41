"""kill -9 of DVC alone: its child trains on, and a second run must neither disturb it nor share its checkpoints."""

import os
import signal

import pytest
from fault_tools import LONG, Running, assert_same, own_lines
from tiny_pipeline import run

pytestmark = pytest.mark.faults


def test_a_second_run_is_kept_out(long_workspace, long_finished, trial):
    with trial("kill -9 of dvc alone, its child training on"):
        first = Running(long_workspace, "dvc", "repro", "-s", LONG)
        assert first.wait_for("epoch 2/")
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()  # a zombie would still count as running for DVC
        said = run(long_workspace, "dvc", "repro", "-s", LONG, ok=False)
        assert len(own_lines(said)) == 1, said
        (line,) = own_lines(said)
        assert line.startswith("error: .resume/")
        assert "another process runs this very training; wait for it, or stop it" in line
        first.end()  # the child left behind
        run(long_workspace, "dvc", "repro", "-s", LONG)
        assert_same(long_workspace, long_finished)
