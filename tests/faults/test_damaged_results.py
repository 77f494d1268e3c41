"""A damaged file under runs/ or data/prepared/: what `dvc repro` notices, and how to see what it does not."""

from pathlib import Path

import pytest
from fault_tools import assert_same, cut, error_lines, flip
from tiny_pipeline import run, stages_run

pytestmark = pytest.mark.faults
DAMAGED = (
    "data/prepared/train.npz", "runs/b0/encoder.json", "runs/b1/features/test.npy", "runs/b1/readout_test.npz",
    "runs/b1/block.safetensors", "runs/b2/groups.json", "runs/exits_test.npz", "runs/accounting/inference.csv",
)  # fmt: skip


def flip_and_touch(path: Path) -> None:
    flip(path)
    path.touch()


@pytest.mark.parametrize("damage", [cut, flip_and_touch])
def test_a_changed_file_is_restored_and_nothing_runs(damage, workspace, finished, trial):
    for name in DAMAGED:
        damage(workspace / name)
    output = run(workspace, "dvc", "repro")
    assert stages_run(output) == []
    assert_same(workspace, finished)
    for name in DAMAGED:
        with trial("a result truncated, or a bit of it flipped with a new time: restored"):
            assert (workspace / name).read_bytes() == (finished / name).read_bytes()


def test_a_flipped_bit_under_an_old_time_shows_with_fresh_digests(workspace, finished, tmp_path, trial):
    """DVC keeps digests by inode, size and time; an empty DVC_SITE_CACHE_DIR has it read the files anew."""
    run(workspace, "dvc", "status")
    for name in DAMAGED:
        flip(workspace / name)
    assert "up to date" in run(workspace, "dvc", "status")
    seen = run(workspace, "dvc", "status", DVC_SITE_CACHE_DIR=str(tmp_path / "fresh"))
    assert stages_run(run(workspace, "dvc", "repro", DVC_SITE_CACHE_DIR=str(tmp_path / "fresh"))) == []
    assert_same(workspace, finished)
    for name in DAMAGED:
        with trial("a bit of a result flipped under its old time: found by `DVC_SITE_CACHE_DIR=$(mktemp -d) dvc repro`"):
            assert name in seen or str(Path(name).parent) in seen


def test_infer_reads_the_digests_itself(workspace, trial):
    """Whatever DVC believes, the numbers of the reports never come from a result other than the recorded one."""
    name = "runs/b1/block.safetensors"
    with trial("a bit of the weights flipped under its old time: refused by `infer`"):
        flip(workspace / name)
        output = run(workspace, "python", "-m", "stages.infer", ok=False)
        (line,) = [line for line in output.splitlines() if line.startswith("error")]
        assert line.startswith(f"error: {name}: cannot be read (its content is not what the pipeline recorded)")


@pytest.mark.parametrize("share", [0, 0.31, 0.62, 0.93])
def test_a_truncated_lock_file(share, workspace, finished, trial):
    """DVC rewrites dvc.lock in place, so that a crash can cut it; results come back from the run cache, not from training."""
    with trial("dvc.lock cut off: goes on, or DVC names it; then `rm dvc.lock`, `dvc repro` restore all and train nothing"):
        lock = workspace / "dvc.lock"
        lock.write_bytes(lock.read_bytes()[: int(share * lock.stat().st_size)])
        output = run(workspace, "dvc", "repro", ok=None)
        assert "Traceback" not in output
        if "Updating lock file" not in output and "up to date" not in output:  # refused: DVC says where the file breaks off
            assert "dvc.lock" in output
            lock.unlink()
            output = run(workspace, "dvc", "repro")
        assert set(stages_run(output)) <= {"tables", "figures", "validate"}  # whose results Git holds, not the cache
        assert_same(workspace, finished)


def test_a_truncated_table_of_locks(workspace, trial):
    """DVC's own .dvc/tmp/rwlock, cut off by a crash, is one line that names it; removing it is the remedy."""
    with trial(".dvc/tmp/rwlock cut off: one line, gone with the file"):
        (workspace / ".dvc/tmp/rwlock").write_text('{"write": {')
        (line,) = error_lines(run(workspace, "dvc", "repro", "-f", "-s", "validate", ok=False))
        assert "rwlock" in line
        (workspace / ".dvc/tmp/rwlock").unlink()
        run(workspace, "dvc", "repro", "-f", "-s", "validate")
