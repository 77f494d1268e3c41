from types import SimpleNamespace

import pytest
import torch
from networks import build_block, build_trunk, plan_blocks

# ResNet-9 of the paper: width 64, CIFAR images 3x32x32, hidden 1024, 10 classes.
RESNET9 = {
    "data.image_size": 32,
    "blocks.b1.layers": [{"kind": "conv", "channels": 64}, {"kind": "pool", "size": 2}, {"kind": "residual", "channels": 128}],
    "blocks.b2.layers": [{"kind": "residual", "channels": 256, "stride": 2}],
    "blocks.b3.layers": [{"kind": "residual", "channels": 512}],
    "blocks.b1.hidden": 1024, "blocks.b2.hidden": 1024, "blocks.b3.hidden": 1024,
}  # fmt: skip

# Per layer by hand: name, output shape, weights = out * (9 in [+ unit's in for the 1x1]), macs = weights * H * W, neurons.
LAYERS = {
    "b1": [
        ("b1_0", (64, 32, 32), 1_728, 1_769_472, 65_536),  # 64 * 27
        ("b1_1", (64, 16, 16), 0, 0, 16_384),
        ("b1_2a", (128, 16, 16), 73_728, 18_874_368, 32_768),  # 128 * 576
        ("b1_2b", (128, 16, 16), 155_648, 39_845_888, 32_768),  # 128 * (1152 + 64)
    ],
    "b2": [
        ("b2_0a", (256, 16, 16), 294_912, 75_497_472, 65_536),  # 256 * 1152
        ("b2_0b", (256, 8, 8), 622_592, 39_845_888, 16_384),  # 256 * (2304 + 128)
    ],
    "b3": [
        ("b3_0a", (512, 8, 8), 1_179_648, 75_497_472, 32_768),  # 512 * 2304
        ("b3_0b", (512, 8, 8), 2_490_368, 159_383_552, 32_768),  # 512 * (4608 + 256)
    ],
}
HIDDEN = {"b1": 33_554_432, "b2": 16_777_216, "b3": 33_554_432}  # 1024 * (128*16*16, 256*8*8, 512*8*8)


@pytest.mark.parametrize("key", LAYERS)
def test_resnet9_by_hand(key, make_params):
    plan = plan_blocks(make_params(RESNET9), 3)[key]
    assert [(layer.name, layer.outputs, layer.weights, layer.macs, layer.neurons) for layer in plan.trunk] == LAYERS[key]
    assert (plan.hidden.weights, plan.hidden.macs, plan.hidden.neurons) == (HIDDEN[key], HIDDEN[key], 1024)


def test_resnet9_readouts_by_hand(make_params):
    plans = plan_blocks(make_params(RESNET9), 3)
    assert plans["b1"].readout_weights(10, False) == 10_240
    assert plans["b2"].readout_weights(10, True) == 11_264
    assert plans["b3"].readout_weights(3, True) == 4_096


def test_resnet9_shapes_chain(make_params):
    plans = plan_blocks(make_params(RESNET9), 3)
    assert [plan.inputs for plan in plans.values()] == [(3, 32, 32), (128, 16, 16), (256, 8, 8)]
    assert plans["b3"].outputs == (512, 8, 8)


def test_vgg9_lacks_exactly_the_1x1_weights(make_params):
    with_shortcuts = plan_blocks(make_params(RESNET9), 3)
    without = plan_blocks(make_params(RESNET9 | {"network.shortcuts": False}), 3)
    difference = {}
    for key in with_shortcuts:
        pairs = zip(with_shortcuts[key].trunk, without[key].trunk, strict=True)
        difference |= {a.name: a.weights - b.weights for a, b in pairs if a.weights != b.weights}
    assert difference == {"b1_2b": 128 * 64, "b2_0b": 256 * 128, "b3_0b": 512 * 256}


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("hidden", [0, 16])
@pytest.mark.parametrize("hcd", [True, False])
def test_plan_counts_the_weights_of_the_modules(shortcuts, hidden, hcd, make_params):
    params = make_params({"network.shortcuts": shortcuts, **{f"blocks.{key}.hidden": hidden for key in ("b1", "b2", "b3")}})
    for key, plan in plan_blocks(params, 3).items():
        block = build_block(params, [key], 3, 5, hcd, key)
        planned = sum(layer.weights for layer in plan.trunk)
        assert sum(weight.numel() for weight in block.trunk.parameters()) == planned
        planned += (plan.hidden.weights if hidden else 0) + plan.readout_weights(5, hcd)
        assert sum(weight.numel() for weight in block.parameters()) == planned


@pytest.mark.parametrize("size", [8, 7, 9, 13])
def test_planned_shapes_are_the_real_ones(size, make_params):
    params = make_params({"data.image_size": size, "blocks.b1.layers.0.stride": 2})
    spikes = torch.zeros(2, 3, 3, size, size)
    for key, plan in plan_blocks(params, 3).items():
        assert spikes.shape[2:] == plan.inputs
        for layer in build_trunk(params, [key], 3).layers.values():
            assert layer.plan in plan.trunk
        spikes = build_trunk(params, [key], 3)(spikes)
        assert spikes.shape == (2, 3, *plan.outputs)


def test_a_block_may_have_its_own_threshold(make_params):
    plans = plan_blocks(make_params({"neuron.threshold": 0.75, "blocks.b2.threshold": 0.5}), 1)
    assert {layer.threshold for layer in [*plans["b1"].trunk, plans["b1"].hidden]} == {0.75}
    assert {layer.threshold for layer in [*plans["b2"].trunk, plans["b2"].hidden]} == {0.5}


def test_an_unknown_kind_is_not_laid_out(make_params):
    params = make_params()
    params.blocks["b1"].layers[1:] = [SimpleNamespace(kind="spiral", channels=4, stride=1)]
    with pytest.raises(ValueError, match="layer b1_1: no plan for kind spiral"):
        plan_blocks(params, 1)
