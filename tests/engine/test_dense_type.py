import json

import pytest
import torch

from pipeline.engine import choose as choice
from pipeline.engine import dense_type as own
from pipeline.engine.contract import Synapse
from pipeline.engine.event_driven import EventEngine
from pipeline.neuron.fused import scans
from pipeline.neuron.lif import LIF

measured = own.dense_type.__wrapped__  # as if asked for the first time
NEURON = LIF(0.9, 1.0, 0.3, 0)


@pytest.fixture
def ratio(monkeypatch, tmp_path):
    """`ratio(1.5)`: what the next measurement finds, in a home of its own; the list that it returns counts measurements."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fake(value):
        taken = []
        monkeypatch.setattr(own, "speed_ratio", lambda: taken.append(value) or value)
        return taken

    return fake


@pytest.mark.parametrize(("value", "dtype"), [(2.0, torch.float32), (1.1, torch.bfloat16), (0.4, torch.bfloat16)])
def test_the_faster_type_by_a_margin_once_per_machine(value, dtype, ratio):
    taken = ratio(value)
    assert measured() == measured() == dtype
    assert taken == [value]


def test_a_damaged_file_or_no_home_is_measured_again(ratio, tmp_path, monkeypatch):
    taken = ratio(2.0)
    measured()
    (file,) = (tmp_path / "bloctrain").glob("dense-*.json")
    assert json.loads(file.read_text()) == {"ratio": 2.0}
    file.write_text("{")
    assert measured() == torch.float32
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "blocked"))
    assert measured() == torch.float32
    assert len(taken) == 3


def test_of_two_that_measure_at_once_the_first_decides_for_both(ratio, monkeypatch):
    def other_was_faster():
        monkeypatch.setattr(own, "speed_ratio", lambda: 2.0)
        assert measured() == torch.float32
        return 0.4

    ratio(0.4)
    monkeypatch.setattr(own, "speed_ratio", other_was_faster)
    assert measured() == torch.float32


def test_a_measurement_is_a_positive_ratio():
    assert 0.05 < own.speed_ratio() < 20


def test_the_engine_says_what_it_took(monkeypatch):
    for dtype, words in ((torch.float32, "gradients of inputs in float32"), (torch.bfloat16, "spikes drive the synapses")):
        monkeypatch.setattr(choice, "dense_type", lambda dtype=dtype: dtype)
        engine = choice.choose_engine.__wrapped__("auto", "cpu", "bf16")
        assert words in engine.line
        assert engine.dense == dtype
    assert choice.choose_engine("events", "cpu", "32").dense == torch.float32


def test_both_types_give_the_same_spikes_and_gradients_within_rounding():
    generator = torch.Generator().manual_seed(0)
    spikes = (torch.rand(4, 8, 16, 16, 32, generator=generator) < 0.2).bfloat16().permute(0, 1, 4, 2, 3)
    weight = torch.randn(32, 32, 3, 3, generator=generator) * 0.1
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        x, w = spikes.clone().requires_grad_(), weight.clone().requires_grad_()
        out = EventEngine(scans, torch.bfloat16, "", dtype).spikes([Synapse(x, w)], NEURON)
        (out.float() * torch.randn(out.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
        found.append((out, x.grad.float(), w.grad))
        assert x.grad.stride() == x.stride()
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][2], found[1][2])
    assert (found[0][1] - found[1][1]).norm() < 0.01 * found[1][1].norm()
