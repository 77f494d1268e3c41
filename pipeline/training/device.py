"""Devices, precision and processes, through Lightning Fabric: the same code on CPU and CUDA."""

import ctypes
import os
from typing import Literal, TypeVar

import torch
from lightning_fabric import Fabric

from pipeline.base.errors import UserError
from pipeline.training.params import ComputeParams

PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"32": "32-true", "bf16": "bf16-mixed"}


def make_fabric(compute: ComputeParams, devices: int = 1) -> Fabric:
    """A launched Fabric for the `compute` parameters on so many devices, set to reproducible arithmetic.

    With several devices Fabric starts this very stage once more for each further one.

    Raises:
        UserError: `compute.device` is cuda and there is none, or too few.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = compute.device if compute.device != "auto" else ("cuda" if available else "cpu")
    if device == "cuda" and available < devices:
        raise UserError(
            f"params.yaml: compute.device is cuda with compute.devices {devices} but {available} CUDA device(s) are "
            "there; use device: auto or cpu, or fewer devices"
        )
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # float32 convolutions in float32
    keep_freed_memory()
    strategy = "ddp" if devices > 1 else "auto"
    fabric = Fabric(accelerator=device, devices=devices, strategy=strategy, precision=PRECISION[compute.precision])
    fabric.launch()
    if compute.threads or devices > 1:  # after the launch, which sets them too
        torch.set_num_threads(compute.threads or max(1, (os.cpu_count() or 1) // devices))
    return fabric


Module = TypeVar("Module", bound=torch.nn.Module)


def to_device(fabric: Fabric, module: Module) -> Module:
    """The same module, its weights on the fabric's device."""
    fabric.to_device(module)
    return module


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
