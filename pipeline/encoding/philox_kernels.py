"""Triton kernels that draw on a GPU what numpy's Philox4x64 streams give on the host, from the key and the row of an image.

Row r's stream has the counter [block, 0, 0, r] in blocks of four 64-bit words; numpy counts up before it draws, so the first
block is 1. Of a word, the low half is drawn first. Random123: Salmon et al. 2011, doi 10.1145/2063384.2063405.
"""

import numpy as np
import triton
import triton.language as tl

BLOCK = 256  # Philox blocks a program
LAUNCH = {"num_warps": 4, "enable_fp_fusion": False}


def key_halves(key: int) -> tuple[int, int]:
    """The low and the high 64 bits of a 128-bit key, as the signed numbers that a kernel takes."""
    low, high = np.frombuffer(key.to_bytes(16, "little"), np.int64).tolist()
    return low, high


@triton.jit
def _philox_block(block, row, key_low, key_high):
    """The four words uint64 of blocks 0, 1, ... of a row's stream."""
    nothing = block * 0
    return tl.philox_impl(block + 1, nothing, nothing, row + nothing, key_low, key_high)


@triton.jit(do_not_specialize=["key_low", "key_high", "per_image", "batch", "channels", "height", "width"])
def poisson_kernel(
    images, rows, shifts, table, spikes, key_low, key_high, per_image, batch, channels, height, width,
    SHIFTED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Spikes `[T, B, H, W, C]` of uint8 images `[n, C, H, W]`; program (b, k) draws blocks k BLOCK ... of image `rows[b]`.

    Draws are in the order `[T, C, H, W]`, `per_image` in all. `table` float32 `[C, 256]` is the signed probability of a pixel's
    value. Where SHIFTED, `shifts` int32 `[B, 3]` is what to add to y and to x, and whether to mirror x before; outside is 0.
    """
    b = tl.program_id(0)
    row = tl.load(rows + b)
    block = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    words = _philox_block(block.to(tl.uint64), row.to(tl.uint64), tl.cast(key_low, tl.uint64), tl.cast(key_high, tl.uint64))
    for half in tl.static_range(8):
        draw = block * 8 + half
        drawn = draw < per_image
        uniform = ((words[half // 2] >> (32 * (half % 2) + 8)) & 0xFFFFFF).to(tl.int32).to(tl.float32) * (1.0 / 16777216.0)
        x, line = draw % width, draw // width
        y, plane = line % height, line // height
        channel, t = plane % channels, plane // channels
        source_y, source_x, seen = y, x, drawn
        if SHIFTED:
            source_y += tl.load(shifts + 3 * b)
            source_x = tl.where(tl.load(shifts + 3 * b + 2) != 0, width - 1 - x, x) + tl.load(shifts + 3 * b + 1)
            seen &= (source_y >= 0) & (source_y < height) & (source_x >= 0) & (source_x < width)
        image = images + row * (channels * height * width)
        pixel = tl.load(image + (channel * height + source_y) * width + source_x, mask=seen, other=0).to(tl.int32)
        probability = tl.load(table + channel * 256 + pixel, mask=drawn, other=0.0)
        spike = tl.where(uniform < tl.abs(probability), tl.where(probability > 0, 1.0, -1.0), 0.0)
        place = ((t.to(tl.int64) * batch + b) * height + y) * width + x
        tl.store(spikes + place * channels + channel, spike.to(spikes.dtype.element_ty), mask=drawn)


@triton.jit(do_not_specialize=["key_low", "key_high", "lowest", "inputs"])
def keep_kernel(rows, mask, key_low, key_high, lowest, inputs, BLOCK: tl.constexpr):
    """bool `[B, inputs]`: which random bytes of each row's stream, 32 to a block, are `lowest` at least."""
    b = tl.program_id(0)
    row = tl.load(rows + b)
    block, byte = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK), tl.arange(0, 8)[None, :]
    words = _philox_block(block.to(tl.uint64), row.to(tl.uint64), tl.cast(key_low, tl.uint64), tl.cast(key_high, tl.uint64))
    for word in tl.static_range(4):
        place = block[:, None] * 32 + word * 8 + byte
        value = ((words[word][:, None] >> (8 * byte).to(tl.uint64)) & 255).to(tl.int32)
        tl.store(mask + b.to(tl.int64) * inputs + place, (value >= lowest).to(tl.uint8), mask=place < inputs)
