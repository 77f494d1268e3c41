"""Event-driven synapses into LIF neurons as functions of tensors; kernels.cpp does the work.

Spikes are CPU tensors in {0, 1}, `[T, B, C, H, W]` with channels last in memory or `[T, B, N]`, float32 or bfloat16. What is
kept for backward of an input are its bits, uint8 `[places, bytes]`.
"""

import ctypes
import functools
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipeline.neuron import LIF
from pipeline.neuron.fused.library import COUNT, POINTER, REAL, build
from pipeline.neuron.fused.scans import SUFFIX, empty_kept

LANES = 16
SOURCE = Path(__file__).with_name("kernels.cpp")
SIGNATURES: dict[str, list[Any]] = {
    "event_forward": [POINTER] * 7 + [REAL, REAL, POINTER, POINTER],
    "event_backward": [POINTER] * 7 + [REAL, REAL, REAL, POINTER, POINTER, POINTER],
    "event_linear_forward": [POINTER, POINTER, COUNT, POINTER, REAL, REAL, POINTER, POINTER],
    "event_linear_backward": [POINTER, POINTER, COUNT, POINTER, REAL, REAL, REAL, POINTER, POINTER, POINTER],
    "event_bits": [POINTER, POINTER, COUNT, COUNT],
}


class Events(NamedTuple):
    """Input spikes as bits, and the convolution over them: `size` x `size`, padding size // 2.

    `shape` is (C, H, W) of the spikes.
    """

    bits: Tensor
    shape: tuple[int, int, int]
    size: int
    stride: int

    @property
    def layout(self) -> ctypes.Array:
        channels, height, width = self.shape
        return (ctypes.c_int64 * 5)(height, width, channels, self.size, self.stride)


@functools.cache
def load_events() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        KernelsUnavailable: they cannot be built here.
    """
    return build(SOURCE, SIGNATURES)


def suit(spikes: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can take these spikes and this weight: events are numbered in 16 bits, outputs come in LANES."""
    if weight.dim() == 2:
        return len(weight) % LANES == 0
    return spikes.shape[2] * spikes.shape[4] * weight.shape[2] < 2**16


def to_bits(spikes: Tensor) -> Tensor:
    """uint8 `[places, bytes]` of spikes `[..., channels]`, contiguous: one bit each, every place in whole bytes."""
    channels = spikes.shape[-1]
    places = spikes.numel() // channels
    bits = torch.empty((places, (channels + 7) // 8), dtype=torch.uint8)
    _call("event_bits", spikes.dtype, spikes, bits, places, channels)
    return bits


def to_events(spikes: Tensor, weight: Tensor, stride: int) -> Events:
    """The events of spikes `[T, B, C, H, W]` that go through `weight` `[C', C, k, k]`."""
    bits = to_bits(spikes.permute(0, 1, 3, 4, 2).contiguous())
    channels, height, width = spikes.shape[2:]
    return Events(bits, (channels, height, width), weight.shape[2], stride)


def forward(inputs: list[Events], weights: list[Tensor], like: Tensor, neuron: LIF, keep: bool) -> tuple[Tensor, Tensor | None]:
    """Spikes `[T, B, C', H', W']` of LIF neurons that receive all inputs, and what backward needs of their potentials.

    `like` gives T, B and the dtype. `weights` are float32 `[C', C, k, k]`, one per input.
    """
    channels, height, width = weights[0].shape[0], *(-(-side // inputs[0].stride) for side in inputs[0].shape[1:])
    last = like.new_empty((*like.shape[:2], height, width, channels))
    kept = empty_kept(last, last.shape) if keep else None
    rows = [weight.detach().float().permute(3, 2, 1, 0).contiguous() for weight in weights]
    _call(
        "event_forward", last.dtype, *_arguments(inputs, rows), _neurons(last, neuron), neuron.leak, neuron.threshold, last, kept
    )
    return last.permute(0, 1, 4, 2, 3), kept


def backward(inputs: list[Events], grad_spikes: Tensor, kept: Tensor, neuron: LIF) -> tuple[Tensor, list[Tensor]]:
    """dL/dI `[T, B, C', H', W']` and dL/dweight float32 `[C', C, k, k]` of each input, from dL/dS."""
    last = grad_spikes.permute(0, 1, 3, 4, 2).contiguous()
    grad_current = torch.empty_like(last)
    channels = last.shape[-1]
    grads = [torch.empty((events.size, events.size, events.shape[0], channels)) for events in inputs]
    _call("event_backward", last.dtype, *_arguments(inputs, grads), _neurons(last, neuron), neuron.leak, neuron.threshold,
          neuron.damping, last, kept, grad_current)  # fmt: skip
    return grad_current.permute(0, 1, 4, 2, 3), [grad.permute(3, 2, 1, 0).contiguous() for grad in grads]


def linear_forward(spikes: Tensor, weight: Tensor, neuron: LIF, keep: bool) -> tuple[Tensor, Tensor | None, Tensor]:
    """Spikes `[T, B, M]`, what backward needs of the potentials, and the input's bits, of spikes `[T, B, N]` in {0, 1}.

    `weight` is float32 `[M, N]`, M a multiple of 16; it is read without a copy where inputs run slowest in memory.
    """
    spikes = spikes.contiguous()
    time, batch, count = spikes.shape
    bits = to_bits(spikes)
    out = spikes.new_empty((time, batch, len(weight)))
    kept = empty_kept(out, out.shape) if keep else None
    rows = weight.detach().float().T.contiguous()
    _call("event_linear_forward", out.dtype, bits, rows, count, _neurons(out, neuron), neuron.leak, neuron.threshold, out, kept)
    return out, kept, bits


def linear_backward(bits: Tensor, count: int, grad_spikes: Tensor, kept: Tensor, neuron: LIF) -> tuple[Tensor, Tensor]:
    """dL/dI `[T, B, M]` and dL/dweight float32 `[M, N]`, inputs slowest in memory, from dL/dS; `count` is N."""
    grad_spikes = grad_spikes.contiguous()
    grad_current = torch.empty_like(grad_spikes)
    grad = torch.empty((count, grad_spikes.shape[-1]))
    _call("event_linear_backward", grad_spikes.dtype, bits, grad, count, _neurons(grad_spikes, neuron), neuron.leak,
          neuron.threshold, neuron.damping, grad_spikes, kept, grad_current)  # fmt: skip
    return grad_current, grad.T


def _arguments(inputs: list[Events], tensors: list[Tensor]) -> list[Tensor | ctypes.Array | None]:
    arguments: list[Tensor | ctypes.Array | None] = []
    for events, tensor in zip(inputs, tensors, strict=True):
        arguments += [events.bits, tensor, events.layout]
    return arguments + [None] * (6 - len(arguments))


def _neurons(last: Tensor, neuron: LIF) -> ctypes.Array:
    """The shape and the delay, as the kernels take them."""
    return (ctypes.c_int64 * (last.dim() + 1))(*last.shape, neuron.delay)


def _call(name: str, dtype: torch.dtype, *arguments: Tensor | ctypes.Array | int | float | None) -> None:
    function = getattr(load_events(), f"{name}_{SUFFIX[dtype]}")
    function(*(argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments))
