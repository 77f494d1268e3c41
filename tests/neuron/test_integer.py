import pytest
import torch

from pipeline.neuron.integer import integer_lif, unrolled
from pipeline.neuron.lif import LIF

NEURON = LIF(leak=0.5, threshold=1.0, damping=0.3, delay=0, levels=4)


@pytest.mark.parametrize(
    ("leak", "threshold", "current", "counts"),
    [
        (0.5, 1.0, [0.4, 0.5, 1.49, 9.0, -3.0], [0, 1, 1, 4, 0]),  # U = 0.4, 0.7, 1.19, 9.095, -0.4525
        (1.0, 2.0, [0.9, 0.2, 5.0, 0.0], [0, 1, 2, 0]),  # U / v = 0.45, 0.55, 2.05, 0.05
        (1.0, 1.0, [6.0, 0.0], [4, 2]),  # what does not fit into one step stays
    ],
)
def test_counts_by_hand(leak, threshold, current, counts):
    neuron = LIF(leak, threshold, 0.3, 0, 4)
    assert integer_lif(torch.tensor(current, dtype=torch.float64)[:, None], neuron)[:, 0].tolist() == counts


def binary_steps(current, levels, start):
    """Equation 1's soft reset, one spike a step, the whole current in the first of `levels` steps."""
    potential, spikes = current + start, []
    for _ in range(levels):
        spikes.append((potential >= 1).to(current.dtype))
        potential = potential - spikes[-1]
    return torch.stack(spikes)


@pytest.mark.parametrize("levels", [2, 4, 7])
def test_a_step_is_binary_steps_to_the_bit(levels):
    current = 3 * torch.randn(1, 10_000, generator=torch.Generator().manual_seed(0))
    counts = integer_lif(current, LIF(1.0, 1.0, 0.3, 0, levels))
    assert counts.max() == levels
    assert torch.equal(unrolled(counts, levels), binary_steps(current[0], levels, 0.5))
    assert not torch.equal(unrolled(counts, levels), binary_steps(current[0], levels, 0.0))  # guard: not raised by half


def test_unrolled_keeps_the_order_of_steps():
    assert unrolled(torch.tensor([[2.0], [0.0], [3.0]]), 3)[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 1, 1, 1]


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, ratio, levels):
        ctx.save_for_backward((ratio > 0) & (ratio < levels))
        return (ratio + 0.5).floor().clamp(0, levels)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None


def by_autograd(current, neuron, reset=True):
    """The recursion of the module's docstring, step by step in plain operations."""
    potential, spike, counts = torch.zeros_like(current[0]), torch.zeros_like(current[0]), []
    for step in current:
        potential = neuron.leak * potential + step - neuron.threshold * spike
        spike = StraightThrough.apply(potential / neuron.threshold, neuron.levels)
        counts.append(spike)
        spike = spike if reset else spike.detach()
    return torch.stack(counts)


def gradient(function, current, neuron, **more):
    current = current.clone().requires_grad_()
    weight = torch.randn(current.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(current.dtype)
    (function(current, neuron, **more) * weight).sum().backward()
    return current.grad


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("threshold", [1.0, 0.7])
def test_gradient_is_that_of_autograd_in_float64(steps, threshold):
    neuron = LIF(0.9, threshold, 0.3, 0, 4)
    current = torch.randn(steps, 3, 4, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(integer_lif(current, neuron), by_autograd(current, neuron))
    found, wanted = gradient(integer_lif, current, neuron), gradient(by_autograd, current, neuron)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    assert (gradient(integer_lif, current.float(), neuron).double() - wanted).abs().max() < 1e-5
    if steps > 1:  # guard: a reset outside the graph gives another gradient
        assert not torch.allclose(gradient(by_autograd, current, neuron, reset=False), wanted)


def test_memory_layout_is_that_of_the_current():
    current = torch.randn(1, 2, 4, 4, 3).permute(0, 1, 4, 2, 3).requires_grad_()
    counts = integer_lif(current, NEURON)
    counts.sum().backward()
    assert counts.stride() == current.grad.stride() == current.stride()
