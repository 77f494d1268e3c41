"""Convolutions of small images as matrix products, for processors that multiply bfloat16 in tiles.

Over few places and many channels one large product can be several times as fast there as the library's convolution. Where
differs by processor, so it is measured.

    patches[b, y, x] = the k x k inputs around (y, x),      current = patches W,
    dL/dW = patches^T dL/dcurrent,                           dL/dpatches = dL/dcurrent W^T, added up where patches overlap
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from pipeline.engine.speed import faster_by_margin, time_ratio
from pipeline.engine.synapses import convolution
from pipeline.neuron.fused.library import processor

MOST_PLACES = 64
"""Places of the current, per image, up to which products can be faster (`python -m benchmarks.unfolded`)."""
IMAGES = 64
"""Of a measurement."""


def tiles() -> bool:
    """Whether this processor multiplies bfloat16 in tiles (AMX)."""
    return "amx_bf16" in processor()


def convolve(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The current `[N, C', H', W']` of bfloat16 inputs `[N, C, H, W]`, channels last, through float32 weights, whichever way is
    faster."""
    height, width = x.shape[2:]
    places = -(-height // stride) * -(-width // stride)
    if weight.shape[2] > 1 and places <= MOST_PLACES and product_is_faster(tuple(weight.shape), height, width, stride):
        return as_product(x, weight, stride)
    return convolution(x, weight, stride)


@functools.cache
def product_is_faster(weight: tuple[int, ...], height: int, width: int, stride: int) -> bool:
    """For weights `[C', C, k, k]`, by a margin, in training; measured once per kind of processor."""
    sizes = "x".join(map(str, (*weight, height, width, stride)))
    return faster_by_margin(f"product-{sizes}", lambda: speed_ratio(weight, height, width, stride))


def speed_ratio(weight: tuple[int, ...], height: int, width: int, stride: int) -> float:
    """The library's time over the product's, forward and backward in bfloat16."""
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(IMAGES, weight[1], height, width, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
        x, kernel = x.requires_grad_(), torch.ones(weight, requires_grad=True)

        def train(way: Callable[[Tensor, Tensor, int], Tensor]) -> tuple[Tensor, ...]:
            current = way(x, kernel, stride)
            return torch.autograd.grad(current, (x, kernel), current.detach())

        return time_ratio(lambda: train(convolution), lambda: train(as_product))


def as_product(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The same current as a matrix product."""
    current: Tensor = _Unfolded.apply(x, weight, stride)
    return current


class _Unfolded(torch.autograd.Function):
    """A convolution with padding k // 2 of an odd kernel; patches are made anew in backward rather than kept."""

    @staticmethod
    def forward(ctx, x, weight, stride):  # type: ignore[override]
        last = x.permute(0, 2, 3, 1).contiguous()
        matrix = weight.permute(0, 2, 3, 1).flatten(1).to(x.dtype)
        ctx.save_for_backward(last, matrix)
        ctx.stride, ctx.size = stride, weight.shape[2]
        patches = _patches(last, ctx.size, stride)
        return (patches.flatten(0, 2) @ matrix.T).unflatten(0, patches.shape[:3]).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, grad):  # type: ignore[override]
        last, matrix = ctx.saved_tensors
        channels, size = last.shape[3], ctx.size
        flat = grad.permute(0, 2, 3, 1).flatten(0, 2)
        grad_x = grad_weight = None
        if ctx.needs_input_grad[1]:
            patches = _patches(last, size, ctx.stride).flatten(0, 2)
            found = (flat.T.contiguous() @ patches).float()
            grad_weight = found.view(-1, size, size, channels).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[0]:
            parts = (flat @ matrix).view(*grad.permute(0, 2, 3, 1).shape[:3], size, size, channels)
            grad_x = _added(parts, last.shape, ctx.stride).to(grad.dtype).permute(0, 3, 1, 2)
        return grad_x, grad_weight, None


def _patches(last: Tensor, size: int, stride: int) -> Tensor:
    """`[N, H', W', k * k * C]` of images `[N, H, W, C]` with a margin of zeros."""
    margin, (images, height, width, channels) = size // 2, last.shape
    wide = pad(last, (0, 0, margin, margin, margin, margin))
    image, row, column, _ = wide.stride()
    shape = images, -(-height // stride), -(-width // stride), size, size, channels
    views = wide.as_strided(shape, (image, row * stride, column * stride, row, column, 1))
    return views.reshape(*shape[:3], size * size * channels)


def _added(parts: Tensor, shape: torch.Size, stride: int) -> Tensor:
    """Images of `shape` `[N, H, W, C]`, float32: the sum of patches `[N, H', W', k, k, C]` where they overlap."""
    images, height, width, channels = shape
    rows, columns, size = parts.shape[1:4]
    total = torch.zeros(images, height + size - 1, width + size - 1, channels)
    for y in range(size):
        for x in range(size):
            seen = total[:, y : y + rows * stride : stride, x : x + columns * stride : stride]
            seen[:, :rows, :columns] += parts[:, :, :, y, x]
    margin = size // 2
    return total[:, margin : margin + height, margin : margin + width]
