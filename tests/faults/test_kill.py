"""kill -9 of the whole pipeline, wherever it is: rerunning ends with the bytes of a run that nothing interrupted."""

import os
import random
import signal
from pathlib import Path

import pytest
from fault_tools import Running, assert_same, error_lines, files, half_written, last_stage
from tiny_pipeline import copied, run, stages_run

pytestmark = pytest.mark.faults
SEED = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
FEWEST = 10
"""Kills in each round, at least."""
CUT_OFF = ("dvc.lock", ".dvc/tmp/rwlock")
"""Files that DVC writes in place, so that a kill may cut them off."""


def repro_and_kill(folder: Path, draw: random.Random) -> Running:
    """Run `dvc repro`, killing it up to three seconds after the start of its 1st to 3rd stage, or of its own."""
    running = Running(folder, "dvc", "repro")
    running.wait_for("Running stage", draw.choice((0, 1, 1, 2, 2, 3)))
    running.kill_after(draw.uniform(0, 3))
    return running


def mend(folder: Path, output: str) -> None:
    """Remove the file that DVC's one line says is not whole; any other mistake is not to be."""
    lines = error_lines(output) + [line for line in output.splitlines() if "validation failed" in line]
    assert lines, output
    for line in lines:
        (name,) = [name for name in CUT_OFF if name in line]
        print(f"  {name} was cut off by the kill before: removed")
        (folder / name).unlink()


@pytest.mark.parametrize("number", range(3))
def test_killed_anywhere(number, untouched, finished, tmp_path, trial):
    draw = random.Random(f"{SEED} {number}")
    print(f"\nround {number}: FAULTS_SEED={SEED}")
    folder, wanted = copied(untouched, tmp_path / "clone"), files(finished)
    kills = 0
    while (running := repro_and_kill(folder, draw)).process.returncode != 0:
        if running.process.returncode != -signal.SIGKILL:
            mend(folder, running.output)
        else:
            kills += 1
            with trial("kill -9 of `dvc repro` and its children, anywhere: only whole files"):
                print(f"  killed in {last_stage(running.output)}")
                assert half_written(folder, wanted) == set()
    print(f"  {kills} kills left behind {len(list((folder / 'runs').rglob('.*.part')))} unread .part files or folders in runs/")
    assert kills >= FEWEST
    with trial("a round of such kills: the bytes of an uninterrupted run"):
        assert_same(folder, finished)
        assert stages_run(run(folder, "dvc", "repro")) == []
