"""What `test_triton.py` runs: neurons' kernels against the reference on CPUs, on data drawn anew each time."""

import inspect
import secrets

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from triton_tools import DEVICE, INTERPRETED, skip_without_triton

from pipeline.neuron import LIF, scans
from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.fused.library import KernelsUnavailable, load_library
from pipeline.neuron.levels import level_bytes, pack_levels
from pipeline.neuron.lif import forward_scan

skip_without_triton()

from pipeline.neuron.triton import scans as triton_scans  # noqa: E402

DTYPES = [torch.float32, torch.bfloat16]
NEURONS = [LIF(0.99, 1.0, 0.3, 0), LIF(0.95, 0.7, 0.9, 1), LIF(1.0, 2.0, 0.5, 1), LIF(0.5, 0.3, 1.0, 0)]
SHAPES = [(1, 1), (1, 7), (5, 8), (13, 3, 5), (4, 1, 3, 5, 7), (9, 2, 4, 4, 4), (3, 1025), (2, 2, 1031)]
# The interpreter cuts bfloat16 off where a GPU rounds it.
BFLOAT16 = 2**-7 if INTERPRETED else 2**-8


@pytest.fixture
def generator():
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return torch.Generator().manual_seed(seed)


def channels_last(tensor):
    """`[T, B, C, H, W]` in the layout that images have in a network; others are left alone."""
    return tensor.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3) if tensor.dim() == 5 else tensor


def draw(generator, shape, threshold, count=1, dtype=torch.float32):
    """Currents under which neurons fire often, and inhibited ones not."""
    one = (torch.randn(count, *shape, generator=generator) * threshold + 0.4 * threshold / count).to(dtype)
    return [channels_last(current) for current in one]


def forward(currents, neuron, keep=True):
    """Triton's spikes and what it kept, on the CPU."""
    spikes, kept = triton_scans.lif_forward([current.to(DEVICE) for current in currents], neuron, keep)
    assert spikes.stride() == currents[0].stride()
    return spikes.cpu(), None if kept is None else kept.cpu()


def in_memory_order(tensor):
    """`[T, N]`, neurons as they lie in memory."""
    return tensor.as_strided((len(tensor), tensor[0].numel()), (tensor[0].numel(), 1))


def compiled_forward(current, neuron):
    """The C++ kernels' spikes and levels."""
    if "extra" in inspect.signature(fused_scans.lif_forward).parameters:
        return fused_scans.lif_forward(current, None, neuron, True)
    return fused_scans.lif_forward([current], neuron, True)


def without_compiler():
    try:
        load_library()
    except KernelsUnavailable as error:
        return str(error)
    return ""


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_float32_spikes_and_potentials_are_the_references_to_the_bit(shape, neuron, count, generator):
    currents = draw(generator, shape, neuron.threshold, count)
    total = currents[0]
    for more in currents[1:]:
        total = total + more
    spikes, potentials = forward_scan(total, neuron)
    found, kept = forward(currents, neuron)
    assert torch.equal(found, spikes)
    assert torch.equal(kept, in_memory_order(potentials))


@given(st.data())
@settings(max_examples=30)
def test_float32_spikes_are_the_references_for_any_neuron(data):
    shape = data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=4).map(tuple))
    value = st.floats(0.0625, 8, width=32)
    neuron = LIF(data.draw(st.floats(0.0625, 1)), data.draw(value), data.draw(value), data.draw(st.integers(0, 1)))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    (current,) = draw(generator, shape, neuron.threshold)
    spikes, potentials = forward_scan(current, neuron)
    found, kept = forward([current], neuron)
    assert torch.equal(found, spikes)
    assert torch.equal(kept, potentials.flatten(1))


