"""The compiled normalisation with integer neurons, against torch's and the readable neurons."""

import pytest
import torch

from pipeline.neuron.fused.library import KernelsUnavailable
from pipeline.neuron.integer import integer_lif
from pipeline.neuron.lif import LIF
from pipeline.neuron.normalised.scan import load_normalised, normalised_integer_lif


@pytest.fixture(autouse=True)
def compiled():
    try:
        load_normalised()
    except KernelsUnavailable as error:
        pytest.skip(str(error))


def make(channels, training, dtype=torch.float32):
    generator = torch.Generator().manual_seed(2)
    norm = torch.nn.BatchNorm2d(channels).to(dtype).train(training)
    with torch.no_grad():
        norm.weight.copy_(0.5 + torch.rand(channels, generator=generator))
        norm.bias.copy_(torch.randn(channels, generator=generator))
        norm.running_mean.copy_(torch.randn(channels, generator=generator))
        norm.running_var.copy_(0.5 + torch.rand(channels, generator=generator))
    return norm


def readable(current, norm, neuron):
    return integer_lif(norm(current.flatten(0, 1)).unflatten(0, current.shape[:2]), neuron)


def results(function, current, norm, neuron, weight):
    given = current.clone().requires_grad_()
    counts = function(given, norm, neuron)
    (counts * weight).sum().backward()
    return [counts.detach(), given.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]


def inputs(steps, channels, side, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [2 + 3 * torch.randn(steps, 4, channels, side, side, generator=generator, dtype=torch.float64) for _ in range(2)]


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("channels", "side", "threshold"), [(7, 5, 1.0), (32, 20, 1.0), (40, 9, 0.7)])
def test_as_torch_in_float64(steps, training, channels, side, threshold):
    neuron = LIF(0.9, threshold, 0.3, 0, 4)
    current, weight = inputs(steps, channels, side)
    wanted = results(readable, current, make(channels, training, torch.float64), neuron, weight)
    found = results(normalised_integer_lif, current.float(), make(channels, training), neuron, weight.float())
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=1e-4, atol=1e-4)


def test_bfloat16_follows_float32():
    neuron, (current, weight) = LIF(1.0, 1.0, 0.3, 0, 4), inputs(1, 32, 12)
    half, upstream = current.bfloat16(), weight.bfloat16()
    wanted = results(normalised_integer_lif, half.float(), make(32, True), neuron, upstream.float())
    found = results(normalised_integer_lif, half, make(32, True), neuron, upstream)
    assert found[0].dtype == torch.bfloat16 and torch.equal(found[0].float(), wanted[0])
    torch.testing.assert_close(found[1].float(), wanted[1], rtol=1e-2, atol=1e-2)
    for one, other in zip(found[2:], wanted[2:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_the_number_of_threads_changes_no_bit():
    neuron, (current, weight) = LIF(1.0, 1.0, 0.3, 0, 4), inputs(1, 24, 20)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(results(normalised_integer_lif, current.float(), make(24, True), neuron, weight.float()))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_no_number_is_passed_on(dtype):
    current = torch.zeros(1, 1, 2, 2, 2, dtype=dtype)
    current[0, 0, 1, 1, 1] = float("nan")
    counts = normalised_integer_lif(current, make(2, training=False), LIF(1.0, 1.0, 0.3, 0, 4))
    assert torch.equal(counts.isnan(), current.isnan())


def test_frozen_statistics_stay_and_layout_is_channels_last():
    norm = make(3, training=False)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    counts = normalised_integer_lif(torch.randn(2, 3, 3, 4, 4), norm, LIF(1.0, 1.0, 0.3, 0, 4))
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert counts.stride() == (144, 48, 1, 12, 3)
