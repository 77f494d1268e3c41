"""Leaky integrate-and-fire neurons with soft reset (equation 1) and their surrogate gradient (equation 3).

With U[0] = 0, S[0] = 0 and the input current I[t], t = 0 .. T-1:

    U[t+1] = alpha U[t] + I[t] - v S[t],        S[t+1] = 1 if U[t+1] >= v else 0

`delay` 1 is the paper's order: step t emits S[t], before its own input arrives. `delay` 0 emits S[t+1]. Both emit from
the same trajectory, one step apart.

Backward, with g(u) = gamma max(0, 1 - |u/v - 1|) for dS/dU (Bellec et al. 2018, arXiv:1803.09574) and the reset in the
graph, the adjoint lambda[k] = dL/dU[k] obeys

    lambda[k] = g(U[k]) (dL/dS[k] - v lambda[k+1]) + alpha lambda[k+1],        dL/dI[t] = lambda[t+1]
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LIF:
    """leak alpha in (0, 1], threshold v > 0, damping gamma > 0, delay 0 or 1 (steps); `levels` above 1: the most spikes of one
    step, of the neurons of `pipeline.neuron.integer`."""

    leak: float
    threshold: float
    damping: float
    delay: int
    levels: int = 1


def lif(current: Tensor, neuron: LIF) -> Tensor:
    """Spikes `[T, ...]` in {0, 1}, of the dtype of the input current `[T, ...]`, differentiable by the surrogate.

    Membrane potentials are float32 whatever the dtype of the current (float64 for a float64 current).
    """
    return _ScanLIF.apply(current, neuron)


def forward_scan(current: Tensor, neuron: LIF, keep: bool = True) -> tuple[Tensor, Tensor | None]:
    """Spikes `[T, ...]` and, if `keep`, the membrane potentials `[T, ...]` that they were emitted from."""
    dtype = torch.promote_types(current.dtype, torch.float32)
    spikes = torch.empty_like(current)
    potentials = torch.empty_like(current, dtype=dtype) if keep else None
    potential = torch.zeros_like(current[0], dtype=dtype)
    spike = torch.zeros_like(potential)
    for t in range(len(current)):
        emitted = spike, potential
        potential = neuron.leak * potential + current[t] - neuron.threshold * spike
        spike = (potential >= neuron.threshold).to(dtype)
        if not neuron.delay:
            emitted = spike, potential
        spikes[t] = emitted[0]
        if potentials is not None:
            potentials[t] = emitted[1]
    return spikes, potentials


def reverse_scan(grad_spikes: Tensor, potentials: Tensor, neuron: LIF) -> Tensor:
    """dL/dI `[T, ...]` from dL/dS `[T, ...]` and the potentials of `forward_scan`."""
    grad_current = torch.empty_like(grad_spikes)
    adjoint = torch.zeros_like(potentials[0])
    for t in reversed(range(len(grad_spikes))):
        if neuron.delay:
            grad_current[t] = adjoint
        slope = surrogate(potentials[t], neuron)
        adjoint = slope * (grad_spikes[t] - neuron.threshold * adjoint) + neuron.leak * adjoint
        if not neuron.delay:
            grad_current[t] = adjoint
    return grad_current


def surrogate(potential: Tensor, neuron: LIF) -> Tensor:
    """Equation 3: dS/dU ~ gamma max(0, 1 - |U/v - 1|), elementwise."""
    return neuron.damping * torch.clamp(1 - torch.abs(potential / neuron.threshold - 1), min=0)


class _ScanLIF(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, neuron):  # type: ignore[override]
        spikes, potentials = forward_scan(current, neuron)
        ctx.save_for_backward(potentials)
        ctx.neuron = neuron
        return spikes

    @staticmethod
    def backward(ctx, grad_spikes):  # type: ignore[override]
        (potentials,) = ctx.saved_tensors
        return reverse_scan(grad_spikes, potentials, ctx.neuron), None
