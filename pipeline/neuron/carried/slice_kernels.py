"""The Triton kernel of neurons that go on from carried potentials; the equations are in `pipeline/neuron/lif.py`.

A step is a flat run of N neurons in memory order, `[t, N]` in all, and a program owns BLOCK of them. The arithmetic has the order
of the reference, so it must be launched with `enable_fp_fusion=False`, as the scans of whole spike trains are.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from pipeline.neuron.lif import LIF
from pipeline.neuron.triton.scans import BLOCK, LAUNCH, STAGES


@triton.jit(do_not_specialize=["steps"])
def lif_slice_kernel(
    current, spikes, potential, steps, neurons, leak, threshold, DELAY: tl.constexpr, BLOCK: tl.constexpr, STAGES: tl.constexpr
):
    """Spikes of `current`; `potential` float32 `[N]` is brought up to date. A potential says by itself whether it fired."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    place = tl.arange(0, BLOCK)
    inside = place < neurons - start
    value = tl.load(potential + start + place, mask=inside, other=0.0)
    spike = tl.where(value >= threshold, 1.0, 0.0)
    for t in tl.range(steps, num_stages=STAGES):
        row = tl.cast(t, tl.int64) * neurons + start
        arriving = tl.load(current + row + place, mask=inside, other=0.0).to(tl.float32)
        fired = spike
        value = leak * value + arriving - threshold * spike
        spike = tl.where(value >= threshold, 1.0, 0.0)
        if not DELAY:
            fired = spike
        tl.store(spikes + row + place, fired.to(spikes.dtype.element_ty), mask=inside)
    tl.store(potential + start + place, value, mask=inside)


def lif_slice_in_triton(current: Tensor, neuron: LIF, potential: Tensor) -> Tensor:
    """As `lif_slice`; `current` is dense with time outermost and `potential` laid out as one of its steps."""
    spikes, neurons = torch.empty_like(current), potential.numel()
    with torch.cuda.device_of(current):
        lif_slice_kernel[(triton.cdiv(neurons, BLOCK),)](
            current, spikes, potential, len(current), neurons, neuron.leak, neuron.threshold, DELAY=bool(neuron.delay),
            BLOCK=BLOCK, STAGES=STAGES, **LAUNCH,
        )  # fmt: skip
    return spikes
