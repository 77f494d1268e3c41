"""What `test_triton.py` runs beside LIF neurons: pooling neurons, bits, the readout's sum, trains of over 2**31 spikes."""

import secrets

import pytest
import torch
from triton_tools import BFLOAT16, DEVICE, DTYPES, channels_last, need_gpu_or_interpreter, without_compiler

from pipeline.neuron import scans
from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.lif import LIF

need_gpu_or_interpreter()

from pipeline.neuron.triton import scans as triton_scans  # noqa: E402


@pytest.fixture
def generator():
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return torch.Generator().manual_seed(seed)


POOLS = [((5, 2, 3, 7, 8), 2), ((4, 1, 2, 9, 10), 3), ((1, 3, 1, 4, 4), 4), ((6, 2, 17, 5, 5), 2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("threshold", [1.0, 0.7])
@pytest.mark.parametrize(("shape", "size"), POOLS)
def test_pooling_is_the_references(shape, size, threshold, delay, dtype, generator):
    spikes = channels_last((torch.rand(shape, generator=generator) < 0.5).to(dtype))
    expected = scans.pool_forward(spikes, size, threshold, delay)
    assert shape[0] == 1 or expected.any()
    found = triton_scans.pool_forward(spikes.to(DEVICE), size, threshold, delay)
    assert found.dtype == dtype
    assert torch.equal(found.cpu(), expected)
    upstream = torch.randn(expected.shape, generator=generator).to(dtype)
    gained = triton_scans.pool_backward(upstream.to(DEVICE), spikes.shape, size, threshold, delay).cpu()
    assert gained.shape == spikes.shape and gained.dtype == dtype
    wanted = scans.pool_backward(upstream, spikes.shape, size, threshold, delay)
    tolerance = 1e-6 if dtype == torch.float32 else BFLOAT16
    assert torch.allclose(gained.float(), wanted.float(), rtol=tolerance, atol=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (5, 3, 7), (2, 2, 3, 5, 5), (2, 4100)])
def test_bits_are_the_references_and_come_back(shape, signed, dtype, generator):
    spikes = channels_last(torch.randint(-1 if signed else 0, 2, shape, generator=generator).to(dtype))
    bits = triton_scans.pack(spikes.to(DEVICE), signed)
    assert torch.equal(bits.cpu(), scans.pack(spikes, signed))
    if not without_compiler():
        assert torch.equal(bits.cpu(), fused_scans.pack(spikes, signed))
    back = triton_scans.unpack(bits, spikes.to("meta"))
    assert back.dtype == dtype and back.stride() == spikes.stride()
    assert torch.equal(back.cpu(), spikes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("leak", "shape"), [(0.99, (25, 4, 30)), (0.5, (1, 3)), (1.0, (7, 2, 1031)), (0.9, (6, 2, 3, 4, 5))])
def test_leaky_sum_and_its_gradient(leak, shape, dtype, generator):
    spikes = channels_last((torch.rand(shape, generator=generator) < 0.4).to(dtype)).requires_grad_()
    own = spikes.detach().to(DEVICE).requires_grad_()
    weights = (leak ** torch.arange(shape[0] - 1, -1, -1).double()).view(-1, *[1] * (len(shape) - 1))
    expected = (weights * spikes.double()).sum(0)
    found = triton_scans.leaky_sum(own, leak)
    assert found.dtype == torch.float32 and found.shape == expected.shape
    assert torch.allclose(found.double().cpu(), expected, rtol=1e-5, atol=1e-6)
    upstream = torch.randn(expected.shape, generator=generator)
    (wanted,) = torch.autograd.grad((expected * upstream).sum(), spikes)
    (gained,) = torch.autograd.grad((found * upstream.to(DEVICE)).sum(), own)
    assert gained.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 2 * BFLOAT16
    assert torch.allclose(gained.cpu().float(), wanted.float(), rtol=tolerance, atol=1e-30)


@pytest.mark.skipif(DEVICE.type == "cpu", reason="some 30 GB of a GPU's memory")
def test_spike_trains_of_more_than_two_to_the_31():
    """The last step begins beyond what 32 bits can count."""
    neuron, neurons = LIF(1.0, 1.0, 0.3, 0), 2**30 + 24
    current = torch.zeros(3, neurons, dtype=torch.bfloat16, device=DEVICE)
    current[:, -3] = 1
    spikes, kept = triton_scans.lif_forward([current], neuron, True)
    assert kept is not None
    assert spikes[:, -3].tolist() == [1, 1, 1]
    assert [int(step.count_nonzero()) for step in spikes] == [1, 1, 1]
    bits = triton_scans.pack(spikes, False)
    back = triton_scans.unpack(bits, spikes.to("meta"))
    assert [int(step.count_nonzero()) for step in back] == [1, 1, 1]
    grad = triton_scans.lif_backward(spikes, kept, current.to("meta"), neuron)
    assert [int(step.count_nonzero()) for step in grad] == [1, 1, 1]
