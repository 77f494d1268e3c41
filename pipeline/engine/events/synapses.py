"""Event-driven synapses into LIF neurons as functions of tensors; kernels.cpp does the work.

Spikes are CPU tensors in {0, 1}, `[T, B, C, H, W]` with channels last in memory or `[T, B, N]`, float32 or bfloat16. What is
kept for backward of an input are its bits, uint8 `[places, bytes]`. Signed spikes, in {-1, 0, 1}, are events on twice the
channels: the positive ones, then the negative ones, whose weights are negated.
"""

import ctypes
import functools
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pipeline.neuron.fused.library import COUNT, POINTER, REAL, build
from pipeline.neuron.fused.scans import SUFFIX, empty_kept
from pipeline.neuron.lif import LIF

LANES = 16
MOST_NUMBERED = 2**16
MOST_SIGNED = 32  # channels: a place's bits are one word of 64
SOURCE = Path(__file__).with_name("kernels.cpp")
SIGNATURES: dict[str, list[Any]] = {
    "event_forward": [POINTER] * 7 + [REAL, REAL, POINTER, POINTER, POINTER],
    "event_backward": [POINTER] * 7 + [REAL, REAL, REAL, POINTER, POINTER, POINTER],
    "event_linear_forward": [POINTER, POINTER, COUNT, POINTER, REAL, REAL, POINTER, POINTER, POINTER],
    "event_linear_backward": [POINTER, POINTER, COUNT, POINTER, REAL, REAL, REAL, POINTER, POINTER, POINTER],
    "event_bits": [POINTER, POINTER, COUNT, COUNT, ctypes.c_int],
}


