"""Folders that may only be read: images are read from one, results that cannot be written are one line."""

import numpy as np
import pytest
from fault_tools import assert_same, error_lines, mounted, own_lines
from PIL import Image
from tiny_pipeline import read_params, run, write_params

pytestmark = pytest.mark.faults
SIZE = 8


def make_images(folder) -> None:
    draw = np.random.default_rng(0)
    for split, count in (("train", 25), ("test", 6)):
        for label in range(10):
            (folder / split / f"class{label}").mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / f"class{label}/{number:02}.png")


def read_only(folder):
    """The folder mounted over itself, read-only: root, whom modes do not bind, cannot write either."""
    return mounted(folder, "--bind", "-o", "ro", str(folder))


def test_an_image_folder(workspace, tmp_path, trial):
    make_images(tmp_path / "images")
    content = read_params(workspace)
    content["data"] |= {"source": "image_folder", "path": str(tmp_path / "images")}
    write_params(workspace, content)
    with read_only(tmp_path / "images"), trial("a read-only image folder: read all the same"):
        with pytest.raises(OSError, match="Read-only"):
            (tmp_path / "images/new").touch()
        run(workspace, "dvc", "repro", "prepare")
    assert '"source": "image_folder"' in (workspace / "data/prepared/manifest.json").read_text()


@pytest.mark.parametrize(("folder", "stage"), [("data", "prepare"), ("runs", "partition@b1"), (".dvc/cache", "partition@b1")])
def test_results_that_cannot_be_written(folder, stage, workspace, finished, trial):
    with trial(f"read-only {folder}/: one line, and all is well once it is writable"):
        with read_only(workspace / folder):
            output = run(workspace, "dvc", "repro", "-f", "-s", stage, ok=False)
            lines = own_lines(output) or error_lines(output)
            assert len(lines) == 1
            assert "Read-only file system" in lines[0]
        run(workspace, "dvc", "repro")
        assert_same(workspace, finished)


def test_a_stage_started_by_hand(workspace, trial):
    with read_only(workspace / "runs"), trial("a stage started by hand on a read-only runs/: one line"):
        (line,) = run(workspace, "python", "-m", "stages.partition", "b1", ok=False).splitlines()
        assert line.startswith("error: ")
        assert "Read-only file system" in line
