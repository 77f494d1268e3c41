"""What `test_triton.py` runs of LIF neurons: the kernels against the reference on CPUs, on data drawn anew each time."""

import inspect
import secrets

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from triton_tools import BFLOAT16, DEVICE, DTYPES, INTERPRETED, channels_last, need_gpu_or_interpreter, without_compiler

from pipeline.neuron.fused import scans as fused_scans
from pipeline.neuron.levels import level_bytes, pack_levels
from pipeline.neuron.lif import LIF, forward_scan

need_gpu_or_interpreter()

from pipeline.neuron.triton import scans as triton_scans  # noqa: E402

NEURONS = [LIF(0.99, 1.0, 0.3, 0), LIF(0.95, 0.7, 0.9, 1), LIF(1.0, 2.0, 0.5, 1), LIF(0.5, 0.3, 1.0, 0)]
SHAPES = [(1, 1), (1, 7), (5, 8), (13, 3, 5), (4, 1, 3, 5, 7), (9, 2, 4, 4, 4), (3, 1025), (2, 2, 1031)]


@pytest.fixture
def generator():
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return torch.Generator().manual_seed(seed)


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
