import pytest
import torch

from pipeline.training.device import make_fabric, open_compute
from pipeline.training.params import ComputeParams


def test_cuda_without_a_device_is_one_line(monkeypatch, refusal):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = refusal(make_fabric, ComputeParams(device="cuda"))
    assert line.startswith("params.yaml: compute.device is cuda with compute.devices 1 but 0 CUDA device(s) are there")


def test_too_few_cuda_devices_are_one_line(monkeypatch, refusal):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert "compute.devices 2 but 1 CUDA" in refusal(make_fabric, ComputeParams(device="cuda", devices=2), 2)


def test_auto_is_the_cpu_where_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert make_fabric(ComputeParams()).device.type == "cpu"


@pytest.mark.parametrize(("precision", "dtype"), [("32", torch.float32), ("bf16", torch.bfloat16)])
def test_spike_dtype(precision, dtype):
    assert open_compute(ComputeParams(device="cpu", precision=precision)).dtype == dtype


@pytest.mark.parametrize(
    ("tasks", "per_node", "said"),
    [
        ("1", None, "but 1 process(es) were started"),
        ("4", None, "You set `--ntasks=4`"),
        ("4", "4", "cannot start"),
    ],
)
def test_a_cluster_job_of_other_processes_is_one_line(tasks, per_node, said, monkeypatch, refusal):
    job = {"SLURM_NTASKS": tasks, "SLURM_JOB_NAME": "train", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0",
           "SLURM_NODELIST": "127.0.0.1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}  # fmt: skip
    for name, value in (job | ({"SLURM_NTASKS_PER_NODE": per_node} if per_node else {})).items():
        monkeypatch.setenv(name, value)
    line = refusal(make_fabric, ComputeParams(device="cpu", devices=2), 2)
    assert said in line
    assert "srun --nodes 1 --ntasks-per-node 2" in line
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_an_allocation_without_srun_is_one_line(monkeypatch, refusal):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    line = refusal(make_fabric, ComputeParams(device="cpu", devices=2), 2)
    assert "cannot start: KeyError: 'SLURM_" in line
    assert "srun --nodes 1 --ntasks-per-node 2" in line


@pytest.mark.parametrize("devices", [1, 2])
def test_more_processes_of_torchrun_than_the_parameters_say_are_one_line(devices, monkeypatch, refusal):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    monkeypatch.setenv("WORLD_SIZE", "8")
    line = refusal(make_fabric, ComputeParams(device="cpu", devices=devices), devices)
    assert f"torchrun started 8 processes, but compute.nodes 1 times compute.devices {devices} are fewer" in line


def test_a_job_of_several_tasks_is_no_wish_for_several_processes(monkeypatch):
    for name, value in {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "3", "SLURM_LOCALID": "3"}.items():
        monkeypatch.setenv(name, value)
    fabric = make_fabric(ComputeParams(device="cpu"))
    assert (fabric.world_size, fabric.global_rank) == (1, 0)
    assert fabric.is_global_zero
