"""Equation 1 over a slice of steps, from carried potentials: compiled for CPUs and GPUs, in torch operations elsewhere.

All give the same spikes.
"""

import ctypes
import functools
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.neuron.fused.library import COUNT, POINTER, REAL, KernelsUnavailable, build
from pipeline.neuron.fused.scans import SUFFIX
from pipeline.neuron.lif import LIF
from pipeline.neuron.triton import trouble

SIGNATURES: dict[str, list[Any]] = {"lif_slice": [POINTER] * 3 + [COUNT, COUNT, REAL, REAL, ctypes.c_int]}


@functools.cache
def load_slices() -> ctypes.CDLL | None:
    """The compiled scan; none where it cannot be built."""
    try:
        return build(Path(__file__).with_name("kernels.cpp"), SIGNATURES)
    except KernelsUnavailable:
        return None


def lif_from(current: Tensor, neuron: LIF, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """Spikes `[t, B, ...]` of `current` `[t, B, ...]` into neurons of potentials float32 `[B, ...]`, 0 where there are none, and
    their potentials afterwards."""
    after = torch.zeros_like(current[0], dtype=torch.float32)  # in the memory layout of the currents
    if before is not None:
        after.copy_(before)
    return lif_slice(current, neuron, after), after


def carried_from(before: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """Potentials float32, contiguous, that a kernel may bring up to date: a copy, or zeros where there are none."""
    return torch.zeros(shape) if before is None else before.clone(memory_format=torch.contiguous_format)


def lif_slice(current: Tensor, neuron: LIF, potential: Tensor) -> Tensor:
    """Spikes `[t, B, ...]` (counts, of neurons of several levels) of `current` `[t, B, ...]`, and `potential` float32 `[B, ...]`,
    laid out in memory as a step of `current` is, brought up to date in place."""
    suited = neuron.levels == 1 and current.dtype in SUFFIX and _dense(current) and potential.stride() == current[0].stride()
    if suited and _has_triton(current.device.type):
        from pipeline.neuron.carried.slice_kernels import lif_slice_in_triton

        return lif_slice_in_triton(current, neuron, potential)
    library = load_slices() if suited and current.device.type == "cpu" else None
    if library is None:
        return lif_slice_in_torch(current, neuron, potential)
    spikes = torch.empty_like(current)
    function = getattr(library, f"lif_slice_{SUFFIX[current.dtype]}")
    pointers = current.data_ptr(), spikes.data_ptr(), potential.data_ptr()
    function(*pointers, len(current), potential.numel(), neuron.leak, neuron.threshold, neuron.delay)
    return spikes


@functools.cache
def _has_triton(device: str) -> bool:
    """Whether Triton's kernels run there; on CPUs they do in its interpreter alone."""
    return (device == "cuda" or os.environ.get("TRITON_INTERPRET") == "1") and not trouble()


def _dense(current: Tensor) -> bool:
    """Whether it has no gaps in memory and its steps lie one after the other."""
    return current.stride() == torch.empty_like(current).stride() and current.stride(0) == current[0].numel()


def lif_slice_in_torch(current: Tensor, neuron: LIF, potential: Tensor) -> Tensor:
    """The readable way. A potential says by itself what it emitted."""
    spikes = torch.empty_like(current)
    spike = _emitted(potential, neuron)
    for t, arriving in enumerate(current):
        if neuron.delay:
            spikes[t] = spike
        potential.mul_(neuron.leak).add_(arriving).sub_(neuron.threshold * spike)
        spike = _emitted(potential, neuron)
        if not neuron.delay:
            spikes[t] = spike
    return spikes


def _emitted(potential: Tensor, neuron: LIF) -> Tensor:
    if neuron.levels == 1:
        return (potential >= neuron.threshold).to(potential.dtype)
    return (potential / neuron.threshold + 0.5).floor_().clamp_(0, neuron.levels)
