"""The output layer: neurons that integrate with leak alpha and never fire (Algorithm 2, U_L and U_HCD).

U[T] = sum over t of alpha^(T-1-t) W S[t] = W (sum over t of alpha^(T-1-t) S[t]): linear in time, so one weighted sum
over the steps comes first and the weights are applied once.
"""

import torch
from torch import Tensor


def leaky_sum(spikes: Tensor, leak: float) -> Tensor:
    """Weighted sum over time `[B, ...]`, float32 (or float64), of spikes `[T, B, ...]`: a readout neuron's last potential."""
    time = len(spikes)
    dtype = torch.promote_types(spikes.dtype, torch.float32)
    weights = leak ** torch.arange(time - 1, -1, -1, dtype=dtype, device=spikes.device)
    return torch.tensordot(weights, spikes.to(dtype), dims=1)
