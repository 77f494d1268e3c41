from dataclasses import replace

import pytest
import torch
from networks import build_block, build_trunk, plan_blocks

from pipeline.network.build import REFERENCE, spiking_layer
from pipeline.neuron.lif import LIF


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_same_purpose_same_weights_other_purpose_other_weights(make_params):
    params = make_params()
    block = build_block(params, ["b1"], 1, 10, True, "b1")
    assert same(block, build_block(params, ["b1"], 1, 10, True, "b1"))
    for other in (
        build_block(params, ["b1"], 1, 10, True, "base b1"),
        build_block(make_params({"seed": 1}), ["b1"], 1, 10, True, "b1"),
    ):  # fmt: skip
        assert not any(torch.equal(x, y) for x, y in zip(block.parameters(), other.parameters(), strict=True))


def test_an_hcd_leaves_the_other_weights_alone(make_params):
    with_hcd, without = (build_block(make_params(), ["b2"], 1, 10, hcd, "b2") for hcd in (True, False))
    assert without.hcd is None
    assert all(torch.equal(value, with_hcd.state_dict()[name]) for name, value in without.state_dict().items())


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_initial_weights_have_the_spread_of_he(gain, make_params):
    params = make_params({"blocks.b1.layers.0.channels": 64, "blocks.b1.layers.2.channels": 128, "network.init_gain": gain})
    layer = build_trunk(params, ["b1"], 1).layers["b1_2b"]
    assert layer.weight.std().item() == pytest.approx(gain * (2 / (128 * 9)) ** 0.5, rel=0.02)
    assert layer.shortcut.std().item() == pytest.approx(gain * (2 / 64) ** 0.5, rel=0.05)
    assert layer.weight.mean().abs().item() < 1e-3


def test_weights_of_several_blocks_load_into_one_trunk(make_params):
    params = make_params()
    blocks = {key: build_block(params, [key], 1, 10, False, key) for key in ("b1", "b2")}
    trunk = build_trunk(params, ["b1", "b2"], 1)
    state = {}
    for block in blocks.values():
        state |= block.trunk.state_dict()
    trunk.load_state_dict(state)
    spikes = torch.randint(-1, 2, (4, 2, 1, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(trunk(spikes), blocks["b2"].trunk(blocks["b1"].trunk(spikes)))


def test_end_to_end_has_every_trunk_and_the_last_classifier(make_params):
    params = make_params()
    network = build_block(params, ["b1", "b2", "b3"], 1, 10, False, "end to end b3")
    assert list(network.trunk.layers) == ["b1_0", "b1_1", "b1_2a", "b1_2b", "b2_0a", "b2_0b", "b3_0a", "b3_0b"]
    assert network.hidden.weight.shape == (16, 8 * 2 * 2)
    assert network(torch.zeros(4, 2, 1, 8, 8)).logits.shape == (2, 10)


def test_an_unknown_kind_is_not_built(make_params):
    plan = replace(plan_blocks(make_params(), 1)["b1"].trunk[0], kind="spiral")
    with pytest.raises(ValueError, match="layer b1_0: no module for kind spiral"):
        spiking_layer(plan, LIF(0.99, 1.0, 0.3, 0), 1.0, torch.Generator(), REFERENCE)
