"""Neurons that fire up to D times in one step (integer LIF: Luo et al. 2024, arXiv:2407.20708).

    U[t+1] = alpha U[t] + I[t] - v S[t],        S[t+1] = min(D, max(0, floor(U[t+1] / v + 1/2)))

Backward dS/dU = 1/v where 0 < U/v < D, else 0, with the reset in the graph.

A step is D binary steps of equation 1's soft reset whose whole current arrives at the first, on a potential raised by v/2,
without a leak in between: `unrolled`. So a chip that knows spikes alone runs what was trained here.
"""

import torch
from torch import Tensor

from pipeline.neuron.lif import LIF


def integer_lif(current: Tensor, neuron: LIF) -> Tensor:
    """Spike counts `[T, ...]` in 0 .. `neuron.levels`, of the dtype of the input current `[T, ...]`; potentials are float32
    (float64 for a float64 current). `neuron.delay` must be 0."""
    return _ScanInteger.apply(current, neuron)


def unrolled(counts: Tensor, levels: int) -> Tensor:
    """Binary spikes `[T * levels, ...]` of the counts `[T, ...]`: the first `count` of a step's binary steps fire."""
    steps = torch.arange(1, levels + 1, device=counts.device).view(1, -1, *[1] * (counts.dim() - 1))
    return (counts.unsqueeze(1) >= steps).to(counts.dtype).flatten(0, 1)


class _ScanInteger(torch.autograd.Function):
    """With u = U / v the adjoint a[t] = dL/du[t] obeys a[t] = m[t] (dL/dS[t] - a[t+1]) + alpha a[t+1], where m[t] is 1 if
    0 < u[t] < D, else 0, and dL/dI[t] = a[t] / v."""

    @staticmethod
    def forward(ctx, current, neuron):  # type: ignore[override]
        counts, inside = torch.empty_like(current), torch.empty_like(current, dtype=torch.bool)
        potential = None
        for t, step in enumerate(current.to(torch.promote_types(current.dtype, torch.float32))):
            arrived = step if neuron.threshold == 1 else step / neuron.threshold
            potential = arrived if potential is None else neuron.leak * potential + arrived - counts[t - 1]
            torch.logical_and(potential > 0, potential < neuron.levels, out=inside[t])
            counts[t] = (potential + 0.5).floor_().clamp_(0, neuron.levels)
        ctx.save_for_backward(inside)
        ctx.neuron = neuron
        return counts

    @staticmethod
    def backward(ctx, grad_counts):  # type: ignore[override]
        (inside,), neuron = ctx.saved_tensors, ctx.neuron
        grad_current, adjoint = torch.empty_like(inside, dtype=grad_counts.dtype), None
        for t in reversed(range(len(inside))):
            if adjoint is None:
                adjoint = grad_counts[t] * inside[t]
            else:
                adjoint = (grad_counts[t] - adjoint) * inside[t] + neuron.leak * adjoint
            grad_current[t] = adjoint if neuron.threshold == 1 else adjoint / neuron.threshold
        return grad_current, None
