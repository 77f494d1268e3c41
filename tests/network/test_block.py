import pytest
import torch
from networks import build_block, build_trunk
from torch.nn.functional import conv2d

from pipeline.neuron.lif import LIF, lif
from pipeline.neuron.pool import pool_and_fire


def random_spikes(*shape, seed=0):
    return torch.randint(-1, 2, shape, generator=torch.Generator().manual_seed(seed)).float()


def conv(spikes, weight, stride=1):
    """Every time step on its own; 3x3 with a rim of zeros, 1x1 without."""
    return torch.stack([conv2d(step, weight, stride=stride, padding=weight.shape[-1] // 2) for step in spikes])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("delay", [0, 1])
def test_trunk_is_conv_pool_and_residual_unit(stride, delay, make_params):
    # Equal channels, so that a shortcut from a wrong place fits too.
    layers = [{"kind": "conv", "channels": 6}, {"kind": "pool", "size": 2}, {"kind": "residual", "channels": 6, "stride": stride}]
    params = make_params({"blocks.b1.layers": layers, "neuron.delay": delay, "neuron.leak": 0.9})
    trunk = build_trunk(params, ["b1"], 6)
    layer, neuron = trunk.layers, LIF(0.9, 1.0, 0.3, delay)
    spikes = random_spikes(12, 3, 6, 8, 8)
    first = lif(conv(spikes, layer["b1_0"].weight), neuron)
    pooled = pool_and_fire(first, 2, 1.0, delay)
    middle = lif(conv(pooled, layer["b1_2a"].weight), neuron)
    plain = conv(middle, layer["b1_2b"].weight, stride)
    expected = lif(plain + conv(pooled, layer["b1_2b"].shortcut, stride), neuron)
    assert 0.02 < expected.mean() < 0.98
    assert torch.equal(trunk(spikes), expected)
    # Guards: no shortcut, a shortcut from the unit's middle, one added after the neurons.
    for wrong in (lif(plain, neuron), lif(plain + conv(middle, layer["b1_2b"].shortcut, stride), neuron)):
        assert not torch.equal(wrong, expected)
    assert set(expected.unique().tolist()) == {0.0, 1.0}


def test_a_shortcut_starts_at_its_own_unit(make_params):
    layers = [{"kind": "residual", "channels": 6}, {"kind": "residual", "channels": 6}]
    params = make_params({"blocks.b1.layers": layers})
    trunk, neuron = build_trunk(params, ["b1"], 6), LIF(0.99, 1.0, 0.3, 0)
    spikes = random_spikes(8, 2, 6, 8, 8)

    def unit(inputs, name):
        first, second = trunk.layers[f"{name}a"], trunk.layers[f"{name}b"]
        middle = lif(conv(inputs, first.weight), neuron)
        return lif(conv(middle, second.weight) + conv(inputs, second.shortcut), neuron)

    assert torch.equal(trunk(spikes), unit(unit(spikes, "b1_0"), "b1_1"))


def test_without_shortcuts_the_units_input_is_not_added(make_params):
    layers = [{"kind": "residual", "channels": 6}]
    trunk = build_trunk(make_params({"blocks.b1.layers": layers, "network.shortcuts": False}), ["b1"], 6)
    spikes, neuron = random_spikes(8, 2, 6, 8, 8), LIF(0.99, 1.0, 0.3, 0)
    middle = lif(conv(spikes, trunk.layers["b1_0a"].weight), neuron)
    assert torch.equal(trunk(spikes), lif(conv(middle, trunk.layers["b1_0b"].weight), neuron))


@pytest.mark.parametrize("hidden", [0, 16])
def test_classifier_integrates_and_never_fires(hidden, make_params):
    params = make_params({"blocks.b2.hidden": hidden, "neuron.leak": 0.9})
    block = build_block(params, ["b2"], 1, 5, True, "b2")
    output = block((random_spikes(12, 3, 6, 4, 4) > 0).float())
    flat = output.spikes.movedim(2, 4).flatten(2)
    if hidden:
        flat = lif(flat @ block.hidden.weight.T, LIF(0.9, 1.0, 0.3, 0))
    logits, hcd = torch.zeros(3, 5), torch.zeros(3)
    for step in flat:
        logits = 0.9 * logits + step @ block.readout.T
        hcd = 0.9 * hcd + step @ block.hcd
    assert output.spikes.shape == (12, 3, 8, 2, 2)
    assert torch.allclose(output.logits, logits, atol=1e-5)
    assert torch.allclose(output.hcd_logit, hcd, atol=1e-5)
    assert torch.allclose(output.summary @ block.readout.T, output.logits, atol=1e-6)
    assert output.logits.abs().max() > 0.1


def test_block_1_has_no_hcd(make_params):
    assert build_block(make_params(), ["b1"], 1, 10, False, "b1")(random_spikes(4, 2, 1, 8, 8)).hcd_logit is None


def test_every_weight_gets_a_gradient(make_params):
    block = build_block(make_params(), ["b1"], 1, 10, True, "b1")
    output = block(random_spikes(12, 4, 1, 8, 8))
    (output.logits.square().sum() + output.hcd_logit.square().sum()).backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in block.parameters())


def test_images_do_not_see_each_other(make_params):
    block = build_block(make_params(), ["b1"], 1, 10, False, "b1")
    spikes = random_spikes(6, 4, 1, 8, 8)
    alone = block(spikes[:, 2:3])
    assert torch.allclose(block(spikes).logits[2:3], alone.logits, atol=1e-5)
