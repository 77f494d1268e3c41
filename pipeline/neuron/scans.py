"""The scans as functions of tensors on any device: what the lean backward needs, in torch operations.

The same signatures as `pipeline.neuron.fused.scans`, whose compiled kernels replace these on CPUs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.neuron.levels import pack_levels, unpack_levels
from pipeline.neuron.lif import LIF, forward_scan, reverse_scan
from pipeline.neuron.pool import average, integrate_and_fire
from pipeline.neuron.readout import leaky_sum

__all__ = ["leaky_sum", "lif_backward", "lif_forward", "pack", "pool_backward", "pool_forward", "unpack"]


def lif_forward(currents: Sequence[Tensor], neuron: LIF, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Spikes `[T, ...]` of the sum of the currents `[T, ...]`, and what backward needs of the potentials, if `keep`.

    That is the potentials themselves, or, in bfloat16, the packed levels of the triangle max(0, 1 - |U/v - 1|).
    """
    dtype = currents[0].dtype
    total = currents[0].to(torch.promote_types(dtype, torch.float32))
    for current in currents[1:]:
        total = total + current
    spikes, potentials = forward_scan(total, neuron, keep)
    if potentials is None or dtype != torch.bfloat16:
        return spikes.to(dtype), potentials
    triangle = torch.clamp(1 - torch.abs(potentials / neuron.threshold - 1), min=0)
    return spikes.to(dtype), pack_levels(triangle.flatten(1))


def lif_backward(grad_spikes: Tensor, kept: Tensor, like: Tensor, neuron: LIF) -> Tensor:
    """dL/dI `[T, ...]` of dL/dS; `like` has the shape and the memory layout of the current (it may be a meta tensor)."""
    if kept.dtype == torch.uint8:
        # A potential between 0 and v that has the kept triangle, and so the same slope.
        kept = unpack_levels(kept, like[0].numel()).view(like.shape) * neuron.threshold
    return reverse_scan(grad_spikes, kept, neuron)


def pool_forward(spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
    """Pooled spikes `[T, B, C, H // size, W // size]`."""
    return integrate_and_fire(average(spikes, size), threshold, delay).to(spikes.dtype)


def pool_backward(grad_spikes: Tensor, shape: torch.Size, size: int, threshold: float, delay: int) -> Tensor:
    """dL/dX of `shape` `[T, B, C, H, W]`."""
    grad = grad_spikes / (threshold * size * size)
    if delay:
        grad = torch.cat([grad[1:], torch.zeros_like(grad[:1])])
    spread = grad.repeat_interleave(size, dim=3).repeat_interleave(size, dim=4)
    missing = (shape[4] - spread.shape[4], shape[3] - spread.shape[3])
    return torch.nn.functional.pad(spread, (0, missing[0], 0, missing[1]))


def pack(spikes: Tensor, signed: bool) -> Tensor:
    """uint8 `[planes, bytes]`: one bit per spike in memory order, a second plane for the sign."""
    flat = spikes.as_strided((spikes.numel(),), (1,))
    planes = torch.stack([flat != 0, flat < 0] if signed else [flat != 0])
    planes = torch.nn.functional.pad(planes, (0, -planes.shape[1] % 8)).unflatten(1, (-1, 8))
    return (planes.to(torch.uint8) << torch.arange(8, dtype=torch.uint8, device=spikes.device)).sum(2, dtype=torch.uint8)


def unpack(bits: Tensor, like: Tensor) -> Tensor:
    """The spikes that `pack` was given, with the shape, dtype and memory layout of `like` (which may be a meta tensor)."""
    planes = (bits[:, :, None] >> torch.arange(8, dtype=torch.uint8, device=bits.device)) & 1
    flat = planes.flatten(1)[:, : like.numel()].to(like.dtype)
    flat = flat[0] if len(flat) == 1 else flat[0] * (1 - 2 * flat[1])
    return flat.as_strided(like.shape, like.stride())
