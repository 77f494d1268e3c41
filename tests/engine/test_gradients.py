"""Gradients of every layer type by every engine against float64, on random inputs drawn anew each time.

The float64 reference is plain operations under automatic differentiation. In bfloat16 it starts from the same rounded
currents: rounding them moves potentials across the threshold and so changes spikes, which no backward pass can undo.
"""

import secrets

import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, linear

from pipeline.base.errors import UserError
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Synapse
from pipeline.engine.events import synapses
from pipeline.neuron.lif import LIF, lif
from pipeline.neuron.pool import pool_and_fire
from pipeline.neuron.readout import leaky_sum

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
T, B = 12, 3


@pytest.fixture(params=["lean", "fused", "events"])
def engine(request):
    try:
        return choose_engine(request.param, "cpu")
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def dtype(request):
    return request.param


@pytest.fixture(params=[0, 1], ids=["delay0", "delay1"])
def neuron(request):
    return LIF(0.95, 1.0, 0.3, request.param)


@pytest.fixture
def generator():
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return torch.Generator().manual_seed(seed)


def spikes(generator, *shape, signed=False):
    drawn = (torch.rand(T, B, *shape, generator=generator) < 0.3).double()
    return drawn * torch.where(torch.rand(drawn.shape, generator=generator) < 0.5, -1.0, 1.0) if signed else drawn


def weight(generator, *shape):
    fan_in = torch.Size(shape[1:]).numel()
    return (torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5).bfloat16().double()


class Rounded(torch.autograd.Function):
    """A current as the engine has it; the gradient passes."""

    @staticmethod
    def forward(ctx, current, dtype):
        return current.to(dtype).double()

    @staticmethod
    def backward(ctx, grad):
        return grad, None


def compare(reference, engine, inputs, dtype, generator):
    """Relative error, per input, of the engine's gradients against the float64 reference's.

    Where float32 and float64 disagree about a potential at the threshold, which is rare, the image takes no part: no backward
    pass can undo a spike.
    """
    exact = [tensor.clone().requires_grad_() for tensor in inputs]
    out = reference(*exact)
    own = [t.to(dtype if t.dim() == 5 or t.dim() == 3 else torch.float32).requires_grad_() for t in inputs]
    produced = engine(*own)
    same = (produced.double() == out).transpose(0, 1).flatten(1)
    assert same.double().mean() > 0.999, f"only {same.double().mean():.6f} of the outputs agree"
    agree = same.all(1)
    assert agree.sum() >= B - 1, "two images disagree"
    upstream = torch.randn(out.shape, generator=generator).to(dtype) * agree.view(-1, *[1] * (out.dim() - 2))
    wanted = torch.autograd.grad((out * upstream.double()).sum(), exact)
    gained = torch.autograd.grad((produced * upstream).sum(), own)
    for want, gain in zip(wanted, gained, strict=True):
        error = float((gain.double() - want).norm() / want.norm())
        assert error < TOLERANCE[dtype], error


def rounded(current, dtype, engine, dense=False):
    """The current as the engine has it: event-driven currents are float32 sums in bfloat16 too, unless the layer stays dense."""
    return Rounded.apply(current, dtype) if dtype == torch.bfloat16 and (dense or engine.name != "events") else current


@pytest.mark.parametrize(("stride", "signed", "outputs"), [(1, False, 7), (2, False, 24), (1, True, 7), (1, False, 83)])
def test_convolution(engine, dtype, neuron, generator, stride, signed, outputs):
    x, w = spikes(generator, 5, 8, 8, signed=signed), weight(generator, outputs, 5, 3, 3)

    def reference(x, w):
        current = conv2d(x.flatten(0, 1), w, stride=stride, padding=1).unflatten(0, (T, B))
        return lif(rounded(current, dtype, engine), neuron)

    def own(x, w):
        return engine.spikes([Synapse(x, w, stride, "signed" if signed else "spikes")], neuron)

    compare(reference, own, [x, w], dtype, generator)


@pytest.mark.parametrize(("pool", "side"), [(2, 8), (4, 8), (2, 7)])  # what fills no square of seven is left out
@pytest.mark.parametrize(("channels", "signed", "outputs"), [(3, True, 16), (5, False, 24), (20, False, 7)])
def test_convolution_into_pooling_neurons(engine, dtype, neuron, generator, pool, side, channels, signed, outputs):
    x, w = spikes(generator, channels, side, side, signed=signed), weight(generator, outputs, channels, 3, 3)

    def reference(x, w):
        current = conv2d(x.flatten(0, 1), w, padding=1).unflatten(0, (T, B))
        return pool_and_fire(lif(rounded(current, dtype, engine), neuron), pool, neuron.threshold, neuron.delay)

    def own(x, w):
        return engine.spikes([Synapse(x, w, 1, "signed" if signed else "spikes")], neuron, pool)

    compare(reference, own, [x, w], dtype, generator)


