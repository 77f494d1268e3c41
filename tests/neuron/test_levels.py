"""Seven-bit levels: half a step of rounding, the bytes promised, the same bytes from the compiled kernels."""

import pytest
import torch

from pipeline.neuron import scans
from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.fused.library import KernelsUnavailable, load_library
from pipeline.neuron.levels import level_bytes, pack_levels, unpack_levels
from pipeline.neuron.lif import LIF

COUNTS = [1, 4, 5, 8, 15, 16, 17, 24, 48, 513, 1040]


@pytest.mark.parametrize("count", COUNTS)
def test_levels_come_back_within_half_a_step(count):
    triangle = torch.rand(3, count, generator=torch.Generator().manual_seed(count))
    packed = pack_levels(triangle)
    assert packed.dtype == torch.uint8 and packed.shape == (3, level_bytes(count))
    assert (unpack_levels(packed, count) - triangle).abs().max() <= 0.5 / 127 + 1e-6
    ends = torch.stack([torch.zeros(count), torch.ones(count)])
    assert torch.equal(unpack_levels(pack_levels(ends), count), ends)


def test_whole_eights_take_seven_bits():
    assert level_bytes(1600) * 8 == 1600 * 7


@pytest.mark.parametrize("count", COUNTS)
def test_compiled_kernels_keep_the_same_bytes(count):
    try:
        load_library()
    except KernelsUnavailable as error:
        pytest.skip(str(error))
    neuron = LIF(0.9, 1.0, 0.3, 0)
    current = torch.randn(7, count, generator=torch.Generator().manual_seed(count)).bfloat16()
    spikes, kept = scans.lif_forward([current], neuron, True)
    fused_spikes, fused_kept = fused_scans.lif_forward([current], neuron, True)
    assert torch.equal(fused_spikes, spikes)
    assert torch.equal(fused_kept, kept)
    grad = torch.randn(7, count, generator=torch.Generator().manual_seed(1)).bfloat16()
    found = fused_scans.lif_backward(grad, fused_kept, current, neuron).float()
    wanted = scans.lif_backward(grad, kept, current, neuron).float()
    assert torch.allclose(found, wanted, rtol=2**-6, atol=1e-3)  # the adjoint is rounded to bfloat16 as it leaves the scan
