"""Steps in slices give the spikes and the logits of all steps at once, whatever layers a block has."""

import pytest
import torch
from networks import build_block

from pipeline.anytime.slices import READOUT, run_slice, run_whole, summarised
from pipeline.engine.choose import choose_engine
from pipeline.network import build
from pipeline.network.build import Design
from pipeline.network.layers import SpikingConv
from pipeline.network.params import BlockParams, NetworkParams
from pipeline.neuron.carried.scan import lif_slice, lif_slice_in_torch, load_slices
from pipeline.neuron.lif import LIF
from pipeline.neuron.params import NeuronParams

STEPS = ((12,), (5, 12), tuple(range(1, 13)))
LAYERS = [{"kind": "conv", "channels": 6}, {"kind": "pool", "size": 2}, {"kind": "residual", "channels": 8}]


def in_slices(block, spikes, ends):
    """Spikes and logits of the block, a slice at a time."""
    carry, found = {}, []
    with torch.no_grad():
        for start, stop in zip((0, *ends), ends, strict=False):
            found.append(run_slice(block, block.trunk.bundle_of(spikes[start:stop]), carry))
    return torch.cat(found), summarised(block, carry)


def agrees(block, spikes, ends):
    with torch.no_grad():
        whole = block.eval()(spikes)
    found, (logits, hcd) = in_slices(block, spikes, ends)
    assert 0 < whole.spikes.count_nonzero() < whole.spikes.numel()
    assert torch.equal(found, whole.spikes)
    torch.testing.assert_close(logits, whole.logits)
    assert (hcd is None) == (whole.hcd_logit is None)
    if hcd is not None:
        torch.testing.assert_close(hcd, whole.hcd_logit)


@pytest.mark.parametrize("ends", STEPS)
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("hidden", [0, 16])
def test_of_the_papers_layers(ends, delay, hidden, make_params):
    params = make_params({"blocks.b1.layers": LAYERS, "blocks.b1.hidden": hidden, "neuron.delay": delay, "neuron.leak": 0.9})
    spikes = torch.randint(-1, 2, (12, 3, 3, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    agrees(build_block(params, ["b1"], 3, 5, True, "b1"), spikes, ends)


@pytest.mark.parametrize("ends", STEPS)
@pytest.mark.parametrize("levels", [1, 4])
@pytest.mark.parametrize(("kernel", "precision"), [("reference", "32"), ("auto", "32"), ("auto", "bf16")])
def test_of_the_modern_layers(ends, levels, kernel, precision):
    layers = [{"kind": "conv", "channels": 4}, {"kind": "max_pool", "size": 2}]
    b1 = {
        "prev": "b0", "layers": layers, "head": [{"kind": "conv", "channels": 6, "stride": 2}], "readout_pool": 2, "hidden": 7,
        "learning_rate": 0.1,
    }  # fmt: skip
    neuron = NeuronParams(leak=0.9, threshold=1.0, damping=0.3, delay=0, levels=levels)
    design = Design({"b1": BlockParams.model_validate(b1)}, neuron, NetworkParams(shortcuts=False, init_gain=1.0, norm="batch"))
    engine = choose_engine(kernel, "cpu", precision, levels)
    block = build.build_block(design, ["b1"], (3, 16, 16), 5, False, "b1", engine, kind="analog")
    image = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)).to(engine.dtype)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        agrees(block, image.expand(12, *image.shape), ends)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("delay", [0, 1])
def test_the_compiled_scan_is_the_one_in_torch(dtype, delay):
    assert load_slices() is not None
    current = torch.randn(5, 3, 7, 9, 11, generator=torch.Generator().manual_seed(0)).add(0.3).to(dtype)
    potential = torch.randn(3, 7, 9, 11, generator=torch.Generator().manual_seed(1))
    other, neuron = potential.clone(), LIF(0.9, 1.0, 0.3, delay)
    spikes = lif_slice(current, neuron, potential)
    assert 0.1 < spikes.float().mean() < 0.9
    assert torch.equal(spikes, lif_slice_in_torch(current, neuron, other))
    assert torch.equal(potential, other)


def test_in_bfloat16_spikes_are_those_of_the_event_driven_engine(make_params):
    params = make_params({"blocks.b1.layers": LAYERS, "blocks.b1.hidden": 16, "neuron.leak": 0.9})
    engine = choose_engine("events", "cpu", "bf16")
    block = build.build_block(params, ["b1"], (3, 8, 8), 5, True, "b1", engine).eval()
    spikes = torch.randint(-1, 2, (12, 3, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        whole = block(spikes)
        found, (logits, _) = in_slices(block, spikes, (5, 12))
    assert found.dtype == torch.bfloat16
    assert 0 < found.count_nonzero() < found.numel()
    assert torch.equal(found, whole.spikes)
    torch.testing.assert_close(logits, whole.logits)


def test_all_steps_at_once_give_the_same_and_carry_the_readout_alone(make_params):
    block = build_block(make_params({"blocks.b1.layers": LAYERS}), ["b1"], 3, 5, True, "b1").eval()
    bundle = block.trunk.bundle_of(torch.randint(-1, 2, (12, 3, 3, 8, 8), generator=torch.Generator().manual_seed(0)).float())
    whole, sliced = {}, {}
    with torch.no_grad():
        assert torch.equal(run_whole(block, bundle, whole), run_slice(block, bundle, sliced))
    assert set(whole) == {READOUT} < set(sliced)
    torch.testing.assert_close(whole[READOUT], sliced[READOUT])


class Own(SpikingConv):
    """A layer whose neurons slices do not know."""


def test_a_layer_of_ones_own_is_refused(make_params):
    params = make_params({"blocks.b1.layers": LAYERS[:1]})
    block = build.build_block(params, ["b1"], (3, 8, 8), 5, False, "b1", make_layer=lambda *plan: Own(*plan))
    with pytest.raises(TypeError, match="layer b1_0: Own cannot stop between steps"):
        in_slices(block, torch.zeros(2, 1, 3, 8, 8), (1, 2))
