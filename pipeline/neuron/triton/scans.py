"""The Triton kernels as functions of tensors, with the signatures of `pipeline.neuron.scans`.

Tensors are on one GPU, float32 or bfloat16, and dense with time outermost; all tensors of one call share one memory layout, or
are copied into it; what is kept in bfloat16 is a row of bytes per step, neurons in memory order.
"""

from collections.abc import Sequence
from math import frexp

import numpy as np
import torch
import triton
from torch import Tensor

from pipeline.neuron.levels import LEVELS, level_bytes
from pipeline.neuron.lif import LIF
from pipeline.neuron.triton import bit_kernels, kernels, pool_kernels

BLOCK = 1024  # neurons a program: eight for each of its threads, 16 bytes of bfloat16 in one load
STAGES = 3  # steps under way at a time: their currents are on the way while this one's neurons fire
# No multiply and add rounded once (`kernels.py`); warps of 32 or, on AMD, 64 threads.
LAUNCH = {"num_warps": 4, "enable_fp_fusion": False}


def lif_forward(currents: Sequence[Tensor], neuron: LIF, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Spikes `[T, ...]` of the sum of the currents, and what backward needs of the potentials, if `keep`."""
    spikes = torch.empty_like(currents[0])
    inputs = tuple(_laid_out_like(spikes, current) for current in currents)
    steps, neurons = len(spikes), spikes[0].numel()
    kept, how = None, "nothing"
    if keep and spikes.dtype == torch.float32:
        kept, how = spikes.new_empty((steps, neurons)), "potentials"
    elif keep:
        kept, how = spikes.new_empty((steps, level_bytes(neurons)), dtype=torch.uint8), "levels"
    with torch.cuda.device_of(spikes):
        kernels.lif_forward_kernel[_programs(neurons)](
            inputs, spikes, kept, steps, neurons, level_bytes(neurons), neuron.leak, neuron.threshold, 1 / neuron.threshold,
            DELAY=bool(neuron.delay), KEEP=how, EXACT=_power_of_two(neuron.threshold), BLOCK=BLOCK, STAGES=STAGES, **LAUNCH,
        )  # fmt: skip
    return spikes, kept


def lif_backward(grad_spikes: Tensor, kept: Tensor, like: Tensor, neuron: LIF) -> Tensor:
    """dL/dI `[T, ...]` of dL/dS; `like` has the shape and the memory layout of the current (it may be a meta tensor)."""
    grad_current = torch.empty_strided(like.shape, like.stride(), dtype=grad_spikes.dtype, device=grad_spikes.device)
    steps, neurons = len(like), like[0].numel()
    of_level = float(np.float32(neuron.damping) / np.float32(LEVELS))  # as the CPU's kernels divide it
    with torch.cuda.device_of(grad_current):
        kernels.lif_backward_kernel[_programs(neurons)](
            _laid_out_like(grad_current, grad_spikes), kept, grad_current, steps, neurons, level_bytes(neurons), neuron.leak,
            neuron.threshold, 1 / neuron.threshold, neuron.damping, of_level, DELAY=bool(neuron.delay),
            KEEP="levels" if kept.dtype == torch.uint8 else "potentials", EXACT=_power_of_two(neuron.threshold), BLOCK=BLOCK,
            STAGES=STAGES, **LAUNCH,
        )  # fmt: skip
    return grad_current


def pool_forward(spikes: Tensor, size: int, threshold: float, delay: int) -> Tensor:
    """Pooled spikes `[T, B, C, H // size, W // size]`, channels last in memory, of spikes in the same layout."""
    last = spikes.permute(0, 1, 3, 4, 2).contiguous()
    time, batch, height, width, channels = last.shape
    rows, columns = height // size, width // size
    pooled = last.new_empty((time, batch, rows, columns, channels))
    neurons, exact = pooled[0].numel(), _power_of_two(size * size)
    with torch.cuda.device_of(last):
        pool_kernels.pool_forward_kernel[_programs(neurons)](
            last, pooled, time, neurons, last[0].numel(), height, width, channels, rows, columns, threshold,
            float(1 / size**2 if exact else size**2), SIZE=size, EXACT=exact, DELAY=bool(delay), BLOCK=BLOCK, **LAUNCH,
        )  # fmt: skip
    return pooled.permute(0, 1, 4, 2, 3)


def pool_backward(grad_spikes: Tensor, shape: torch.Size, size: int, threshold: float, delay: int) -> Tensor:
    """dL/dX of `shape` `[T, B, C, H, W]`, channels last in memory."""
    time, batch, channels, height, width = shape
    last = grad_spikes.permute(0, 1, 3, 4, 2).contiguous()
    grad = last.new_empty((time, batch, height, width, channels))
    places = grad[0].numel()
    with torch.cuda.device_of(grad):
        pool_kernels.pool_backward_kernel[_programs(places)](
            last, grad, time, last[0].numel(), places, height, width, channels, height // size, width // size,
            1 / (threshold * size * size), SIZE=size, DELAY=delay, BLOCK=BLOCK, **LAUNCH,
        )  # fmt: skip
    return grad.permute(0, 1, 4, 2, 3)


def pack(spikes: Tensor, signed: bool) -> Tensor:
    """uint8 `[planes, bytes]`: one bit per spike in memory order, a second plane for the sign."""
    count = spikes.numel()
    bits = spikes.new_empty((2 if signed else 1, (count + 7) // 8), dtype=torch.uint8)
    with torch.cuda.device_of(spikes):
        bit_kernels.pack_kernel[_programs(count)](spikes, bits, count, bits.shape[1], SIGNED=signed, BLOCK=BLOCK, **LAUNCH)
    return bits


def unpack(bits: Tensor, like: Tensor) -> Tensor:
    """The spikes that `pack` was given, with the shape, dtype and memory layout of `like` (which may be a meta tensor)."""
    spikes = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=bits.device)
    count, signed = spikes.numel(), len(bits) > 1
    with torch.cuda.device_of(spikes):
        bit_kernels.unpack_kernel[_programs(count)](bits, spikes, count, bits.shape[1], SIGNED=signed, BLOCK=BLOCK, **LAUNCH)
    return spikes


def leaky_sum(spikes: Tensor, leak: float) -> Tensor:
    """`pipeline.neuron.leaky_sum` without a float32 copy of the spikes; differentiable."""
    return _LeakySum.apply(spikes, leak)


class _LeakySum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spikes, leak):  # type: ignore[override]
        dense = _laid_out_like(torch.empty_like(spikes, device="meta"), spikes)
        weights = leak ** torch.arange(len(dense) - 1, -1, -1, dtype=torch.float32, device=dense.device)
        total = torch.empty_like(dense[0], dtype=torch.float32)
        neurons = total.numel()
        ctx.save_for_backward(weights)
        ctx.like = dense.to("meta")
        with torch.cuda.device_of(dense):
            kernels.leaky_sum_kernel[_programs(neurons)](
                dense, weights, total, len(dense), neurons, BLOCK=BLOCK, STAGES=STAGES, **LAUNCH
            )
        return total

    @staticmethod
    def backward(ctx, grad):  # type: ignore[override]
        (weights,), like = ctx.saved_tensors, ctx.like
        grad_spikes = torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device=grad.device)
        grad, neurons = _laid_out_like(like[0], grad), grad.numel()
        with torch.cuda.device_of(grad):
            kernels.leaky_spread_kernel[_programs(neurons)](grad, weights, grad_spikes, len(like), neurons, BLOCK=BLOCK, **LAUNCH)
        return grad_spikes, None


def _programs(count: int) -> tuple[int]:
    return (triton.cdiv(count, BLOCK),)


def _laid_out_like(like: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` itself if its memory layout is that of `like`, else a copy that has it."""
    if tensor.stride() == like.stride():
        return tensor
    return torch.empty_strided(like.shape, like.stride(), dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def _power_of_two(value: float) -> bool:
    """Whether dividing by `value` and multiplying by its inverse round alike."""
    return frexp(value)[0] == 0.5
