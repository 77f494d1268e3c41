"""Triton kernels of pooling neurons (`pool.py`), on spikes `[T, B, H, W, C]`: average and fire in one launch.

Launched like those of `kernels.py`; see there for the arithmetic.
"""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["steps", "height", "width", "pooled_height", "pooled_width"])
def pool_forward_kernel(
    spikes, pooled, steps, neurons, input_step, height, width, channels, pooled_height, pooled_width, threshold, share,
    SIZE: tl.constexpr, EXACT: tl.constexpr, DELAY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes of `neurons` pooling neurons `[B, H // SIZE, W // SIZE, C]`; `share` is SIZE**2, or where EXACT its inverse."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < neurons
    channel, square = place % channels, place // channels
    column, line = square % pooled_width, square // pooled_width
    top = line // pooled_height * height + line % pooled_height * SIZE
    corner = (top * width + column * SIZE) * channels + channel
    potential = tl.zeros([BLOCK], tl.float32)
    spike = tl.zeros([BLOCK], tl.float32)
    for t in tl.range(steps):
        source = spikes + tl.cast(t, tl.int64) * input_step
        total = tl.zeros([BLOCK], tl.float32)
        for i in tl.static_range(SIZE * SIZE):
            there = corner + (i // SIZE * width + i % SIZE) * channels
            total += tl.load(source + there, mask=inside, other=0.0).to(tl.float32)
        mean = total * share if EXACT else tl.div_rn(total, share)
        fired = spike
        potential = potential + mean - threshold * spike
        spike = tl.where(potential >= threshold, 1.0, 0.0)
        if not DELAY:
            fired = spike
        target = pooled + tl.cast(t, tl.int64) * neurons
        tl.store(target + place, fired.to(pooled.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["steps", "height", "width", "pooled_height", "pooled_width"])
def pool_backward_kernel(
    grad_pooled, grad_spikes, steps, pooled_step, input_step, height, width, channels, pooled_height, pooled_width, scale,
    SIZE: tl.constexpr, DELAY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dL/dX[t] = scale dL/dS[t + DELAY] of the square that a place lies in; nothing where it lies in none."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = place < input_step
    channel, pixel = place % channels, place // channels
    column, line = pixel % width // SIZE, pixel // width
    image, row = line // height, line % height // SIZE
    square = ((image * pooled_height + row) * pooled_width + column) * channels + channel
    pooled = inside & (row < pooled_height) & (column < pooled_width)
    for t in tl.range(steps):
        source = grad_pooled + tl.cast(t + DELAY, tl.int64) * pooled_step
        grad = tl.load(source + square, mask=pooled & (t + DELAY < steps), other=0.0).to(tl.float32) * scale
        target = grad_spikes + tl.cast(t, tl.int64) * input_step
        tl.store(target + place, grad.to(grad_spikes.dtype.element_ty), mask=inside)
