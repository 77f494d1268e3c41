"""Convolutions of small images as matrix products, for processors that multiply bfloat16 in tiles.

Over few places and many channels one large product is several times as fast there as the library's convolution.

    patches[b, y, x] = the k x k inputs around (y, x),      current = patches W,
    dL/dW = patches^T dL/dcurrent,                           dL/dpatches = dL/dcurrent W^T, added up where patches overlap
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from pipeline.engine.synapses import convolution
from pipeline.neuron.fused.library import processor

MOST_PLACES = 64
"""Places of the current, per image, up to which products are faster: with 256 the library is as fast."""
FEWEST_CHANNELS = 64
"""Of the input and of the current."""


def tiles() -> bool:
    """Whether this processor multiplies bfloat16 in tiles (AMX)."""
    return "amx_bf16" in processor()


def convolve(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The current `[N, C', H', W']` of bfloat16 inputs `[N, C, H, W]`, channels last, through float32 weights, whichever way is
    faster."""
    size, (height, width) = weight.shape[2], x.shape[2:]
    places = -(-height // stride) * -(-width // stride)
    if size > 1 and places <= MOST_PLACES and min(weight.shape[:2]) >= FEWEST_CHANNELS:
        current: Tensor = _Unfolded.apply(x, weight, stride)
        return current
    return convolution(x, weight, stride)


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
