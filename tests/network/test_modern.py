"""What the paper's networks do not have: normalisation, max pooling, heads, averaging classifiers, images sent in directly."""

import pytest
import torch

from pipeline.engine.choose import choose_engine
from pipeline.engine.contract import Synapse
from pipeline.engine.synapses import currents
from pipeline.network.build import Design, build_block, build_trunk
from pipeline.network.params import BlockParams, NetworkParams
from pipeline.network.plan import plan_blocks
from pipeline.neuron.params import NeuronParams

B1 = {
    "prev": "b0", "layers": [{"kind": "conv", "channels": 4}, {"kind": "max_pool", "size": 2}],
    "head": [{"kind": "conv", "channels": 6, "stride": 2}], "readout_pool": 2, "hidden": 0, "learning_rate": 0.1,
}  # fmt: skip
IMAGE = (3, 16, 16)


def design(levels=4, norm="batch", norm_scale=1.0, **changes) -> Design:
    neuron = NeuronParams(leak=0.9, threshold=1.0, damping=0.3, delay=0, levels=levels)
    blocks = {"b1": BlockParams.model_validate(B1 | changes)}
    return Design(blocks, neuron, NetworkParams(shortcuts=False, init_gain=1.0, norm=norm, norm_scale=norm_scale))


def block_of(made: Design, dtype=torch.float32):
    engine = choose_engine("reference", "cpu")
    return build_block(made, ["b1"], IMAGE, 5, False, "b1", engine, kind="analog").to(dtype)


def images(steps=1, dtype=torch.float32):
    one = torch.randn(8, *IMAGE, generator=torch.Generator().manual_seed(0)).to(dtype)
    return one.contiguous(memory_format=torch.channels_last).expand(steps, *one.shape)


def test_plan_counts_head_and_pools():
    plan = plan_blocks(design(), IMAGE, "analog")["b1"]
    assert [(layer.kind, layer.outputs, layer.neurons) for layer in plan.trunk] == [
        ("conv", (4, 16, 16), 1024), ("max_pool", (4, 8, 8), 0),
    ]  # fmt: skip
    assert plan.features == (6, 4, 4)
    assert plan.readout_inputs == 6 * 2 * 2
    (head,) = plan.classifier
    assert (head.weights, head.macs) == (6 * 4 * 9, 6 * 4 * 9 * 16)


def test_shapes_and_the_bundle_leaves_the_head_out():
    output = block_of(design())(images(2))
    assert output.spikes.shape == (2, 8, 4, 8, 8)
    assert output.logits.shape == (8, 5)
    assert set(output.spikes.unique().tolist()) <= set(range(5))


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("levels", [1, 4])
def test_gradients_are_those_of_float64(hidden, levels):
    def gradients(dtype):
        block = block_of(design(levels, hidden=hidden), dtype).train()
        block(images(2, dtype)).logits.square().sum().backward()
        return {name: weight.grad.double() for name, weight in block.named_parameters()}

    exact = gradients(torch.float64)
    for name, found in gradients(torch.float32).items():
        assert exact[name].abs().max() > 0, name
        assert (found - exact[name]).norm() <= 1e-3 * exact[name].norm(), name


def test_normalised_currents_have_the_scale_asked_for():
    for scale in (1.0, 2.0):
        block = block_of(design(norm_scale=scale))
        norms = [part for part in block.modules() if isinstance(part, torch.nn.BatchNorm2d)]
        assert len(norms) == 2
        assert all((norm.weight == scale).all() and (norm.bias == 0).all() for norm in norms)


def test_normalisation_comes_between_currents_and_neurons():
    block = block_of(design()).train()
    layer = block.trunk.layers["b1_0"]
    current = layer.current([images()])
    wanted = torch.nn.functional.batch_norm(current[0], None, None, layer.norm.weight, layer.norm.bias, training=True)
    assert torch.equal(layer([images()])[0], (wanted + 0.5).floor().clamp(0, 4))


def test_evaluation_does_not_depend_on_the_company():
    block = block_of(design()).train()
    block(images())  # moves the running averages
    block.eval()
    before = {name: value.clone() for name, value in block.state_dict().items()}
    alone, together = block(images()[:, :1]).logits, block(images()).logits
    torch.testing.assert_close(alone[0], together[0])
    assert all(torch.equal(before[name], value) for name, value in block.state_dict().items())


def test_one_step_in_memory_stands_for_all():
    weight = torch.randn(4, 3, 3, 3)
    same, copied = images(3), images(3).contiguous()
    assert same.stride(0) == 0 != copied.stride(0)
    found = currents([Synapse(same, weight, 1, "analog")])
    torch.testing.assert_close(found, currents([Synapse(copied, weight, 1, "analog")]))
    assert found.stride() == (8 * 4 * 256, 4 * 256, 1, 4 * 16, 4)


@pytest.mark.parametrize("kernel", ["fused", "events", "lean", "reference"])
def test_every_cpu_engine_takes_images_directly(kernel):
    made = design(levels=1, norm="none", hidden=8)
    logits = [
        build_block(made, ["b1"], IMAGE, 5, False, "b1", choose_engine(name, "cpu"), kind="analog")(images(4)).logits
        for name in (kernel, "reference")
    ]
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel", ["fused", "events", "triton"])
def test_integer_neurons_are_refused_where_spikes_are_bits(kernel, refusal):
    assert "neuron.levels is 4; use kernel: auto" in refusal(choose_engine, kernel, "cpu", "32", 4)
    assert "up to 4 spikes" in choose_engine("auto", "cpu", "32", 4).line


def test_max_pooling_is_whether_any_neuron_fired():
    trunk = build_trunk(design(levels=1, norm="none"), ["b1"], IMAGE, kind="analog")
    inputs = images(4)
    fired = trunk.layers["b1_0"]([inputs])
    squares = fired.unflatten(4, (8, 2)).unflatten(3, (8, 2))
    assert torch.equal(trunk(inputs), squares.amax((4, 6)))
    assert set(trunk(inputs).unique().tolist()) == {0.0, 1.0}
