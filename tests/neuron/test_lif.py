from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.neuron.lif import LIF, forward_scan, lif, surrogate

NEURON = LIF(leak=0.5, threshold=1.0, damping=0.3, delay=0)

# (leak, threshold, current, potentials U[1..T], spikes S[1..T]), by hand from U[t+1] = alpha U[t] + I[t] - v S[t].
TRACES = {
    "leak": (0.5, 1.0, [0.6, 0.8, 0.0, 1.9, 0.0, 0.0], [0.6, 1.1, -0.45, 1.675, -0.1625, -0.08125], [0, 1, 0, 1, 0, 0]),
    "residual is carried": (1.0, 1.0, [3.25, 0.0, 0.0, 0.0, 0.75], [3.25, 2.25, 1.25, 0.25, 1.0], [1, 1, 1, 0, 1]),
    "fires at the threshold": (1.0, 0.5, [0.5, 0.0, 0.25, 0.25], [0.5, 0.0, 0.25, 0.5], [1, 0, 0, 1]),
    "leak acts before the reset": (0.5, 1.0, [1.5, 0.75, 0.0], [1.5, 0.5, 0.25], [1, 0, 0]),
    "inhibition": (0.5, 1.0, [-2.0, 1.75, 1.0], [-2.0, 0.75, 1.375], [0, 0, 1]),
    "silence": (0.99, 1.0, [0.0, 0.0], [0.0, 0.0], [0, 0]),
}


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize(("leak", "threshold", "current", "potentials", "spikes"), TRACES.values(), ids=TRACES)
def test_trace_by_hand(leak, threshold, current, potentials, spikes, delay):
    if delay:  # S[t] leaves before I[t] arrives
        potentials, spikes = [0.0, *potentials[:-1]], [0, *spikes[:-1]]
    neuron = LIF(leak, threshold, 0.3, delay)
    fired, emitted_from = forward_scan(torch.tensor(current, dtype=torch.float64)[:, None], neuron)
    assert fired[:, 0].tolist() == spikes
    assert emitted_from[:, 0].tolist() == pytest.approx(potentials, abs=1e-12)
    assert lif(torch.tensor(current)[:, None], neuron)[:, 0].tolist() == spikes


def wrong_scan(current, leak, threshold, kind):
    """Plausible neurons that are not equation 1."""
    potential, spike, spikes = 0.0, 0.0, []
    for value in current:
        if kind == "hard reset":
            potential = leak * potential * (1 - spike) + value
        elif kind == "leaky reset":
            potential = leak * (potential - threshold * spike) + value
        elif kind == "no reset":
            potential = leak * potential + value
        elif kind == "leaky input":  # the form of PyTorch libraries whose current charges through the same constant
            potential = leak * potential + (1 - leak) * value - threshold * spike
        spike = float(potential > threshold) if kind == "strictly above" else float(potential >= threshold)
        if kind == "strictly above":
            potential = leak * potential + value - threshold * spike
        spikes.append(int(spike))
    return spikes


@pytest.mark.parametrize(
    ("kind", "trace"),
    [
        ("hard reset", "residual is carried"), ("leaky reset", "leak acts before the reset"), ("no reset", "residual is carried"),
        ("leaky input", "leak"), ("strictly above", "fires at the threshold"),
    ],
)  # fmt: skip
def test_guard_wrong_neurons_spike_otherwise(kind, trace):
    leak, threshold, current, _, spikes = TRACES[trace]
    assert wrong_scan(current, leak, threshold, kind) != spikes


def test_guard_the_delays_are_one_step_apart_and_not_equal():
    current = torch.randn(9, 4, 3, generator=torch.Generator().manual_seed(0)) + 0.5
    now, late = lif(current, NEURON), lif(current, replace(NEURON, delay=1))
    assert torch.equal(late[1:], now[:-1])
    assert not late[0].any()
    assert not torch.equal(now, late)


def test_surrogate_by_hand():
    potential = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0])
    # gamma max(0, 1 - |u/v - 1|), v = 2: the peak gamma at u = v, zero from 2v on.
    expected = [0.0, 0.0, 0.075, 0.15, 0.3, 0.15, 0.0, 0.0]
    assert surrogate(potential, LIF(0.9, 2.0, 0.3, 0)).tolist() == pytest.approx(expected)


class StraightThrough(torch.autograd.Function):
    """Heaviside(u - v), differentiated as equation 3 says; written apart from the code under test."""

    @staticmethod
    def forward(ctx, potential, threshold, damping):
        ctx.save_for_backward(potential)
        ctx.threshold, ctx.damping = threshold, damping
        return (potential >= threshold).to(potential.dtype)

    @staticmethod
    def backward(ctx, grad):
        (potential,) = ctx.saved_tensors
        distance = (potential / ctx.threshold - 1).abs()
        return grad * torch.where(distance < 1, ctx.damping * (1 - distance), torch.zeros_like(distance)), None, None


