"""Two `dvc repro` in one folder: DVC's locks let one of them work."""

import pytest
from fault_tools import LONG, Running, assert_same, error_lines
from tiny_pipeline import run

pytestmark = pytest.mark.faults


def test_the_second_is_refused(long_workspace, long_finished, trial):
    with trial("a second `dvc repro` while the first trains"):
        first = Running(long_workspace, "dvc", "repro", "-s", LONG)
        assert first.wait_for("epoch 2/")
        refused = run(long_workspace, "dvc", "repro", "-s", LONG, ok=False)
        (line,) = error_lines(refused)
        assert "is busy, it is being blocked by" in line
        assert f"(PID {first.process.pid})" in refused
        first.end()
        assert first.process.returncode == 0
        assert_same(long_workspace, long_finished)


def test_both_at_the_same_moment(long_workspace, long_finished, trial):
    with trial("two `dvc repro` started at the same moment"):
        both = [Running(long_workspace, "dvc", "repro", "-s", LONG) for _ in range(2)]
        outputs = [running.end() for running in both]
        assert 0 in [running.process.returncode for running in both]
        for running, output in zip(both, outputs, strict=True):
            assert len(error_lines(output)) == (running.process.returncode != 0)
        run(long_workspace, "dvc", "repro", "-s", LONG)
        assert_same(long_workspace, long_finished)
