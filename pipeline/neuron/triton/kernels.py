"""Triton kernels of the neurons: whole spike trains, the state in registers; the equations are in `lif.py` and `pool.py`.

A step is a flat run of N neurons in memory order, `[T, N]` in all. A program owns BLOCK neurons, a multiple of eight, as a
tile of eights `[BLOCK // 8, 8]`, so that packing seven-bit levels needs no neighbour's data. Steps lie N values apart, so
where a step begins is a 64-bit number; within a program 32 bits do.

The arithmetic has the order of the reference, and every kernel must be launched with `enable_fp_fusion=False`: a multiply and
add rounded once would move potentials across the threshold. Divisions round like IEEE's, unless the inverse is exact.
"""

import triton
import triton.language as tl

EIGHT = tl.constexpr(8)
LEVELS = tl.constexpr(127)  # as in levels.py


@triton.jit
def _places(BLOCK: tl.constexpr):
    """int32 `[BLOCK // 8, 8]`: the numbers from 0 on, eight to a row."""
    return tl.arange(0, BLOCK // EIGHT)[:, None] * EIGHT + tl.arange(0, EIGHT)[None, :]


@triton.jit
def _triangle(potential, threshold, inverse, EXACT: tl.constexpr):
    """max(0, 1 - |U/v - 1|)."""
    ratio = potential * inverse if EXACT else tl.div_rn(potential, threshold)
    return tl.maximum(1.0 - tl.abs(ratio - 1.0), 0.0)


@triton.jit(do_not_specialize=["steps", "kept_row"])
def lif_forward_kernel(
    currents, spikes, kept, steps, neurons, kept_row, leak, threshold, inverse,
    DELAY: tl.constexpr, KEEP: tl.constexpr, EXACT: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Spikes of the sum of `currents`, a tuple of one or more `[T, N]`; KEEP: "nothing", "potentials" or "levels"."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    place = _places(BLOCK)
    inside = place < neurons - start
    potential = tl.zeros([BLOCK // EIGHT, EIGHT], tl.float32)
    spike = tl.zeros([BLOCK // EIGHT, EIGHT], tl.float32)
    for t in tl.range(steps, num_stages=STAGES):
        row = tl.cast(t, tl.int64) * neurons + start
        current = tl.load(currents[0] + row + place, mask=inside, other=0.0).to(tl.float32)
        for i in tl.static_range(1, len(currents)):
            current += tl.load(currents[i] + row + place, mask=inside, other=0.0).to(tl.float32)
        fired, held = spike, potential
        potential = leak * potential + current - threshold * spike
        spike = tl.where(potential >= threshold, 1.0, 0.0)
        if not DELAY:
            fired, held = spike, potential
        tl.store(spikes + row + place, fired.to(spikes.dtype.element_ty), mask=inside)
        if KEEP == "potentials":
            tl.store(kept + row + place, held, mask=inside)
        if KEEP == "levels":
            level = (_triangle(held, threshold, inverse, EXACT) * LEVELS + 0.5).to(tl.int32)
            _store_levels(kept + tl.cast(t, tl.int64) * kept_row + start // EIGHT * 7, level, neurons - start, BLOCK)


@triton.jit
def _store_levels(kept, level, count, BLOCK: tl.constexpr):
    """Eight levels in seven bytes, from the lowest bit on; the last ones, fewer than eight, take a byte each.

    Byte by byte, so that a thread has its own eight levels in one word and no two threads exchange data.
    """
    eight = tl.arange(0, BLOCK // EIGHT)
    bits = tl.where(eight * EIGHT + EIGHT <= count, 7, 8)
    word = tl.sum(level.to(tl.int64) << (bits[:, None] * tl.arange(0, EIGHT)[None, :]).to(tl.int64), axis=1)
    for byte in tl.static_range(7):
        exists = (bits == 7) | (eight * EIGHT + byte < count)
        tl.store(kept + eight * 7 + byte, (word >> (8 * byte)).to(tl.uint8), mask=exists)


@triton.jit
def _load_levels(kept, count, BLOCK: tl.constexpr):
    """What `_store_levels` was given, int32 `[BLOCK // 8, 8]`."""
    eight = tl.arange(0, BLOCK // EIGHT)
    bits = tl.where(eight * EIGHT + EIGHT <= count, 7, 8)
    word = tl.zeros([BLOCK // EIGHT], tl.int64)
    for byte in tl.static_range(7):
        exists = (bits == 7) | (eight * EIGHT + byte < count)
        word |= tl.load(kept + eight * 7 + byte, mask=exists, other=0).to(tl.int64) << (8 * byte)
    level = word[:, None] >> (bits[:, None] * tl.arange(0, EIGHT)[None, :]).to(tl.int64)
    return (level & LEVELS).to(tl.int32)


@triton.jit(do_not_specialize=["steps", "kept_row"])
def lif_backward_kernel(
    grad_spikes, kept, grad_current, steps, neurons, kept_row, leak, threshold, inverse, damping, damping_of_level,
    DELAY: tl.constexpr, KEEP: tl.constexpr, EXACT: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """The adjoint, from the last step back; `damping_of_level` is the surrogate of one level, gamma / 127."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    place = _places(BLOCK)
    inside = place < neurons - start
    adjoint = tl.zeros([BLOCK // EIGHT, EIGHT], tl.float32)
    for back in tl.range(steps, num_stages=STAGES):
        t = tl.cast(steps - 1 - back, tl.int64)
        row = t * neurons + start
        grad = tl.load(grad_spikes + row + place, mask=inside, other=0.0).to(tl.float32)
        if KEEP == "levels":
            level = _load_levels(kept + t * kept_row + start // EIGHT * 7, neurons - start, BLOCK)
            slope = damping_of_level * level.to(tl.float32)
        else:
            potential = tl.load(kept + row + place, mask=inside, other=0.0)
            slope = damping * _triangle(potential, threshold, inverse, EXACT)
        leaving = adjoint
        adjoint = slope * (grad - threshold * adjoint) + leak * adjoint
        if not DELAY:
            leaving = adjoint
        tl.store(grad_current + row + place, leaving.to(grad_current.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["steps"])
def leaky_sum_kernel(spikes, weights, total, steps, neurons, BLOCK: tl.constexpr, STAGES: tl.constexpr):
    """sum over t of weights[t] S[t], float32 `[N]`."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    place = tl.arange(0, BLOCK)
    inside = place < neurons - start
    value = tl.zeros([BLOCK], tl.float32)
    for t in tl.range(steps, num_stages=STAGES):
        row = tl.cast(t, tl.int64) * neurons + start
        value += tl.load(weights + t) * tl.load(spikes + row + place, mask=inside, other=0.0).to(tl.float32)
    tl.store(total + start + place, value, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def leaky_spread_kernel(grad, weights, grad_spikes, steps, neurons, BLOCK: tl.constexpr):
    """dL/dS[t] = weights[t] dL/dU `[N]`, for every step."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    place = tl.arange(0, BLOCK)
    inside = place < neurons - start
    value = tl.load(grad + start + place, mask=inside, other=0.0)
    for t in tl.range(steps):
        row = tl.cast(t, tl.int64) * neurons + start
        share = tl.load(weights + t) * value
        tl.store(grad_spikes + row + place, share.to(grad_spikes.dtype.element_ty), mask=inside)