def step_by_step(current, neuron, reset_in_graph=True):
    """Algorithm 2's inner loop for one layer, for automatic differentiation."""
    potential, spikes = torch.zeros_like(current[0]), []
    spike = torch.zeros_like(current[0])
    for value in current:
        if neuron.delay:
            spikes.append(spike)
        reset = spike if reset_in_graph else spike.detach()
        potential = neuron.leak * potential + value - neuron.threshold * reset
        spike = StraightThrough.apply(potential, neuron.threshold, neuron.damping)
        if not neuron.delay:
            spikes.append(spike)
    return torch.stack(spikes)


def fresh_seed():
    """A new seed at every run, printed so that a failure can be repeated."""
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    return torch.Generator().manual_seed(seed)


def gradients(current, upstream, *functions):
    """Spikes and the gradient of sum(upstream * spikes) for each function of the current."""
    results = []
    for function in functions:
        leaf = current.clone().requires_grad_(True)
        spikes = function(leaf)
        results.append((spikes.detach(), torch.autograd.grad((spikes * upstream).sum(), leaf)[0]))
    return results


def relative_error(a, b):
    return ((a - b).norm() / b.norm()).item()


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize(("leak", "threshold", "damping"), [(0.99, 1.0, 0.3), (0.5, 0.7, 0.9), (1.0, 2.0, 0.5)])
@pytest.mark.parametrize("shape", [(13, 4, 5), (1, 3), (30, 2, 3, 4, 4)])
def test_gradient_is_that_of_the_step_by_step_definition(shape, leak, threshold, damping, delay):
    neuron, generator = LIF(leak, threshold, damping, delay), fresh_seed()
    current = torch.randn(shape, dtype=torch.float64, generator=generator) * threshold + 0.3 * threshold
    upstream = torch.randn(shape, dtype=torch.float64, generator=generator)
    (spikes, gradient), (expected_spikes, expected) = gradients(
        current, upstream, lambda leaf: lif(leaf, neuron), lambda leaf: step_by_step(leaf, neuron) + 0 * leaf
    )
    assert torch.equal(spikes, expected_spikes)
    if expected.norm() == 0:  # one step with delay 1: nothing reaches the output
        assert not gradient.any()
    else:
        assert relative_error(gradient, expected) < 1e-10


@pytest.mark.parametrize("delay", [0, 1])
def test_guard_a_detached_reset_has_another_gradient(delay):
    neuron, generator = replace(NEURON, leak=0.9, delay=delay), fresh_seed()
    current = torch.randn(20, 50, dtype=torch.float64, generator=generator) + 0.3
    upstream = torch.randn(20, 50, dtype=torch.float64, generator=generator)
    (_, gradient), (_, detached) = gradients(
        current, upstream, lambda leaf: lif(leaf, neuron), lambda leaf: step_by_step(leaf, neuron, reset_in_graph=False)
    )
    assert relative_error(gradient, detached) > 1e-2


def test_gradient_by_hand():
    # leak 0.5, v = 1, gamma = 0.3, I = (0.5, 0.75), delay 0: U = (0.5, 1.0), g = (0.15, 0.3), dL/dS = (1, 2).
    # lambda[2] = 0.3 * 2 = 0.6; lambda[1] = 0.15 (1 - 0.6) + 0.5 * 0.6 = 0.36.
    current = torch.tensor([0.5, 0.75], dtype=torch.float64, requires_grad=True)
    (lif(current, NEURON) * torch.tensor([1.0, 2.0])).sum().backward()
    assert current.grad.tolist() == pytest.approx([0.36, 0.6])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_input_keeps_its_dtype_and_potentials_are_float32(dtype):
    current = torch.full((600, 1), 1 / 512).to(dtype).requires_grad_(True)  # exact in bfloat16
    neuron = LIF(1.0, 1.0, 0.3, 0)
    spikes = lif(current, neuron)
    assert spikes.dtype == dtype
    # Summed in bfloat16 the potential would stall at 0.5, where 1/512 is half a unit in the last place.
    assert spikes.detach().flatten().nonzero().tolist() == [[511]]
    assert forward_scan(current.detach(), neuron)[1].dtype == torch.float32
    spikes.float().sum().backward()
    assert current.grad.dtype == dtype
    assert current.grad.isfinite().all()


@pytest.mark.parametrize("delay", [0, 1])
def test_float32_gradient_is_close_to_float64(delay):
    neuron, generator = replace(NEURON, leak=0.9, delay=delay), torch.Generator().manual_seed(0)
    current, upstream = torch.randn(2, 20, 50, generator=generator)
    ((spikes, gradient),) = gradients(current, upstream, lambda leaf: lif(leaf, neuron))
    ((exact_spikes, exact),) = gradients(current.double(), upstream.double(), lambda leaf: lif(leaf, neuron))
    assert torch.equal(spikes.double(), exact_spikes)
    assert relative_error(gradient.double(), exact) < 1e-5


def test_no_state_is_kept_between_calls():
    current = torch.full((3, 2), 0.4)
    assert torch.equal(lif(current, replace(NEURON, leak=1.0)), lif(current, replace(NEURON, leak=1.0)))
