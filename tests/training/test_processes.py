"""Two processes train what one process trains."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file

from tools.imports import ROOT

STAGES = [("prepare",), ("encode",), ("start",), ("train_block", "b1")]


def trained(folder, content, devices):
    content["compute"] |= {"devices": devices, "device": "cpu", "threads": 1, "precision": "32"}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for stage, *arguments in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}", *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
    history = pd.read_csv(folder / "runs/b1/history.csv")
    return history, load_file(folder / "runs/b1/block.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["reference", "events"])
def test_two_processes_give_the_weights_of_one(kernel, tmp_path, make_content):
    """Gradients are summed in another order, so weights agree to rounding, not to the bit."""
    content = make_content({"training.epochs": 2, "training.batch_size": 16, "training.dropout": 0.5, "compute.micro_batch": 4,
                            "compute.kernel": kernel})  # fmt: skip
    results = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        folder.mkdir()
        results.append(trained(folder, content, devices))
        assert not (folder / ".resume").exists() or not any((folder / ".resume").iterdir())
    (one, weights_one), (two, weights_two) = results
    np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-3)
    for name, value in weights_one.items():
        assert np.linalg.norm(value - weights_two[name]) <= 1e-3 * np.linalg.norm(value), name