@pytest.mark.parametrize("stride", [1, 2])
def test_residual_unit_end(engine, dtype, neuron, generator, stride):
    x, w = spikes(generator, 6, 8, 8), weight(generator, 6, 6, 3, 3)
    unit, shortcut = spikes(generator, 4, 8, 8), weight(generator, 6, 4, 1, 1)

    def reference(x, w, unit, shortcut):
        main = conv2d(x.flatten(0, 1), w, stride=stride, padding=1).unflatten(0, (T, B))
        extra = conv2d(unit.flatten(0, 1), shortcut, stride=stride).unflatten(0, (T, B))
        return lif(rounded(main, dtype, engine) + rounded(extra, dtype, engine), neuron)

    def own(x, w, unit, shortcut):
        return engine.spikes([Synapse(x, w, stride), Synapse(unit, shortcut, stride)], neuron)

    compare(reference, own, [x, w, unit, shortcut], dtype, generator)


def test_three_inputs(engine, dtype, neuron, generator):
    """A unit's end with a residual input: three convolutions into one layer. Every engine goes the dense way, and the compiled
    kernels, which add two currents as they scan, are given the rounded sum of the first two."""
    tensors = [
        spikes(generator, 6, 8, 8), weight(generator, 6, 6, 3, 3), spikes(generator, 4, 8, 8), weight(generator, 6, 4, 1, 1),
        spikes(generator, 3, 15, 15, signed=True), weight(generator, 6, 3, 1, 1),
    ]  # fmt: skip
    strides, kinds = (1, 1, 2), ("spikes", "spikes", "signed")

    def reference(*tensors):
        currents = [
            conv2d(x.flatten(0, 1), w, stride=stride, padding=w.shape[2] // 2).unflatten(0, (T, B))
            for x, w, stride in zip(tensors[0::2], tensors[1::2], strides, strict=True)
        ]
        first, second, third = (rounded(current, dtype, engine, dense=True) for current in currents)
        both = first + second if engine.name == "lean" else rounded(first + second, dtype, engine, dense=True)
        return lif(both + third, neuron)

    def own(*tensors):
        pairs = zip(tensors[0::2], tensors[1::2], strides, kinds, strict=True)
        return engine.spikes([Synapse(*four) for four in pairs], neuron)

    compare(reference, own, tensors, dtype, generator)


@pytest.mark.parametrize("outputs", [11, 16, 208])
def test_linear(engine, dtype, neuron, generator, outputs):
    x, w = spikes(generator, 700), weight(generator, outputs, 700)

    def reference(x, w):
        dense = not synapses.suit(x, w, False)
        return lif(rounded(linear(x, w), dtype, engine, dense), neuron)

    def own(x, w):
        return engine.spikes([Synapse(x, w)], neuron)

    compare(reference, own, [x, w], dtype, generator)


@pytest.mark.parametrize("size", [2, 3])
def test_pool(engine, dtype, neuron, generator, size):
    x = spikes(generator, 5, 8, 8)
    expected = avg_pool2d(x.flatten(0, 1), size).shape[1:]

    def own(x):
        out = engine.pool(x, size, 1.0, neuron.delay)
        assert out.shape[2:] == expected
        return out

    if size == 3:  # the pooled ninths do not add up exactly, so potentials at the threshold may round apart
        x = x[:1].expand_as(x) * 0
    compare(lambda x: pool_and_fire(x, size, 1.0, neuron.delay), own, [x], dtype, generator)


def test_readout(dtype, generator):
    """Float32 in both modes, forward and backward: gradients of the weight and of the spikes."""
    x, w = spikes(generator, 20), weight(generator, 10, 20)
    exact = [x.clone().requires_grad_(), w.clone().requires_grad_()]
    own = [x.to(dtype).requires_grad_(), w.float().requires_grad_()]
    out, produced = leaky_sum(exact[0], 0.95) @ exact[1].T, leaky_sum(own[0], 0.95) @ own[1].T
    assert float((produced.double() - out).detach().norm() / out.detach().norm()) < 1e-5
    upstream = torch.randn(out.shape, generator=generator)
    wanted = torch.autograd.grad((out * upstream.double()).sum(), exact)
    gained = torch.autograd.grad((produced * upstream).sum(), own)
    for want, gain, tolerance in zip(wanted, gained, (TOLERANCE[dtype], 1e-5), strict=True):
        assert float((gain.double() - want).norm() / want.norm()) < tolerance
