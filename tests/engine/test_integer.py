"""The engine for neurons of several levels on CPUs: the convolution that it takes, and that all agree."""

import pytest
import torch

from pipeline.engine import integer, unfolded
from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Synapse
from pipeline.engine.integer import IntegerEngine
from pipeline.engine.synapses import convolution


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
