"""The dtype of spike tensors between layers. Potentials inside the scans and readouts are float32 whatever it is."""

import torch

from pipeline.training.params import ComputeParams


def spike_dtype(compute: ComputeParams) -> torch.dtype:
    return torch.bfloat16 if compute.precision == "bf16" else torch.float32