def test_nothing_is_kept_that_is_not_asked_for(generator):
    for dtype in DTYPES:
        (current,) = draw(generator, (5, 3, 9), 1.0, dtype=dtype)
        found, kept = forward([current], NEURONS[0], keep=False)
        assert kept is None
        assert torch.equal(found, forward([current], NEURONS[0])[0])


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_bfloat16_spikes_and_levels_are_the_references(shape, neuron, generator):
    currents = draw(generator, shape, neuron.threshold, 2, torch.bfloat16)
    spikes, potentials = forward_scan(currents[0].float() + currents[1].float(), neuron)
    triangle = torch.clamp(1 - torch.abs(potentials / neuron.threshold - 1), min=0)
    found, kept = forward(currents, neuron)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found.float(), spikes)
    assert kept.shape == (shape[0], level_bytes(currents[0][0].numel()))
    assert torch.equal(kept, pack_levels(in_memory_order(triangle)))


@pytest.mark.skipif(bool(without_compiler()), reason=without_compiler())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, 4, 8, 15, 16, 17, 513, 1040])
def test_the_compiled_kernels_give_and_keep_the_same(count, dtype, generator):
    neuron = NEURONS[1]
    (current,) = draw(generator, (7, count), neuron.threshold, dtype=dtype)
    expected, held = compiled_forward(current, neuron)
    found, kept = forward([current], neuron)
    assert torch.equal(found, expected)
    assert torch.equal(kept, held)
    grad = torch.randn(7, count, generator=generator).to(dtype)
    gained = triton_scans.lif_backward(grad.to(DEVICE), kept.to(DEVICE), current.to("meta"), neuron).cpu()
    wanted = fused_scans.lif_backward(grad, held, current, neuron)
    if dtype == torch.float32 or not INTERPRETED:
        assert torch.equal(gained, wanted)
    else:
        assert torch.allclose(gained.float(), wanted.float(), rtol=BFLOAT16, atol=1e-30)


class StraightThrough(torch.autograd.Function):
    """Heaviside(u - v), differentiated as equation 3 says."""

    @staticmethod
    def forward(ctx, potential, neuron):
        ctx.save_for_backward(potential)
        ctx.neuron = neuron
        return (potential >= neuron.threshold).to(potential.dtype)

    @staticmethod
    def backward(ctx, grad):
        (potential,), neuron = ctx.saved_tensors, ctx.neuron
        return grad * neuron.damping * torch.clamp(1 - (potential / neuron.threshold - 1).abs(), min=0), None


def step_by_step(current, neuron):
    """Algorithm 2's inner loop for one layer, for automatic differentiation."""
    potential, spikes = torch.zeros_like(current[0]), []
    spike = torch.zeros_like(current[0])
    for value in current:
        before = spike
        potential = neuron.leak * potential + value - neuron.threshold * spike
        spike = StraightThrough.apply(potential, neuron)
        spikes.append(before if neuron.delay else spike)
    return torch.stack(spikes)


def exact(current, upstream, neuron):
    """(spikes, dL/dI) in float64 for L = sum(upstream * spikes)."""
    leaf = current.double().requires_grad_()
    spikes = step_by_step(leaf, neuron)
    (grad,) = torch.autograd.grad((spikes * upstream.double()).sum() + 0 * leaf.sum(), leaf)
    return spikes.detach(), grad


def backward(current, upstream, neuron):
    """Triton's spikes and dL/dI, on the CPU."""
    spikes, kept = triton_scans.lif_forward([current.to(DEVICE)], neuron, True)
    gained = triton_scans.lif_backward(upstream.to(DEVICE), kept, current.to("meta"), neuron)
    assert gained.stride() == current.stride()
    return spikes.cpu(), gained.cpu()


def error_of(gained, wanted):
    return float((gained.double() - wanted).norm() / wanted.norm().clamp(min=1e-30))


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_float32_gradient_is_that_of_the_step_by_step_definition(shape, neuron, generator):
    (current,) = draw(generator, shape, neuron.threshold)
    upstream = torch.randn(shape, generator=generator)
    expected, wanted = exact(current, upstream, neuron)
    spikes, gained = backward(current, upstream, neuron)
    agree = (spikes == expected).all(0)  # neurons do not touch each other
    assert agree.double().mean() > 0.99
    assert error_of(gained * agree, wanted * agree) < 1e-5


