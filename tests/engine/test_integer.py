"""The engine for neurons of several levels on CPUs: the convolution that it takes, and that all agree."""

import pytest
import torch

from pipeline.base.errors import UserError
from pipeline.engine import integer, unfolded
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Synapse
from pipeline.engine.integer import IntegerEngine
from pipeline.engine.reference import ReferenceEngine
from pipeline.engine.synapses import convolution
from pipeline.neuron.lif import LIF


@pytest.fixture
def processor(monkeypatch):
    def of(tiles, dense):
        monkeypatch.setattr(unfolded, "tiles", lambda: tiles)
        monkeypatch.setattr(integer, "dense_type", lambda: dense)

    return of


@pytest.mark.parametrize(
    ("tiles", "dense", "dtype", "taken"),
    [
        (True, torch.bfloat16, torch.bfloat16, unfolded.convolve),
        (True, torch.bfloat16, torch.float32, convolution),
        (False, torch.bfloat16, torch.bfloat16, convolution),
        (False, torch.float32, torch.bfloat16, integer.in_float32),
    ],
)
def test_convolution_by_processor(tiles, dense, dtype, taken, processor):
    processor(tiles, dense)
    engine = IntegerEngine(dtype, 4)
    assert engine.convolve is taken
    x = torch.randint(0, 5, (1, 4, 64, 8, 8)).to(dtype)
    weight = torch.randn(64, 64, 3, 3)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        current = engine.currents([Synapse(x, weight)])
    assert current.dtype == dtype
    wanted = torch.nn.functional.conv2d(x[0].double(), weight.double(), padding=1)
    assert (current[0].double() - wanted).norm() < 0.01 * wanted.norm()


def test_float32_where_bfloat16_is_slow_is_not_rounded_before_the_end(processor):
    x, weight = torch.full((1, 1, 1, 3, 3), 1.0).bfloat16(), torch.full((1, 1, 3, 3), 1 + 2**-10)  # as bfloat16: 1
    with torch.autocast("cpu", torch.bfloat16):
        assert float(integer.in_float32(x[0], 8 * weight, 1)[0, 0, 1, 1]) == 72  # 72.07
        assert float(integer.in_float32(x[0], 512 * (weight - 1), 1)[0, 0, 1, 1]) == 4.5


def test_it_is_taken_on_cpus_alone():
    assert choose_engine("auto", "cpu", "bf16", 4).name in ("integer", "reference")  # reference: no compiler
    assert choose_engine("auto", "cuda", "bf16", 4).name == "reference"
    assert choose_engine("reference", "cpu", "bf16", 4).name == "reference"


@pytest.mark.parametrize("kernel", ["lean", "fused", "events"])
def test_engines_of_one_spike_a_step_refuse_counts(kernel, refusal):
    try:
        engine = choose_engine(kernel, "cpu")
    except UserError as error:
        pytest.skip(str(error))
    neuron, inputs = LIF(0.9, 1.0, 0.3, 0, 4), Synapse(torch.ones(2, 1, 16, 4, 4), torch.ones(16, 16, 3, 3))
    current = engine.currents([inputs])
    for said in (
        refusal(engine.spikes, [inputs], neuron), refusal(engine.fire, current, neuron),
        refusal(engine.fire_normalised, current, torch.nn.BatchNorm2d(16), neuron),
    ):  # fmt: skip
        assert "neuron.levels is 4; pass levels=4 to open_compute, or choose compute.kernel: reference" in said


def test_neurons_of_one_spike_stay_those_of_equation_1():
    current, neuron = torch.randn(6, 2, 4, 3, 3), LIF(0.9, 1.0, 0.3, 0)
    found = [
        engine.fire_normalised(current, torch.nn.BatchNorm2d(4), neuron)
        for engine in (IntegerEngine(torch.float32, 4), ReferenceEngine())
    ]
    assert torch.equal(*found)
