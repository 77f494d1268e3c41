"""kill -9 of a queue worker and of all it started: its experiment, queued again, has the same result."""

from pathlib import Path

import psutil
import pytest
import yaml
from fault_tools import EPOCHS, LONG, wait_until
from tiny_pipeline import run

pytestmark = pytest.mark.faults
SETTING = f"training.epochs={EPOCHS}"


def workers(folder: Path) -> list[psutil.Process]:
    """The queue workers of this folder, which run below .dvc/tmp/exps, with their children."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environ, arguments = process.info["environ"] or {}, process.info["cmdline"] or []
        if environ.get("PYTHONPATH") == str(folder) and ("queue-worker" in arguments or "exec-run" in arguments):
            found += [process, *process.children(recursive=True)]
    return found


def training(folder: Path) -> bool:
    """Whether a process of this folder trains."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        environ, arguments = process.info["environ"] or {}, process.info["cmdline"] or []
        if environ.get("PYTHONPATH") == str(folder) and "stages.train_end_to_end" in arguments:
            return True
    return False


def finish(folder: Path) -> str:
    """Start a worker and wait until the queue is through; what `dvc queue status` then says."""
    run(folder, "dvc", "queue", "start", "-j", "1")
    wait_until(lambda: not any(word in run(folder, "dvc", "queue", "status") for word in ("Queued", "Running")), 600)
    return run(folder, "dvc", "queue", "status")


@pytest.mark.xfail(strict=False, reason="does not dependably catch the worker while it trains")
def test_a_killed_worker(workspace, long_finished, trial):
    with trial("kill -9 of a queue worker and its children"):
        run(workspace, "dvc", "exp", "run", "--queue", "-n", "first", "-S", SETTING, LONG)
        run(workspace, "dvc", "queue", "start", "-j", "1")
        try:
            wait_until(lambda: training(workspace))
        finally:
            for process in workers(workspace):
                process.kill()
        wait_until(lambda: not workers(workspace))
        # A killed task stays listed as running until it is told to be dead.
        assert "Running" in run(workspace, "dvc", "queue", "status")
        run(workspace, "dvc", "queue", "kill", "--force", "first")
        assert "Failed" in run(workspace, "dvc", "queue", "status")

        run(workspace, "dvc", "exp", "run", "--queue", "-n", "second", "-S", SETTING, LONG)
        assert "Success" in finish(workspace)
        run(workspace, "dvc", "exp", "apply", "second")
        wanted, got = (yaml.safe_load((folder / "dvc.lock").read_text())["stages"][LONG] for folder in (long_finished, workspace))
        for out, same in zip(wanted["outs"], got["outs"], strict=True):
            assert out == same or out["path"].endswith("timing.json")
