"""Files damaged anywhere, read directly: a UserError of one line, or content that a flipped bit left readable."""

import random
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_tools import cut

from pipeline.base.errors import UserError
from pipeline.base.files import parameter_count, read_arrays, read_json
from pipeline.encoding.poisson import Encoder
from pipeline.encoding.storage import SpikeFile
from pipeline.training.weights import load_weights

pytestmark = pytest.mark.faults
READERS = {
    "runs/b1/block.safetensors": load_weights,
    "runs/b2/end_to_end/block.safetensors": parameter_count,
    "runs/b1/outputs_test.npz": read_arrays,
    "runs/b1/features/test.npy": SpikeFile,
    "runs/b1/features/test.json": SpikeFile,
    "runs/b0/encoder.json": Encoder.load,
    "runs/b1/hcd.json": read_json,
}
EDGE, CUTS = 128, 20
"""Bytes at each end of a file, where headers are, of which every bit is flipped; lengths to which it is truncated."""


def flipped(original: bytes) -> Iterator[bytes]:
    for position in {*range(len(original))[:EDGE], *range(len(original))[-EDGE:]}:
        for bit in range(8):
            yield original[:position] + bytes([original[position] ^ 1 << bit]) + original[position + 1 :]


def content_or_line(name: str, path: Path):
    """What the reader gives; None where it refuses in one line."""
    try:
        return READERS[name](path)
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        return None


@pytest.fixture
def file(request, finished, tmp_path) -> Path:
    """The file of the test's `name` in a copy of its folder."""
    name = request.getfixturevalue("name")
    shutil.copytree((finished / name).parent, tmp_path / "copy")
    return tmp_path / "copy" / Path(name).name


@pytest.mark.parametrize("name", READERS)
def test_truncated_anywhere(name, file, trial):
    original = file.read_bytes()
    draw = random.Random(name)
    for _ in range(CUTS):
        file.write_bytes(original[: draw.randrange(len(original))])
        with trial("a file truncated, read directly: one line, or content that is all there"):
            content_or_line(name, file)


@pytest.mark.parametrize("name", READERS)
def test_any_bit_of_a_header_flipped(name, file, trial):
    """Only npz has checksums; content with a flipped bit is for the digests of `infer` and DVC to find."""
    original = file.read_bytes()
    whole = READERS[name](file)
    with trial("any bit of a file's first and last 128 bytes flipped, read directly: one line, or readable content"):
        for content in flipped(original):
            file.write_bytes(content)
            found = content_or_line(name, file)
            if file.suffix == ".npz" and found is not None:
                assert {key: found[key].tobytes() for key in found} == {key: whole[key].tobytes() for key in whole}


CASES = [
    ("forward b1", "runs/b1/block.safetensors"), ("forward b2", "runs/b1/features/test.npy"),
    ("train_block b2", "runs/b1/features/train_r0.npy"), ("train_block b2", "runs/b1/next.json"),
    ("train_base b2", "data/prepared/train.npz"), ("forward_base b2", "runs/b1/base/features/test.npy"),
    ("train_hcd b2", "runs/b2/readout_test.npz"),
    ("partition b1", "runs/b1/outputs_validation.npz"), ("partition b2", "runs/b1/running.npz"),
    ("infer", "runs/b2/end_to_end/block.safetensors"), ("infer", "runs/b0/features/test.npy"),
    ("account", "runs/synaptic_operations.npz"), ("tables", "runs/latency.json"),
    ("tables", "runs/accounting/inference.csv"), ("figures", "runs/exits_test.npz"),
    ("report", "reports/figures/captions.json"), ("train_hcd b2", "runs/b2/block.safetensors"),
    ("validate", "reports/summary.json"), ("account", "runs/sweep.csv"),
    ("account", "runs/accuracy_by_depth.csv"), ("account", "runs/b2/timings.json"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "name"), CASES)
def test_a_stage_refuses_a_truncated_file(stage, name, workspace, monkeypatch, trial):
    module, *arguments = stage.split()
    monkeypatch.chdir(workspace)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    monkeypatch.delitem(sys.modules, f"stages.{module}", raising=False)
    cut(workspace / name)
    with trial("a stage started by hand on a truncated file: one line that names it"):
        with pytest.raises(SystemExit) as caught:
            runpy.run_module(f"stages.{module}", run_name="__main__")
        line = str(caught.value)
        assert line.startswith("error: ")
        assert name in line
        assert len(line.splitlines()) == 1