@pytest.mark.parametrize("neuron", NEURONS)
def test_bfloat16_gradient_is_close(neuron, generator):
    (current,) = draw(generator, (12, 3, 5, 4, 4), neuron.threshold, dtype=torch.bfloat16)
    upstream = channels_last(torch.randn(current.shape, generator=generator).bfloat16())
    expected, wanted = exact(current, upstream, neuron)
    spikes, gained = backward(current, upstream, neuron)
    agree = (spikes.double() == expected).all(0)
    assert agree.double().mean() > 0.99
    assert error_of(gained * agree, wanted * agree) < 2e-2


@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_of_currents_and_gradients_may_differ(dtype, generator):
    neuron, shape = NEURONS[1], (6, 2, 3, 4, 5)
    first, second = draw(generator, shape, neuron.threshold, 2, dtype)
    expected, held = forward([first, second], neuron)
    found, kept = forward([first, second.contiguous()], neuron)
    assert torch.equal(found, expected)
    assert torch.equal(kept, held)
    upstream = torch.randn(shape, generator=generator).to(dtype)
    gains = [
        triton_scans.lif_backward(grad.to(DEVICE), kept.to(DEVICE), first.to("meta"), neuron)
        for grad in (upstream, channels_last(upstream))
    ]
    assert torch.equal(gains[0], gains[1])
    assert not torch.equal(gains[0], torch.zeros_like(gains[0]))


def wrong_spikes(current, neuron, kind):
    """Plausible slips of a kernel."""
    potential, spike, spikes = torch.zeros_like(current[0]), torch.zeros_like(current[0]), []
    for value in current:
        before = spike
        if kind == "no reset":
            potential = neuron.leak * potential + value
        elif kind == "rounded once":  # as a fused multiply-add does: the product of two float32 is exact in float64
            leak = torch.tensor(neuron.leak).double()
            potential = (leak * potential.double() + value.double()).float() - neuron.threshold * spike
        else:
            potential = neuron.leak * potential + value - neuron.threshold * spike
        spike = (potential > neuron.threshold if kind == "strictly above" else potential >= neuron.threshold).float()
        delayed = neuron.delay != (kind == "other delay")
        spikes.append(before if delayed else spike)
    return torch.stack(spikes)


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("kind", ["no reset", "other delay"])
def test_guard_a_wrong_kernel_would_show(neuron, kind, generator):
    (current,) = draw(generator, (9, 40), neuron.threshold)
    found, _ = forward([current], neuron)
    assert torch.equal(found, wrong_spikes(current, neuron, "none"))
    assert not torch.equal(found, wrong_spikes(current, neuron, kind))


def test_guard_strictly_above_the_threshold_would_show():
    neuron, current = LIF(1.0, 0.5, 0.3, 0), torch.tensor([[0.5], [0.25], [0.25]])
    found, _ = forward([current], neuron)
    assert found.flatten().tolist() == [1, 0, 1]
    assert not torch.equal(found, wrong_spikes(current, neuron, "strictly above"))


def test_guard_a_fused_multiply_add_would_show(generator):
    """Potentials are driven to the threshold's neighbourhood, where one rounding more or less decides."""
    neuron = LIF(0.9, 1.0, 0.3, 0)
    first = torch.rand(20_000, generator=generator) * 0.9 + 0.05
    second = 1 - torch.tensor(neuron.leak) * first
    current = torch.stack([first, second])
    found, _ = forward([current], neuron)
    assert torch.equal(found, forward_scan(current, neuron)[0])
    assert not torch.equal(found, wrong_spikes(current, neuron, "rounded once"))


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
