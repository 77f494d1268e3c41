"""Synaptic operations against counts worked out by hand."""

import torch
from networks import build_block

from pipeline.inference.synaptic import synaptic_operations


def spikes_at(*places: tuple[int, int, int], value: float = 1.0, steps: int = 2, size: int = 6) -> torch.Tensor:
    """`[steps, images, 1, size, size]`; one (image, row, column) spike each, in step 0."""
    spikes = torch.zeros(steps, 1 + max(place[0] for place in places), 1, size, size)
    for image, row, column in places:
        spikes[0, image, 0, row, column] = value
    return spikes


def test_a_convolution_counts_the_outputs_that_each_spike_reaches(make_params):
    params = make_params({"data.image_size": 6, "blocks.b1.layers": [{"kind": "conv", "channels": 5}], "blocks.b1.hidden": 0})
    block = build_block(params, ["b1"], 1, 10, False, "test")
    with torch.no_grad():
        block.trunk.layers["b1_0"].weight.zero_()  # nothing fires behind, so the convolution's operations stand alone
    operations, _ = synaptic_operations(block, spikes_at((0, 0, 0), (1, 0, 3), (2, 3, 3), (3, 3, 3), (3, 0, 0)))
    assert operations.tolist() == [4 * 5, 6 * 5, 9 * 5, (9 + 4) * 5]
    negative, _ = synaptic_operations(block, spikes_at((0, 3, 3), value=-1.0))
    assert negative.tolist() == [9 * 5]


def test_a_stride_halves_the_reach(make_params):
    layers = [{"kind": "conv", "channels": 5, "stride": 2}]
    params = make_params({"data.image_size": 6, "blocks.b1.layers": layers, "blocks.b1.hidden": 0})
    block = build_block(params, ["b1"], 1, 10, False, "test")
    with torch.no_grad():
        block.trunk.layers["b1_0"].weight.zero_()
    # Outputs sit at rows and columns 0, 2, 4 and see one place around: (2, 2) is seen once, (3, 3) from four sides.
    operations, _ = synaptic_operations(block, spikes_at((0, 2, 2), (1, 3, 3)))
    assert operations.tolist() == [1 * 5, 4 * 5]


def test_classifier_spikes_count_every_output(make_params):
    params = make_params({"data.image_size": 6, "blocks.b1.layers": [{"kind": "conv", "channels": 1}], "blocks.b1.hidden": 7})
    block = build_block(params, ["b1"], 1, 10, True, "test")
    with torch.no_grad():
        weight = block.trunk.layers["b1_0"].weight
        weight.zero_()
        weight[0, 0, 1, 1] = 2.0  # the place itself fires once (threshold 1, soft reset leaves potential for a second spike)
        block.hidden.weight.zero_()
    spikes = spikes_at((0, 3, 3), steps=1)
    operations, bundle = synaptic_operations(block, spikes)
    fired = int(bundle["b1"].sum())
    assert fired == 1
    assert operations.tolist() == [9 * 1 + fired * 7 + 0 * (10 + 1)]


def test_counts_above_256_are_exact_in_bfloat16(make_params):
    """A place with 301 spikes, which bfloat16 would round to 300."""
    layers = [{"kind": "conv", "channels": 512, "stride": 1}, {"kind": "conv", "channels": 4}]
    params = make_params({"data.image_size": 6, "blocks.b1.layers": layers, "blocks.b1.hidden": 0})
    block = build_block(params, ["b1"], 1, 10, False, "test")
    with torch.no_grad():
        first, second = (block.trunk.layers[name].weight for name in ("b1_0", "b1_1"))
        first.zero_(), second.zero_()
        first[:301, 0, 1, 1] = 1.0
    spikes = spikes_at((0, 3, 3), steps=1)
    with torch.autocast("cpu", torch.bfloat16):
        operations, _ = synaptic_operations(block, spikes)
    assert operations.tolist() == [9 * 512 + 301 * 9 * 4]


def test_residual_inputs_are_counted_where_they_arrive(make_params):
    conv = [{"kind": "conv", "channels": 2}]
    changes = {"data.image_size": 6, "blocks.b1.layers": conv, "blocks.b2.layers": conv, "blocks.b3.layers": conv}
    changes |= {f"blocks.{key}.hidden": 0 for key in ("b1", "b2", "b3")} | {"blocks.b3.residual": ["b1"]}
    block = build_block(make_params(changes), ["b3"], 1, 10, False, "test")
    with torch.no_grad():
        for weight in block.trunk.parameters():
            weight.zero_()
    before, earlier = spikes_at((0, 3, 3)).repeat(1, 1, 2, 1, 1), spikes_at((0, 0, 0)).repeat(1, 1, 2, 1, 1)
    operations, bundle = synaptic_operations(block, {"b2": before, "b1": earlier})
    assert operations.tolist() == [2 * 9 * 2 + 2 * 1 * 2]  # two channels each; a 1x1 convolution reaches one place
    assert set(bundle) == {"b1", "b2", "b3"}
