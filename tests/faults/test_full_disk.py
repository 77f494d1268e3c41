"""A full disk: one line that says so, nothing half-written, and rerunning with more space ends with the same bytes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from fault_tools import assert_same, files, half_written, last_stage, mounted
from tiny_pipeline import copied, environment, run

from tools.imports import ROOT

pytestmark = pytest.mark.faults
STEP, FASTER = 400 * 2**10, 1.3
"""Bytes by which the disk first grows after it was full, and how much more each time: DVC leaves what it had begun to copy."""
KINDS = ("json", "csv", "npz", "figure", "weights", "checkpoint", "spikes")


@pytest.mark.parametrize("kind", KINDS)
def test_every_writer_says_so_in_one_line(kind, tmp_path, trial):
    with mounted(tmp_path, "-t", "tmpfs", "-o", "size=64k", "tmpfs"), trial("a full disk under one writer: one line"):
        script = str(ROOT / "tests/fault_writers.py")
        (line,) = run(tmp_path, "python", script, kind, ok=False, PYTHONPATH=str(ROOT)).splitlines()
        assert line.startswith("error: ")
        assert "No space left on device" in line
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] in ([], ["lock"])


def repro(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["dvc", "repro"], cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip


def test_a_disk_that_is_full_again_and_again(untouched, finished, tmp_path, trial):
    disk, wanted = tmp_path / "disk", files(finished)
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        folder = copied(untouched, disk / "clone")
        size, step = shutil.disk_usage(disk).used, float(STEP)
        while True:
            size, step = size + int(step), step * FASTER
            subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)
            done = repro(folder)
            if done.returncode == 0:
                break
            said = [line for line in done.stdout.splitlines() if line.lower().startswith(("error", "safetensors"))]
            print(f"  full in {last_stage(done.stdout)}:", *said, sep="\n    ")
            with trial("a full disk in `dvc repro`: nothing half-written, same bytes with more space"):
                assert half_written(folder, wanted) == set()
        assert_same(folder, finished)
