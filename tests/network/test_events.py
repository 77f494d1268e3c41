"""Event-driven synapses: the same bytes whatever the threads and the other images, on every kind of processor."""

import ctypes
import shutil
import subprocess

import pytest
import torch
from torch.nn.functional import conv2d

from pipeline.network.events import synapses
from pipeline.network.synapse import Synapse, spiking_synapses
from pipeline.neuron import LIF, lif
from pipeline.neuron.fused import scans
from pipeline.neuron.fused.library import FLAGS, KernelsUnavailable

NEURON = LIF(0.95, 1.0, 0.3, 0)
T, B = 7, 5


@pytest.fixture(autouse=True)
def library():
    try:
        return synapses.load_events()
    except KernelsUnavailable as error:
        pytest.skip(str(error))


def drawn(*shape, rate=0.2, seed=0):
    return (torch.rand(T, B, *shape, generator=torch.Generator().manual_seed(seed)) < rate).float()


def weight(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * (2 / torch.Size(shape[1:]).numel()) ** 0.5


def trained(x, w, dtype=torch.float32):
    """Spikes and both gradients by events."""
    x, w = x.to(dtype).requires_grad_(), w.clone().requires_grad_()
    out = spiking_synapses(Synapse(x, w), None, NEURON, scans, True)
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    return [out.detach(), *torch.autograd.grad((out * upstream).sum(), (x, w))]


SHAPES = {"convolution": ((20, 9, 9), (80, 20, 3, 3)), "linear": ((1100,), (208, 1100))}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", SHAPES)
def test_one_thread_and_two_give_the_same_bytes(kind, dtype):
    inputs, outputs = SHAPES[kind]
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        out, _, grad_weight = trained(drawn(*inputs), weight(*outputs), dtype)
        results.append((out, grad_weight))
    torch.set_num_threads(1)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize("kind", SHAPES)
def test_an_image_gives_the_same_alone(kind):
    inputs, outputs = SHAPES[kind]
    x, w = drawn(*inputs), weight(*outputs)
    together = spiking_synapses(Synapse(x, w), None, NEURON, scans, True)
    alone = spiking_synapses(Synapse(x[:, 3:4], w), None, NEURON, scans, True)
    assert torch.equal(together[:, 3:4], alone)


@pytest.mark.parametrize("rate", [0.0, 0.02, 1.0])
def test_any_density_of_spikes(rate):
    x, w = drawn(40, 8, 8, rate=rate), weight(24, 40, 3, 3)
    out, _, grad_weight = trained(x, w)
    expected = lif(conv2d(x.flatten(0, 1).double(), w.double(), padding=1).unflatten(0, (T, B)), NEURON)
    assert (out == expected).double().mean() > 0.9999
    assert bool(grad_weight.any()) == (rate > 0)


def test_an_odd_image_with_stride():
    x, w = drawn(8, 7, 5), weight(16, 8, 3, 3)
    out = spiking_synapses(Synapse(x, w, 2), None, NEURON, scans, True)
    expected = lif(conv2d(x.flatten(0, 1).double(), w.double(), stride=2, padding=1).unflatten(0, (T, B)), NEURON)
    assert out.shape == expected.shape
    assert (out == expected).double().mean() > 0.9999


def test_what_does_not_suit_goes_the_dense_way(monkeypatch):
    """Signed spikes of many channels, outputs that fill no vector, more inputs in reach of a row than 16 bits can number."""

    def refuse(*_):
        raise AssertionError("an event kernel was called")

    monkeypatch.setattr(synapses, "_call", refuse)
    for spikes, kernel, signed in (
        (drawn(40, 6, 6) - drawn(40, 6, 6, seed=5), weight(16, 40, 3, 3), True), (drawn(30), weight(10, 30), False),
        (drawn(700, 1, 32), weight(16, 700, 3, 3), False),
    ):  # fmt: skip
        assert spiking_synapses(Synapse(spikes, kernel, 1, signed), None, NEURON, scans, True).shape[2] == len(kernel)


@pytest.mark.slow
def test_a_processor_without_vector_compression_lists_the_same_events(library, tmp_path, monkeypatch):
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    path = tmp_path / "plain.so"
    plain = [flag for flag in FLAGS if flag != "-march=native"]
    subprocess.run([compiler, *plain, "-o", str(path), str(synapses.SOURCE)], check=True, capture_output=True)
    other = ctypes.CDLL(str(path))
    for name, arguments in synapses.SIGNATURES.items():
        for suffix in ("float", "bfloat16"):
            getattr(other, f"{name}_{suffix}").argtypes = arguments
            getattr(other, f"{name}_{suffix}").restype = None
    for kind, (inputs, outputs) in SHAPES.items():
        expected = trained(drawn(*inputs), weight(*outputs))
        with monkeypatch.context() as patch:
            patch.setattr(synapses, "load_events", lambda: other)
            found = trained(drawn(*inputs), weight(*outputs))
        assert all(torch.equal(one, two) for one, two in zip(expected, found, strict=True)), kind
