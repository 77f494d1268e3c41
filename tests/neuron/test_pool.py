import pytest
import torch

from pipeline.neuron import scans
from pipeline.neuron.pool import pool_and_fire


def constant(mean, time, size=2):
    """Spikes whose `size` x `size` average is `mean` at every step."""
    flat = torch.zeros(size * size)
    flat[: round(mean * size * size)] = 1
    return flat.reshape(1, 1, 1, size, size).repeat(time, 1, 1, 1, 1)


# By hand from U[t+1] = U[t] + mean - v S[t].
TRACES = [
    (0.5, 1.0, [0, 1, 0, 1, 0, 1]),
    (0.25, 1.0, [0, 0, 0, 1, 0, 0]),
    (0.5, 0.75, [0, 1, 1, 0, 1, 1]),  # U = .5, 1, .75, .5, 1, .75
    (1.0, 1.0, [1, 1, 1, 1, 1, 1]),
    (1.0, 2.0, [0, 1, 0, 1, 0, 1]),
    (0.0, 1.0, [0, 0, 0, 0, 0, 0]),
]


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize(("mean", "threshold", "expected"), TRACES)
def test_trace_by_hand(mean, threshold, expected, delay):
    spikes = pool_and_fire(constant(mean, 6), 2, threshold, delay)
    assert spikes.shape == (6, 1, 1, 1, 1)
    assert spikes.flatten().tolist() == ([0, *expected[:-1]] if delay else expected)


def test_potential_does_not_leak():
    spikes = constant(1.0, 60)
    spikes[1:] = 0
    spikes[-1] = 1
    assert pool_and_fire(spikes, 2, 2.0, 0).flatten().nonzero().tolist() == [[59]]


def test_odd_sizes_drop_the_rim():
    spikes = torch.zeros(1, 1, 1, 5, 5)
    spikes[..., 4, :] = spikes[..., :, 4] = 1
    fired = pool_and_fire(spikes, 2, 0.25, 0)
    assert fired.shape == (1, 1, 1, 2, 2)
    assert not fired.any()


def test_windows_are_separate():
    spikes = torch.zeros(1, 1, 1, 4, 4)
    spikes[..., :2, 2:] = 1
    assert pool_and_fire(spikes, 2, 1.0, 0)[0, 0, 0].tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("threshold", [1.0, 0.5])
def test_gradient_passes_through_exactly(threshold, delay):
    generator = torch.Generator().manual_seed(0)
    spikes = torch.randint(0, 2, (7, 2, 3, 4, 4), generator=generator).double().requires_grad_(True)
    upstream = torch.randint(-8, 9, (7, 2, 3, 2, 2), generator=generator).double()  # exact in binary
    (pool_and_fire(spikes, 2, threshold, delay) * upstream).sum().backward()
    arriving = torch.cat([upstream[1:], torch.zeros_like(upstream[:1])]) if delay else upstream
    expected = (arriving / threshold / 4).repeat_interleave(2, dim=3).repeat_interleave(2, dim=4)
    assert torch.equal(spikes.grad, expected)


class PassThrough(torch.autograd.Function):
    """Heaviside(u - v) with dS/dU = 1/v."""

    @staticmethod
    def forward(ctx, potential, threshold):
        ctx.threshold = threshold
        return (potential >= threshold).to(potential.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad / ctx.threshold, None


@pytest.mark.parametrize("delay", [0, 1])
def test_gradient_is_that_of_the_step_by_step_definition(delay):
    generator = torch.Generator().manual_seed(1)
    spikes = torch.randint(0, 2, (9, 2, 3, 4, 4), generator=generator).double().requires_grad_(True)
    upstream = torch.randn(9, 2, 3, 2, 2, dtype=torch.float64, generator=generator)
    pooled = torch.nn.functional.avg_pool2d(spikes.flatten(0, 1), 2).unflatten(0, (9, 2))
    potential = spike = torch.zeros_like(pooled[0])
    emitted = []
    for value in pooled:
        before = spike
        potential = potential + value - 0.6 * spike
        spike = PassThrough.apply(potential, 0.6)
        emitted.append(before if delay else spike)
    (expected,) = torch.autograd.grad((torch.stack(emitted) * upstream).sum(), spikes)
    fired = pool_and_fire(spikes, 2, 0.6, delay)
    (gradient,) = torch.autograd.grad((fired * upstream).sum(), spikes)
    assert torch.equal(fired, torch.stack(emitted))
    assert ((gradient - expected).norm() / expected.norm()).item() < 1e-10


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_input(dtype):
    # 1/512 a step: potentials in bfloat16 would stall at 0.5.
    spikes = pool_and_fire(torch.full((600, 1, 1, 2, 2), 1 / 512).to(dtype), 2, 1.0, 0)
    assert spikes.dtype == dtype
    assert spikes.flatten().nonzero().tolist() == [[511]]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_bfloat16_gives_the_spikes_of_float32(size):
    """A mean over nine or 25 places is none of bfloat16's numbers."""
    spikes = (torch.rand(60, 3, 17, 15, 15, generator=torch.Generator().manual_seed(size)) < 0.3).float()
    expected = pool_and_fire(spikes, size, 0.7, 0)
    assert 0.1 < expected.mean() < 0.9
    for pool in (pool_and_fire, scans.pool_forward):
        assert torch.equal(pool(spikes.bfloat16(), size, 0.7, 0).float(), expected)
