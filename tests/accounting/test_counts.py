"""Memory and operation counts against numbers worked out by hand."""

import pandas as pd
import pytest
import torch
from networks import build_block, plan_blocks

from pipeline.accounting.account_stage import _table
from pipeline.accounting.inference_cost import end_to_end_cost, exit_costs, mean_cost
from pipeline.accounting.measured import saved_bytes
from pipeline.accounting.network_cost import NetworkCost
from pipeline.accounting.papers_networks import PAPER_SCALE, papers_networks
from pipeline.accounting.training_memory import classifier_weights, state_bits, weight_count
from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.data.prepared import Manifest
from pipeline.neuron.levels import level_bytes
from pipeline.training.assignment import Assignment
from tools.imports import ROOT

# conv 3x3, 1 -> 4 channels on 8x8; pool 2; hidden 6.        residual unit 4 -> 8 on 4x4, stride 2; hidden 5.
LAYERS = {
    "data.image_size": 8,
    "blocks.b1.layers": [{"kind": "conv", "channels": 4}, {"kind": "pool", "size": 2}],
    "blocks.b1.hidden": 6,
    "blocks.b2.layers": [{"kind": "residual", "channels": 8, "stride": 2}],
    "blocks.b2.hidden": 5,
}
B1_WEIGHTS = 1 * 4 * 9
B2_WEIGHTS = 4 * 8 * 9 + 8 * 8 * 9 + 4 * 8
B1_NEURONS = 4 * 64 + 4 * 16
B2_NEURONS = 8 * 16 + 8 * 4
B1_CLASSIFIER = 4 * 16 * 6 + 6 * 10
B2_CLASSIFIER = 8 * 4 * 5 + 5 * (3 + 1)  # three classes and the HCD


@pytest.fixture
def plans(make_params):
    return list(plan_blocks(make_params(LAYERS), 1).values())[:2]


def test_weights(plans):
    assert weight_count(plans[:1]) == B1_WEIGHTS
    assert weight_count(plans) == B1_WEIGHTS + B2_WEIGHTS
    assert classifier_weights(plans[0], 10, False) == B1_CLASSIFIER
    assert classifier_weights(plans[1], 3, True) == B2_CLASSIFIER


def test_training_state_is_33_bits_per_neuron_and_32_per_output(plans):
    assert state_bits(plans[:1], 10, False) == (B1_NEURONS + 6) * 33 + 10 * 32
    assert state_bits(plans[1:], 3, True) == (B2_NEURONS + 5) * 33 + 4 * 32
    assert state_bits(plans, 10, False) == (B1_NEURONS + B2_NEURONS + 5) * 33 + 10 * 32


def test_inference_costs(plans):
    steps = 7
    b1_macs = 1 * 4 * 9 * 64 + B1_CLASSIFIER
    b2_macs = 4 * 8 * 9 * 16 + (8 * 8 * 9 + 4 * 8) * 4 + B2_CLASSIFIER
    first, second = exit_costs(plans, [10, 3], [False, True], steps)
    assert first.macs == steps * b1_macs
    assert second.macs == steps * (b1_macs + b2_macs)
    assert first.memory_bits == 32 * (B1_WEIGHTS + B1_CLASSIFIER)
    assert second.memory_bits == first.memory_bits + steps * 4 * 16 + 32 * (B2_WEIGHTS + B2_CLASSIFIER)
    mean = mean_cost([first, second], [0.75, 0.25])
    assert mean.macs == pytest.approx(0.75 * first.macs + 0.25 * second.macs)
    whole = end_to_end_cost(plans, 10, steps)
    last_classifier = 8 * 4 * 5 + 5 * 10
    assert whole.macs == steps * (1 * 4 * 9 * 64 + 4 * 8 * 9 * 16 + (8 * 8 * 9 + 4 * 8) * 4 + last_classifier)
    assert whole.memory_bits == 32 * (B1_WEIGHTS + B2_WEIGHTS + last_classifier)


