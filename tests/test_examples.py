"""The examples run, are short, and are the text of the how-tos."""

import os
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("name", ["train_block.py", "bloctrain.py"])
def test_what_was_trained_has_learned(name):
    done = subprocess.run([sys.executable, f"examples/{name}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout.split("test accuracy: ")[1][:4]) > 0.88


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_short_and_the_text_of_its_how_to(name):
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) < 90
    assert f"```python\n{text}```" in (ROOT / "docs" / SCRIPTS[name]).read_text()