class Events(NamedTuple):
    """Input spikes as bits, and the convolution over them: `size` x `size`, padding size // 2.

    `shape` is (C, H, W) of the spikes.
    """

    bits: Tensor
    shape: tuple[int, int, int]
    size: int
    stride: int
    signed: bool

    @property
    def layout(self) -> ctypes.Array:
        """Height, width, events' channels, kernel and stride, as the kernels take them."""
        channels, height, width = self.shape
        return (ctypes.c_int64 * 5)(height, width, channels * (1 + self.signed), self.size, self.stride)

    @property
    def places(self) -> tuple[int, int]:
        """Height and width of the outputs."""
        height, width = (-(-side // self.stride) for side in self.shape[1:])
        return height, width

    def rows(self, weight: Tensor) -> Tensor:
        """A convolution's weight `[C', C, k, k]` as the kernels take it: rows `[k, k, C, C']` (columns of the
        kernel first; 2 C if signed), one `[C']` per event."""
        rows = weight.detach().float().permute(3, 2, 1, 0)
        return torch.cat([rows, -rows], dim=2) if self.signed else rows.contiguous()

    def weight(self, rows: Tensor) -> Tensor:
        """The gradient of the weight from that of its rows."""
        if self.signed:
            positive, negative = rows.chunk(2, dim=2)
            rows = positive - negative
        return rows.permute(3, 2, 1, 0).contiguous()


@functools.cache
def load_events() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        KernelsUnavailable: they cannot be built here.
    """
    return build(SOURCE, SIGNATURES)


def suit(spikes: Tensor, weight: Tensor, signed: bool) -> bool:
    """Whether the kernels can take these spikes and this weight: places and rows are numbered in 16 bits, a matrix's outputs come
    in LANES."""
    if weight.dim() == 2:
        return len(weight) % LANES == 0 and not signed and spikes.shape[0] * spikes.shape[1] <= MOST_NUMBERED
    channels, height, width = spikes.shape[2:]
    return height * width <= MOST_NUMBERED and not (signed and channels > MOST_SIGNED)


def to_bits(spikes: Tensor, signed: bool = False) -> Tensor:
    """uint8 `[places, bytes]` of spikes `[..., channels]`, contiguous: a bit each (two if signed), every place in whole bytes."""
    channels = spikes.shape[-1]
    places = spikes.numel() // channels
    bits = torch.empty((places, (channels * (1 + signed) + 7) // 8), dtype=torch.uint8)
    _call("event_bits", spikes.dtype, spikes, bits, places, channels, signed)
    return bits


def to_events(spikes: Tensor, weight: Tensor, stride: int, signed: bool) -> Events:
    """The events of spikes `[T, B, C, H, W]` that go through `weight` `[C', C, k, k]`."""
    bits = to_bits(spikes.permute(0, 1, 3, 4, 2).contiguous(), signed)
    channels, height, width = spikes.shape[2:]
    return Events(bits, (channels, height, width), weight.shape[2], stride, signed)


def forward(
    inputs: list[Events], weights: list[Tensor], like: Tensor, neuron: LIF, pool: int, keep: bool, carried: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Spikes `[T, B, C', H', W']` of LIF neurons that receive all inputs, and what backward needs of their potentials.

    `like` gives T, B and the dtype. `weights` are float32 `[C', C, k, k]`, one per input. With `pool` above 1 the spikes are
    those of integrate-and-fire neurons that average squares of that side. `carried`, float32 `[B, H', W', C']`, are potentials to
    start from; it is brought up to date, and goes with no pooling.
    """
    channels, (height, width) = len(weights[0]), inputs[0].places
    last = like.new_empty((*like.shape[:2], height // pool, width // pool, channels))
    shape = (*like.shape[:2], height, width, channels)
    kept = empty_kept(last, shape) if keep else None
    rows = [events.rows(weight) for events, weight in zip(inputs, weights, strict=True)]
    _call("event_forward", last.dtype, *_arguments(inputs, rows), _neurons(shape, neuron, pool), neuron.leak, neuron.threshold,
          last, kept, carried)  # fmt: skip
    return last.permute(0, 1, 4, 2, 3), kept


def backward(
    inputs: list[Events], grad_spikes: Tensor, kept: Tensor, neuron: LIF, pool: int, wants_current: bool
) -> tuple[Tensor | None, list[Tensor]]:
    """dL/dI `[T, B, C', H', W']`, if wanted, and dL/dweight float32 `[C', C, k, k]` of each input, from dL/dS."""
    last = grad_spikes.permute(0, 1, 3, 4, 2).contiguous()
    time, batch, height, width, channels = last.shape
    shape = (time, batch, height * pool, width * pool, channels)
    grad_current = last.new_empty(shape) if wants_current else None
    grads = [torch.empty((events.size, events.size, events.layout[2], channels)) for events in inputs]
    _call("event_backward", last.dtype, *_arguments(inputs, grads), _neurons(shape, neuron, pool), neuron.leak,
          neuron.threshold, neuron.damping, last, kept, grad_current)  # fmt: skip
    grad_weights = [events.weight(grad) for events, grad in zip(inputs, grads, strict=True)]
    return None if grad_current is None else grad_current.permute(0, 1, 4, 2, 3), grad_weights


def linear_forward(
    spikes: Tensor, weight: Tensor, neuron: LIF, keep: bool, carried: Tensor | None = None
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Spikes `[T, B, M]`, what backward needs of the potentials, and the input's bits, of spikes `[T, B, N]` in {0, 1}.

    `weight` is float32 `[M, N]`, M a multiple of 16; it is read without a copy where inputs run slowest in memory. `carried` is
    `[B, M]`, else as in `forward`.
    """
    spikes = spikes.contiguous()
    time, batch, count = spikes.shape
    bits = to_bits(spikes)
    out = spikes.new_empty((time, batch, len(weight)))
    kept = empty_kept(out, out.shape) if keep else None
    rows = weight.detach().float().T.contiguous()
    _call("event_linear_forward", out.dtype, bits, rows, count, _neurons(out.shape, neuron), neuron.leak, neuron.threshold, out,
          kept, carried)  # fmt: skip
    return out, kept, bits


def linear_backward(bits: Tensor, count: int, grad_spikes: Tensor, kept: Tensor, neuron: LIF) -> tuple[Tensor, Tensor]:
    """dL/dI `[T, B, M]` and dL/dweight float32 `[M, N]`, inputs slowest in memory, from dL/dS; `count` is N."""
    grad_spikes = grad_spikes.contiguous()
    grad_current = torch.empty_like(grad_spikes)
    grad = torch.empty((count, grad_spikes.shape[-1]))
    _call("event_linear_backward", grad_spikes.dtype, bits, grad, count, _neurons(grad_spikes.shape, neuron), neuron.leak,
          neuron.threshold, neuron.damping, grad_spikes, kept, grad_current)  # fmt: skip
    return grad_current, grad.T


def _arguments(inputs: list[Events], tensors: list[Tensor]) -> list[Tensor | ctypes.Array | None]:
    arguments: list[Tensor | ctypes.Array | None] = []
    for events, tensor in zip(inputs, tensors, strict=True):
        arguments += [events.bits, tensor, events.layout]
    return arguments + [None] * (6 - len(arguments))


def _neurons(shape: tuple[int, ...], neuron: LIF, pool: int = 1) -> ctypes.Array:
    """The shape, the delay and the pooling, as the kernels take them."""
    return (ctypes.c_int64 * (len(shape) + 2))(*shape, neuron.delay, pool)


def _call(name: str, dtype: torch.dtype, *arguments: Tensor | ctypes.Array | int | float | None) -> None:
    function = getattr(load_events(), f"{name}_{SUFFIX[dtype]}")
    function(*(argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments))