def test_residual_inputs_cost_weights_and_operations(make_params):
    plain = list(plan_blocks(make_params(LAYERS), 1).values())
    more = list(plan_blocks(make_params(LAYERS | {"blocks.b3.residual": ["b1"]}), 1).values())
    # b1 hands on 4 channels of 4x4; block 3's first convolution takes them to 8 channels of 2x2, each through one weight.
    assert weight_count(more) - weight_count(plain) == 4 * 8
    assert state_bits(more, 10, False) == state_bits(plain, 10, False)
    assert end_to_end_cost(more, 10, 7).macs - end_to_end_cost(plain, 10, 7).macs == 7 * 4 * 8 * 2 * 2


def test_the_cost_of_a_run_is_that_of_what_it_built(make_params, folder):
    params, folders = make_params(LAYERS), Folders()
    manifest = Manifest("digits", [str(c) for c in range(10)], (1, 8, 8), {}, {})
    Assignment(True, None, list(range(10)), None).save(folders.block("b0"))
    Assignment(True, None, [1, 2, 3], [1]).save(folders.block("b1"))
    Assignment(False, "enough", [], None).save(folders.block("b2"))
    cost = NetworkCost.of_run(folders, params, 7, manifest)
    assert (cost.built, cost.classes) == (["b1", "b2"], {"b1": 10, "b2": 3})
    plans = list(cost.plans.values())
    assert cost.exit_costs("bloctrain") == exit_costs(plans[:2], [10, 3], [False, True], 7)
    assert cost.exit_costs("bloctrain_base") == exit_costs(plans, [10] * 3, [False] * 3, 7)
    assert cost.exit_costs("end_to_end") == [cost.end_to_end()] == [end_to_end_cost(plans, 10, 7)]
    assert cost.chain("b2") == plans[:2]


@pytest.mark.parametrize(("precision", "bytes_of"), [("32", lambda count: 4 * count), ("bf16", level_bytes)])
def test_the_lean_backward_keeps_bits_and_potentials_only(make_params, precision, bytes_of):
    params = make_params(LAYERS | {"compute.kernel": "lean", "compute.precision": precision})
    block = build_block(params, ["b1"], 1, 10, False, "test")
    time_steps, batch = 3, 2
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    spikes = torch.zeros(time_steps, batch, 1, 8, 8, dtype=dtype)
    saved = saved_bytes(block, lambda: block(spikes).logits.sum())
    potentials = time_steps * (bytes_of(batch * 4 * 64) + bytes_of(batch * 6))  # of one layer and step together
    input_bits = time_steps * batch * (2 * 64 + 64) // 8  # two planes for the signed input, one for the hidden layer's
    readout = (batch * 6 + 3 + time_steps * batch * 6) * 4  # the leaky sum, its weights, and in float32 the spikes summed
    assert potentials + input_bits <= saved <= potentials + input_bits + readout


def test_the_papers_network_is_counted_by_its_own_parameters(tmp_path):
    papers_networks(ROOT, 2, tmp_path)
    table = pd.read_csv(tmp_path / "paper_training_memory.csv")
    table = table[(table["network"] == "cifar10_resnet9") & (table["images"] == 64)].reset_index()
    plans = list(plan_blocks(load_params(ROOT / PAPER_SCALE["cifar10_resnet9"]), 3).values())
    weights, bits = weight_count(plans) + classifier_weights(plans[2], 10, False), state_bits(plans, 10, False)
    assert table["total_mb"].iloc[-1] == pytest.approx((32 * weights + 64 * 100 * bits) / 8e6)
    assert list(table["reduction"]) == pytest.approx(list(table["total_mb"].iloc[-1] / table["total_mb"]))
    third = 32 * (weight_count(plans) + classifier_weights(plans[2], 3, True)) + 64 * 100 * state_bits(plans[2:], 3, True)
    assert table["total_mb"].iloc[2] == pytest.approx(third / 8e6)
    results, reductions = " ".join((ROOT / "docs/results.md").read_text().split()), table["reduction"][:3]
    assert f"For a mini-batch of 64 it is {min(reductions):.2f}x to {max(reductions):.2f}x" in results


@pytest.mark.parametrize("content", [None, "", "\x00\xff"])
def test_a_table_that_cannot_be_read_is_one_line(content, tmp_path, refusal):
    if content is not None:
        (tmp_path / "table.csv").write_bytes(content.encode("latin-1"))
    assert refusal(_table, tmp_path / "table.csv").startswith(f"{tmp_path / 'table.csv'}: ")
