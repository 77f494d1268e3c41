"""The examples run, are short, and are the text of the how-tos."""

import os
import re
import runpy
import subprocess
import sys

import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.engine.choose import choose_engine
from pipeline.engine.reference import ReferenceEngine
from pipeline.network.build import build_block
from tools.imports import ROOT

SCRIPTS = {
    "predict.py": "howto-predict.md",
    "train_block.py": "howto-train.md",
    "bloctrain.py": "howto-train.md",
    "own_layer.py": "howto-layer.md",
    "own_loss.py": "howto-loss.md",
}
SAID = {
    "predict.py": "of the operations", "train_block.py": "test accuracy: ", "bloctrain.py": "leave after block 1",
    "own_layer.py": "gradient of the learned leak: ",
    "own_loss.py": "right 1.00",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_runs(name):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, f"examples/{name}"], cwd=ROOT, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout


def printed(name):
    done = subprocess.run([sys.executable, f"examples/{name}"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_trained_block_has_learned():
    assert float(printed("train_block.py").split("test accuracy: ")[1]) > 0.9


def test_images_leave_the_two_blocks_early_and_are_right():
    found = re.findall(r"theta_conf (.*): (.*)% leave after block 1, test accuracy: (.*)", printed("bloctrain.py"))
    assert [theta for theta, *_ in found] == ["1.0", "0.9", "0.7"]
    assert float(found[-1][1]) > 50 and all(float(accuracy) > 0.88 for *_, accuracy in found)


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_short_and_the_text_of_its_how_to(name):
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) < 90
    assert f"```python\n{text}```" in (ROOT / "docs" / SCRIPTS[name]).read_text()


@pytest.fixture(scope="module")
def own_layer():
    """`own_layer(engine)`: the block of that example."""
    made = runpy.run_path(str(ROOT / "examples/own_layer.py"))
    return lambda engine: build_block(made["design"], ["b1"], (1, 16, 16), 3, False, "b1", engine, made["make_layer"])


@pytest.mark.parametrize("kernel", ["reference", "lean", "fused", "events"])
def test_the_layer_gives_every_engine_its_dtype(kernel, own_layer):
    try:
        engine = choose_engine(kernel, "cpu", "bf16")
    except UserError as error:
        pytest.skip(str(error))
    spikes = torch.randint(-1, 2, (6, 2, 1, 16, 16), generator=torch.Generator().manual_seed(0)).bfloat16()
    block = own_layer(engine)
    with torch.autocast("cpu", torch.bfloat16):
        assert block.trunk.layers["b1_0"]([spikes]).dtype == torch.bfloat16
        assert block(spikes).spikes.any()


def test_the_layer_keeps_its_state_on_the_device(own_layer):
    block = own_layer(ReferenceEngine("meta")).to("meta")
    assert block.trunk.layers["b1_0"]([torch.zeros(6, 2, 1, 16, 16, device="meta")]).device.type == "meta"
