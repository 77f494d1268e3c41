"""Devices, precision, processes and the engine: decided here, once per process. The same code on CPU and CUDA."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch

from pipeline.base.errors import UserError
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Engine
from pipeline.training.params import ComputeParams

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"32": "32-true", "bf16": "bf16-mixed"}
Module = TypeVar("Module", bound=torch.nn.Module)

TORCHRUN = "TORCHELASTIC_RUN_ID"
"""What torchrun leaves in the environment of the processes that it starts."""


@dataclass(frozen=True)
class OneProcess:
    """What a Fabric is to several processes, for one: without the two seconds that importing Fabric takes in every stage."""

    device: torch.device
    world_size: int = 1
    global_rank: int = 0
    is_global_zero: bool = True

    def barrier(self) -> None:
        """Nobody to wait for."""

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of a loss."""
        loss.backward()

    def to_device(self, module: Module) -> Module:
        """The same module, its weights on the device."""
        return module.to(self.device)

    def all_reduce(self, data: Any, reduce_op: str = "sum") -> Any:
        """What there is, is all."""
        return data


@dataclass(frozen=True)
class Compute:
    """A launched Fabric or one process, the engine for its device, and how many images go through a network together."""

    fabric: Fabric | OneProcess
    engine: Engine
    micro_batch: int

    @property
    def device(self) -> torch.device:
        """Where tensors go."""
        return self.fabric.device

    @property
    def dtype(self) -> torch.dtype:
        """Of spikes between layers."""
        return self.engine.dtype

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.fabric.is_global_zero

    def place(self, module: Module) -> Module:
        """The same module, its weights on the device."""
        self.fabric.to_device(module)
        return module

    def autocast(self) -> torch.autocast:
        """The context that networks run in: bfloat16 where spikes are."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)


def open_compute(params: ComputeParams, devices: int = 1, nodes: int = 1, levels: int = 1) -> Compute:
    """The device and the engine that the `compute` parameters ask for, on so many devices of so many machines, for neurons of
    so many `levels` (`NeuronParams.levels`).

    With several devices Fabric starts this very stage once more for each further one; with several machines it waits for theirs.

    Raises:
        UserError: `compute.device` is cuda and there is none, or too few; an engine that cannot be had.
    """
    fabric = make_fabric(params, devices, nodes)
    return Compute(fabric, choose_engine(params.kernel, fabric.device.type, params.precision, levels), params.micro_batch)


def make_fabric(params: ComputeParams, devices: int = 1, nodes: int = 1) -> Fabric | OneProcess:
    """A launched Fabric on so many devices of so many machines, or the one process; set to reproducible arithmetic.

    Raises:
        UserError: `compute.device` is cuda and there is none, or too few; a cluster job that started other processes.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = params.device if params.device != "auto" else ("cuda" if available else "cpu")
    if device == "cuda" and available < devices:
        raise UserError(
            f"params.yaml: compute.device is cuda with compute.devices {devices} but {available} CUDA device(s) are "
            "there; use device: auto or cpu, or fewer devices"
        )
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # float32 convolutions in float32
    keep_freed_memory()
    fabric: Fabric | OneProcess = OneProcess(torch.device(device, 0) if device == "cuda" else torch.device(device))
    started = int(os.environ.get("WORLD_SIZE", "1")) if TORCHRUN in os.environ else 1
    if started > devices * nodes:
        raise UserError(
            f"params.yaml: torchrun started {started} processes, but compute.nodes {nodes} times compute.devices {devices} are "
            "fewer; raise these, or start the stage without torchrun"
        )
    if devices * nodes > 1:
        fabric = _launched(device, devices, nodes, params.precision)
    if params.threads or devices > 1:  # after the launch, which sets them too
        torch.set_num_threads(params.threads or max(1, (os.cpu_count() or 1) // devices))
    return fabric


def _launched(device: str, devices: int, nodes: int, precision: str) -> Fabric:
    from lightning_fabric import Fabric

    how = f"{nodes} machine(s) with {devices} process(es) each, as compute.nodes and compute.devices say"
    srun = f"; start the stage with srun --nodes {nodes} --ntasks-per-node {devices}, or with torchrun (docs/howto-gpu.md)"
    advice = srun if any(name in os.environ for name in ("SLURM_NTASKS", TORCHRUN)) else ""
    try:
        fabric = Fabric(accelerator=device, devices=devices, num_nodes=nodes, strategy="ddp", precision=PRECISION[precision])
        fabric.launch()
    except (ValueError, LookupError, RuntimeError) as error:
        if "memory" in str(error):
            raise
        why = " ".join(str(error).split()) or "no reason given"
        raise UserError(f"params.yaml: {how}, cannot start: {type(error).__name__}: {why}{advice}") from error
    if fabric.world_size != devices * nodes:
        raise UserError(f"params.yaml: {how}, but {fabric.world_size} process(es) were started{advice}")
    return fabric


def keep_freed_memory() -> None:
    """Have glibc reuse freed memory instead of returning it to the system.

    Large tensors otherwise come from fresh pages every time, which the kernel must clear: half the time of a scan.
    Elsewhere than glibc this does nothing. Constants: malloc.h.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 64 * 2**20)
