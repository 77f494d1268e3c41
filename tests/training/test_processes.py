"""Two processes train what one process trains."""

import os
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file

from tools.imports import ROOT

STAGES = [("prepare",), ("encode",), ("start",), ("train_block", "b1")]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def trained(folder, content, devices=1, nodes=1):
    """History and weights of block 1; every stage is started once, the training once for each of the nodes."""
    content["compute"] |= {"devices": devices, "nodes": nodes, "device": "cpu", "threads": 1, "precision": "32"}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for stage, *arguments in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}", *arguments]
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()} if nodes > 1 else {}
        running = [
            subprocess.Popen(
                command, cwd=folder, env=environment | place | {"NODE_RANK": str(node)}, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
            )
            for node in range(nodes if stage == "train_block" else 1)
        ]  # fmt: skip
        said = [each.communicate(timeout=200)[0] for each in running]
        assert [each.returncode for each in running] == [0] * len(running), "\n".join(said)
    history = pd.read_csv(folder / "runs/b1/history.csv")
    return history, load_file(folder / "runs/b1/block.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["reference", "events"])
@pytest.mark.parametrize("several", [{"devices": 2}, {"nodes": 2}], ids=["devices", "nodes"])
def test_two_processes_give_the_weights_of_one(several, kernel, tmp_path, make_content):
    """Gradients are summed in another order, so weights agree to rounding, not to the bit. Nodes: two processes that are started
    apart and think they are two machines."""
    content = make_content({"training.epochs": 2, "training.batch_size": 16, "training.dropout": 0.5, "compute.micro_batch": 4,
                            "compute.kernel": kernel})  # fmt: skip
    results = []
    for how in ({}, several):
        folder = tmp_path / f"run{len(results)}"
        folder.mkdir()
        results.append(trained(folder, content, **how))
        assert not (folder / ".resume").exists() or not any((folder / ".resume").iterdir())
    (one, weights_one), (two, weights_two) = results
    np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-3)
    for name, value in weights_one.items():
        assert np.linalg.norm(value - weights_two[name]) <= 1e-3 * np.linalg.norm(value), name
