"""Two processes train what one process trains, however they are started."""

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


def by_variables(command, node, port):
    """A process as docs/parameters.md asks for it."""
    return command, {"NODE_RANK": str(node), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}


def by_torchrun(command, node, port):
    """torchrun on each machine."""
    machines = ["--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
    return [command[0], "-m", "torch.distributed.run", *machines, "--master-port", port, *command[1:]], {}


def by_srun(command, node, port):
    """The variables that srun sets, of two machines with one task each."""
    return command, {
        "SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "1", "SLURM_NODELIST": "127.0.0.1", "SLURM_NNODES": "2", "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "1", "SLURM_PROCID": str(node), "SLURM_LOCALID": "0", "SLURM_NODEID": str(node),
        "MASTER_PORT": port,
    }  # fmt: skip


def trained(folder, content, devices=1, nodes=1, start=by_variables):
    """History and weights of block 1; every stage is started once, the training once for each of the nodes."""
    content["compute"] |= {"devices": devices, "nodes": nodes, "device": "cpu", "threads": 1, "precision": "32"}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    for stage, *arguments in STAGES:
        command = [sys.executable, "-m", f"stages.{stage}", *arguments]
        together, port = stage == "train_block" and nodes > 1, free_port()
        started = [start(command, node, port) for node in range(nodes)] if together else [(command, {})]
        running = [
            subprocess.Popen(
                own, cwd=folder, env=environment | place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for own, place in started
        ]
        said = [each.communicate(timeout=200)[0] for each in running]
        assert [each.returncode for each in running] == [0] * len(running), "\n".join(said)
    history = pd.read_csv(folder / "runs/b1/history.csv")
    return history, load_file(folder / "runs/b1/block.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "several"),
    [
        pytest.param("reference", {"devices": 2}, id="devices"),
        pytest.param("events", {"devices": 2}, id="devices-events"),
        pytest.param("reference", {"nodes": 2}, id="nodes"),
        pytest.param("events", {"nodes": 2, "start": by_torchrun}, id="torchrun"),
        pytest.param("reference", {"nodes": 2, "start": by_srun}, id="srun"),
    ],
)
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
