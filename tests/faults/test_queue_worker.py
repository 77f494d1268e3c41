"""kill -9 of a queue worker and all below it: DVC still calls the experiment running, and what has to be done to get it."""

import hashlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from fault_tools import EPOCHS, LONG, Running, assert_same, files, locked, locked_in, wait_until
from tiny_pipeline import copied, run

pytestmark = pytest.mark.faults
EXPERIMENT = ("--name", "victim", "-S", "seed=1", "-S", f"training.epochs={EPOCHS}", LONG)
"""Three stages: two short ones, and one training that is long enough to be killed in the middle."""
IN_VAIN = 15
"""Seconds given to a command that must not end by itself; an idle worker ends after ten."""


def processes(folder: Path) -> list[psutil.Process]:
    """All that work in the folder, the oldest first: workers, the experiments that they run, the stages of these."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def kill_all(folder: Path) -> int:
    """Kill (-9) them, parents before their children can tell them anything; how many there were."""
    count = 0
    while found := processes(folder):
        count += len(found)
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=10)
    return count


@pytest.fixture
def killed(workspace) -> Iterator[Path]:
    """The workspace whose queue worker is to be killed; nothing of it runs on behind the test."""
    yield workspace
    kill_all(workspace)


@pytest.fixture
def uninterrupted(finished, tmp_path) -> Iterator[Path]:
    """A workspace in which a worker ran the same experiment to its end."""
    folder = copied(finished, tmp_path / "uninterrupted")
    try:
        run(folder, "dvc", "exp", "run", "--queue", *EXPERIMENT)
        run(folder, "dvc", "queue", "start", "-j", "1")  # its output closes when the worker found the queue empty
        yield folder
    finally:
        kill_all(folder)


def said(folder: Path) -> str:
    """What the experiment that a worker took up last has printed."""
    logs = sorted(folder.glob(".dvc/tmp/exps/run/*/*.out"), key=lambda path: path.stat().st_mtime_ns)
    return logs[-1].read_text() if logs else ""


def experiments(folder: Path) -> list[str]:
    """The finished experiments, as git references."""
    return run(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps").split()


def outs_of_experiment(folder: Path) -> dict[str, str]:
    (reference,) = experiments(folder)
    return locked_in(run(folder, "git", "show", f"{reference}:dvc.lock"))


def assert_intact(folder: Path, finished: Path) -> None:
    """The workspace is as it was committed, nothing unfinished in it, and every cache object has the digest of its name."""
    assert_same(folder, finished)
    assert files(folder) == files(finished)
    assert run(folder, "git", "status", "--porcelain") == ""
    run(folder, "git", "fsck")
    assert "up to date" in run(folder, "dvc", "status")
    objects = [path for path in (folder / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    assert objects
    for path in objects:
        assert hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.name.removesuffix(".dir")


def test_killed_while_it_trains(killed, uninterrupted, finished, trial):
    folder = killed
    run(folder, "dvc", "exp", "run", "--queue", *EXPERIMENT)
    worker = Running(folder, "dvc", "queue", "start", "-j", "1")
    wait_until(lambda: "epoch 3/" in said(folder))
    with trial("kill -9 of a queue worker and all below it: workspace, commits and cache intact"):
        assert kill_all(folder) >= 3  # the worker, its experiment, the training
        worker.end()
        assert f"epoch {EPOCHS}/" not in said(folder)
        assert experiments(folder) == []
        assert_intact(folder, finished)

    # DVC goes on calling it running: no worker takes it up, it cannot be removed, and `--run-all` waits for it without end
    waiting = Running(folder, "dvc", "exp", "run", "--run-all")
    assert waiting.wait_for("epoch 3/")
    waiting.kill_after(IN_VAIN)  # and waits for the end of the worker that it started
    assert waiting.process.returncode == -signal.SIGKILL
    status = run(folder, "dvc", "queue", "status")
    assert "Running" in status
    assert "Worker status: 0 active" in status
    assert "'victim' is not a valid experiment name" in run(folder, "dvc", "queue", "remove", "victim", ok=False)

    with trial("a killed queue worker's experiment: queued again with its checkpoint, the bytes of an uninterrupted one"):
        (number,) = folder.glob(".dvc/tmp/exps/run/*/*.pid")
        assert not psutil.pid_exists(int(number.read_text()))  # or `dvc queue kill` would interrupt whoever has it now
        run(folder, "dvc", "queue", "kill", "victim")
        assert "Failed" in run(folder, "dvc", "queue", "status")
        run(folder, "dvc", "queue", "remove", "victim")
        (left,) = folder.glob(".dvc/tmp/exps/tmp*")
        shutil.copytree(left / ".resume", folder / ".resume", dirs_exist_ok=True)
        shutil.rmtree(left)
        run(folder, "dvc", "exp", "run", "--queue", "--copy-paths", ".resume", *EXPERIMENT)
        run(folder, "dvc", "queue", "start", "-j", "1")
        assert "Success" in run(folder, "dvc", "queue", "status")
        assert said(folder).count("is cached - skipping run") == 3
        assert "epoch 1/" not in said(folder)
        assert outs_of_experiment(folder) == outs_of_experiment(uninterrupted) != locked(finished)
        assert_intact(folder, finished)
        assert processes(folder) == []
