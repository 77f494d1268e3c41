"""The type of number in which this processor is fastest at the event-driven engine's one dense operation: gradients of inputs.

Where cores multiply bfloat16 by themselves it is bfloat16; elsewhere a library may take twice as long for it as for float32.
"""

import functools

import torch

from pipeline.engine import synapses as dense
from pipeline.engine.speed import faster_by_margin, time_ratio

IMAGES, CHANNELS, SIDE = 64, 64, 16


@functools.cache
def dense_type() -> torch.dtype:
    """bfloat16, or float32 where that is faster by a margin; measured in about a second, once per kind of processor."""
    return torch.float32 if faster_by_margin("dense", speed_ratio) else torch.bfloat16


def speed_ratio() -> float:
    """How many times as fast float32 is, casts from and to bfloat16 included."""
    given = torch.ones(IMAGES, CHANNELS, SIDE, SIDE, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(CHANNELS, CHANNELS, 3, 3)

    def gradient(dtype: torch.dtype) -> torch.Tensor:
        return input_gradient(given, weight, 1, (CHANNELS, SIDE, SIDE), dtype)

    return time_ratio(lambda: gradient(torch.bfloat16), lambda: gradient(torch.float32))


def input_gradient(
    grad: torch.Tensor, weight: torch.Tensor, stride: int, shape: tuple[int, int, int], dtype: torch.dtype
) -> torch.Tensor:
    """dL/dx `[N, C, H, W]` of a convolution whose input has the `shape` (C, H, W), of dL/dcurrent `[N, C', H', W']`; computed in
    `dtype`, given in that of `grad`."""
    wide = grad.to(dtype)
    x = torch.empty((len(wide), *shape), dtype=dtype, memory_format=torch.channels_last)  # only its layout is read
    found, _ = dense.backward(wide, x, weight, stride, (True, False))
    assert found is not None
    return found.to(grad.dtype)
