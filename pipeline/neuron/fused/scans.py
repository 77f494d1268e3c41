"""The compiled scans as functions of tensors, with the signatures of `pipeline.neuron.scans`.

Tensors are CPU, float32 or bfloat16, and dense with time outermost; all tensors of one call share one memory layout;
what is kept in bfloat16 is a row of bytes per step, neurons in memory order.
"""

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.neuron.fused.library import load_library
from pipeline.neuron.levels import level_bytes
from pipeline.neuron.lif import LIF
from pipeline.neuron.readout import leaky_sum

__all__ = ["leaky_sum", "lif_backward", "lif_forward", "pack", "pool_backward", "pool_forward", "unpack"]
SUFFIX = {torch.float32: "float", torch.bfloat16: "bfloat16"}


def lif_forward(currents: Sequence[Tensor], neuron: LIF, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Spikes `[T, ...]` of the sum of the currents `[T, ...]`, and what backward needs of the potentials, if `keep`.

    The kernel adds two currents as it scans; of more, all but the last are added before.
    """
    current = functools.reduce(torch.add, currents[:-1]) if len(currents) > 1 else currents[0]
    extra = currents[-1] if len(currents) > 1 else None
    spikes = torch.empty_like(current)
    kept = empty_kept(current, (len(current), current[0].numel())) if keep else None
    if extra is not None and extra.stride() != current.stride():
        extra = torch.empty_like(current).copy_(extra)
    _call("lif_forward", current.dtype, current, extra, spikes, kept, len(current), current[0].numel(), neuron.leak,
          neuron.threshold, neuron.delay)  # fmt: skip
    return spikes, kept


def lif_backward(grad_spikes: Tensor, kept: Tensor, like: Tensor, neuron: LIF) -> Tensor:
    """dL/dI `[T, ...]` of dL/dS; `like` has the shape and the memory layout of the current (it may be a meta tensor)."""
    grad_current = torch.empty_strided(like.shape, like.stride(), dtype=grad_spikes.dtype)
    if grad_spikes.stride() != like.stride():
        grad_spikes = torch.empty_like(grad_current).copy_(grad_spikes)
    _call("lif_backward", grad_spikes.dtype, grad_spikes, kept, grad_current, len(like), like[0].numel(), neuron.leak,
          neuron.threshold, neuron.damping, neuron.delay)  # fmt: skip
    return grad_current


def empty_kept(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Room for what backward needs of potentials `[..., N]`: themselves, or in bfloat16 packed levels `[..., level_bytes(N)]`."""
    if like.dtype == torch.float32:
        return like.new_empty(shape)
    return like.new_empty((*shape[:-1], level_bytes(shape[-1])), dtype=torch.uint8)


def pool_forward(spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
    """Pooled spikes `[T, B, C, H // size, W // size]`, channels last in memory, of spikes in the same layout."""
    last = spikes.permute(0, 1, 3, 4, 2).contiguous()
    time, batch, height, width, channels = last.shape
    pooled = last.new_empty((time, batch, height // size, width // size, channels))
    _call("pool_forward", last.dtype, last, pooled, time, batch, height, width, channels, size, threshold, delay)
    return pooled.permute(0, 1, 4, 2, 3)


def pool_backward(grad_spikes: Tensor, shape: torch.Size, size: int, threshold: float, delay: int) -> Tensor:
    """dL/dX of `shape` `[T, B, C, H, W]`, channels last in memory."""
    time, batch, channels, height, width = shape
    last = grad_spikes.permute(0, 1, 3, 4, 2).contiguous()
    grad = last.new_empty((time, batch, height, width, channels))
    _call("pool_backward", last.dtype, last, grad, time, batch, height, width, channels, size, threshold, delay)
    return grad.permute(0, 1, 4, 2, 3)


def pack(spikes: Tensor, signed: bool) -> Tensor:
    """uint8 `[planes, bytes]`: one bit per spike in memory order, a second plane for the sign."""
    bits = torch.empty((2 if signed else 1, (spikes.numel() + 7) // 8), dtype=torch.uint8)
    _call("pack", spikes.dtype, spikes, bits[0], bits[1] if signed else None, spikes.numel())
    return bits


def unpack(bits: Tensor, like: Tensor) -> Tensor:
    """The spikes that `pack` was given, with the shape, dtype and memory layout of `like` (which may be a meta tensor)."""
    spikes = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype)
    _call("unpack", spikes.dtype, bits[0], bits[1] if len(bits) > 1 else None, spikes, spikes.numel())
    return spikes


def _call(name: str, dtype: torch.dtype, *arguments: Tensor | int | float | None) -> None:
    function = getattr(load_library(), f"{name}_{SUFFIX[dtype]}")
    function(*(argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments))
