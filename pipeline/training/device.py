"""Devices, precision and processes, through Lightning Fabric: the same code on CPU and CUDA."""

import torch
from lightning_fabric import Fabric

from pipeline.config.schema import ComputeParams
from pipeline.errors import UserError

PRECISION = {"32": "32-true", "bf16": "bf16-mixed"}


def make_fabric(compute: ComputeParams) -> Fabric:
    """A launched Fabric for the `compute` parameters, set to reproducible arithmetic.

    Raises:
        UserError: `compute.device` is cuda and there is none, or too few.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = compute.device if compute.device != "auto" else ("cuda" if available else "cpu")
    if device == "cuda" and available < compute.devices:
        raise UserError(
            f"params.yaml: compute.device is cuda with compute.devices {compute.devices} but {available} CUDA device(s) are "
            "there; use device: auto or cpu, or fewer devices"
        )
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    if compute.threads:
        torch.set_num_threads(compute.threads)
    strategy = "ddp" if compute.devices > 1 else "auto"
    fabric = Fabric(accelerator=device, devices=compute.devices, strategy=strategy, precision=PRECISION[compute.precision])
    fabric.launch()
    return fabric


def spike_dtype(compute: ComputeParams) -> torch.dtype:
    """The dtype of spike tensors between layers."""
    return torch.bfloat16 if compute.precision == "bf16" else torch.float32
