"""Event-driven synapses: the same bytes whatever the threads and the other images, on every kind of processor."""

import ctypes
import itertools
import shutil
import subprocess

import pytest
import torch
from networks import build_trunk
from torch.nn.functional import conv2d

from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Synapse
from pipeline.engine.events import synapses
from pipeline.neuron.fused.library import FLAGS, KernelsUnavailable
from pipeline.neuron.lif import LIF, lif

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


def trained(x, w, dtype=torch.float32, pool=1):
    """Spikes and both gradients by events."""
    x, w = x.to(dtype).requires_grad_(), w.clone().requires_grad_()
    kind = "signed" if (x < 0).any() else "spikes"
    out = choose_engine("events", "cpu", "32").spikes([Synapse(x, w, 1, kind)], NEURON, pool)
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    return [out.detach(), *torch.autograd.grad((out * upstream).sum(), (x, w))]


SHAPES = {"convolution": ((20, 9, 9), (80, 20, 3, 3)), "signed": ((3, 9, 9), (24, 3, 3, 3)), "linear": ((1100,), (208, 1100))}


def spikes_for(kind):
    x = drawn(*SHAPES[kind][0])
    return x - 2 * x * drawn(*SHAPES[kind][0], rate=0.5, seed=3) if kind == "signed" else x


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", SHAPES)
def test_one_thread_and_two_give_the_same_bytes(kind, dtype):
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        out, _, grad_weight = trained(spikes_for(kind), weight(*SHAPES[kind][1]), dtype)
        results.append((out, grad_weight))
    torch.set_num_threads(1)
    assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


@pytest.mark.parametrize("kind", SHAPES)
def test_an_image_gives_the_same_alone(kind):
    x, w = spikes_for(kind), weight(*SHAPES[kind][1])
    together, alone = trained(x, w)[0], trained(x[:, 3:4], w)[0]
    assert torch.equal(together[:, 3:4], alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("kind", [*SHAPES, "two convolutions"])
def test_steps_that_go_on_from_potentials_are_those_of_one_run(kind, delay, dtype):
    neuron, engine = LIF(0.9, 1.0, 0.3, delay), choose_engine("events", "cpu", "bf16" if dtype == torch.bfloat16 else "32")
    shapes = [(SHAPES["convolution"][0], (24, 20, 3, 3)), ((8, 9, 9), (24, 8, 3, 3))] if kind not in SHAPES else [SHAPES[kind]]
    if kind in SHAPES:
        given = [Synapse(spikes_for(kind).to(dtype), weight(*shapes[0][1]), 1, "signed" if kind == "signed" else "spikes")]
    else:
        given = [Synapse(drawn(*x, seed=n).to(dtype), weight(*w, seed=9 + n), 2) for n, (x, w) in enumerate(shapes)]
    whole, parts, potential = engine.spikes(given, neuron), [], None
    for start, stop in ((0, 3), (3, 4), (4, T)):
        before = None if potential is None else potential.clone()
        spikes, after = engine.spikes_from([one._replace(spikes=one.spikes[start:stop]) for one in given], neuron, potential)
        assert potential is None or torch.equal(potential, before)
        parts, potential = [*parts, spikes], after
    assert 0 < whole.count_nonzero() < whole.numel()
    assert torch.equal(torch.cat(parts), whole)
    rest = choose_engine("lean", "cpu").spikes_from([one._replace(spikes=one.spikes.float()) for one in given], neuron, None)[1]
    torch.testing.assert_close(potential, rest, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_trunk_with_its_pooling_neurons_apart_gives_the_same(dtype, make_params):
    layers = [{"kind": "conv", "channels": 20}, {"kind": "pool", "size": 2}, {"kind": "residual", "channels": 24},
              {"kind": "pool", "size": 4}]  # fmt: skip
    params = make_params(
        {"blocks.b1.layers": layers, "compute.kernel": "events", "network.init_gain": 2.0, "data.image_size": 16}
    )
    trunk = build_trunk(params, ["b1"], 3)
    assert trunk.pooled == {"b1_0": "b1_1", "b1_2b": "b1_3"}
    spikes = drawn(3, 16, 16).to(dtype) - drawn(3, 16, 16, seed=4).to(dtype)
    together, apart = trunk(spikes), trunk.outputs(spikes, trunk.layer)["b1"]
    assert together.any()
    assert torch.equal(together, apart)


@pytest.mark.parametrize("rate", [0.0, 0.02, 1.0])
def test_any_density_of_spikes(rate):
    x, w = drawn(40, 8, 8, rate=rate), weight(24, 40, 3, 3)
    out, _, grad_weight = trained(x, w)
    expected = lif(conv2d(x.flatten(0, 1).double(), w.double(), padding=1).unflatten(0, (T, B)), NEURON)
    assert (out == expected).double().mean() > 0.9999
    assert bool(grad_weight.any()) == (rate > 0)


def test_an_odd_image_with_stride():
    x, w = drawn(8, 7, 5), weight(16, 8, 3, 3)
    out = choose_engine("events", "cpu", "32").spikes([Synapse(x, w, 2)], NEURON)
    expected = lif(conv2d(x.flatten(0, 1).double(), w.double(), stride=2, padding=1).unflatten(0, (T, B)), NEURON)
    assert out.shape == expected.shape
    assert (out == expected).double().mean() > 0.9999


def test_what_does_not_suit_goes_the_dense_way(monkeypatch):
    """Signed spikes of many channels, outputs that fill no vector, more places than 16 bits can number, three convolutions, two
    matrices."""

    def refuse(*_):
        raise AssertionError("an event kernel was called")

    monkeypatch.setattr(synapses, "_call", refuse)
    engine = choose_engine("events", "cpu", "32")
    few = Synapse(drawn(8, 6, 6), weight(16, 8, 3, 3))
    for synapses_of_layer in (
        [Synapse(drawn(40, 6, 6) - drawn(40, 6, 6, seed=5), weight(16, 40, 3, 3), 1, "signed")],
        [Synapse(drawn(30), weight(10, 30))], [Synapse(drawn(1, 2, 33_000), weight(1, 1, 3, 3))], [few, few, few],
        [Synapse(drawn(30), weight(16, 30))] * 2,
    ):  # fmt: skip
        assert engine.spikes(synapses_of_layer, NEURON).shape[2] == len(synapses_of_layer[0].weight)


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
    for kind, dtype in itertools.product(SHAPES, (torch.float32, torch.bfloat16)):
        spikes, outputs = spikes_for(kind), SHAPES[kind][1]
        expected = trained(spikes, weight(*outputs), dtype)
        with monkeypatch.context() as patch:
            patch.setattr(synapses, "load_events", lambda: other)
            found = trained(spikes, weight(*outputs), dtype)
        assert all(torch.equal(one, two) for one, two in zip(expected, found, strict=True)), kind
