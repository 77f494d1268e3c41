"""Triton kernels for spikes at one bit each, eight to a byte, lowest first; a second plane of bits for the sign."""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["row"])
def pack_kernel(spikes, bits, count, row, SIGNED: tl.constexpr, BLOCK: tl.constexpr):
    """Bits, planes `row` bytes apart, of `count` spikes; each program packs BLOCK of them."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    byte, lane = tl.arange(0, BLOCK // 8), tl.arange(0, 8)[None, :]
    place = byte[:, None] * 8 + lane
    value = tl.load(spikes + start + place, mask=place < count - start, other=0.0).to(tl.float32)
    target = bits + start // 8 + byte
    exists = byte * 8 < count - start
    tl.store(target, tl.sum((value != 0.0).to(tl.int32) << lane, axis=1).to(tl.uint8), mask=exists)
    if SIGNED:
        tl.store(target + row, tl.sum((value < 0.0).to(tl.int32) << lane, axis=1).to(tl.uint8), mask=exists)


@triton.jit(do_not_specialize=["row"])
def unpack_kernel(bits, spikes, count, row, SIGNED: tl.constexpr, BLOCK: tl.constexpr):
    """The spikes that `pack_kernel` was given."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    byte, lane = tl.arange(0, BLOCK // 8)[:, None], tl.arange(0, 8)[None, :]
    inside = byte * 8 + lane < count - start
    source = bits + start // 8 + byte
    value = ((tl.load(source, mask=byte * 8 < count - start, other=0).to(tl.int32) >> lane) & 1).to(tl.float32)
    if SIGNED:
        minus = (tl.load(source + row, mask=byte * 8 < count - start, other=0).to(tl.int32) >> lane) & 1
        value = tl.where(minus != 0, -value, value)
    tl.store(spikes + start + byte * 8 + lane, value.to(spikes.dtype.element_ty), mask=inside)
