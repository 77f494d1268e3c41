"""The modern recipe through every stage, tiny: direct input, integer neurons, normalisation, SGD, all three methods."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_run import make_run, tiny_content

from pipeline.base.folders import BLOCK_WISE, Folders
from pipeline.base.yaml_file import read_mapping
from pipeline.config import load_params
from pipeline.inference.stored import stored_votes
from pipeline.partition.exit_rule import replay
from pipeline.predict.run import Run
from pipeline.training.weights import load_weights
from tools.imports import ROOT

LEVELS = 3


@pytest.fixture(scope="module")
def modern(tmp_path_factory):
    """The tiny run, with every option of `cifar10-modern-cpu` on."""
    content, recipe = tiny_content(), yaml.safe_load((ROOT / "experiments/cifar10-modern-cpu.yaml").read_text())
    block = {"hidden": 0, "readout_pool": 2, "learning_rate": 0.1}
    conv = {"kind": "conv", "channels": 8}
    content |= {
        "encoding": recipe["encoding"] | {"time_steps": 2}, "neuron": recipe["neuron"] | {"levels": LEVELS, "leak": 0.5},
        "network": recipe["network"], "training": recipe["training"] | {"epochs": 3, "batch_size": 32},
        "features": recipe["features"], "hcd": recipe["hcd"], "deepest": "b2",
        "blocks": {
            "b1": {"prev": "b0", "layers": [conv, {"kind": "max_pool", "size": 2}], "head": [conv]} | block,
            "b2": {"prev": "b1", "layers": [conv | {"stride": 2}]} | block,
        },
    }  # fmt: skip
    content["inference"] |= {"theta_conf": 0.6}
    content["partition"] |= {"earlier_logits": 0.25}
    content["compute"] |= {"micro_batch": 32, "kernel": "auto", "precision": "32"}
    return make_run(tmp_path_factory.mktemp("modern"), content)


def test_runner_and_replay_agree_on_every_image(modern):
    for method, found in json.loads((modern / "runs/agreement.json").read_text()).items():
        assert found["same_exit"] == found["same_prediction"] == found["images"] == 60, method


@pytest.mark.parametrize("method", BLOCK_WISE)
def test_earlier_logits_weigh_less_in_replay_and_networks(method, modern):
    votes, _ = stored_votes(Folders(modern), load_params(modern / "params.yaml"), method, "test")
    plain = [replace(vote, earlier=1.0) for vote in votes]
    weighted, summed = (replay(some, [1.0, 1.0], 10).confidence for some in (votes, plain))
    assert votes[1].earlier == 0.25
    assert not np.array_equal(weighted, summed)


def test_counts_are_stored_whole(modern):
    header = json.loads((modern / "runs/b1/features/test.json").read_text())
    assert header == {"shape": [2, 8, 4, 4], "signed": False, "bits": LEVELS.bit_length()}
    assert not list((modern / "runs/b0/features").iterdir())


def test_binary_steps_are_counted(modern):
    costs = pd.read_csv(modern / "runs/accounting/inference.csv").set_index("method")
    channels = read_mapping(modern / "params.yaml")["blocks"]["b1"]["layers"][0]["channels"]
    side, classes = 8, 10
    b1, b2 = channels * 9 * side**2, channels**2 * 9 * 4
    readout = channels * 1 * classes
    assert costs.loc["end_to_end", "macs_per_image"] == 2 * LEVELS * (b1 + b2 + readout)


def test_frozen_blocks_keep_their_weights_and_averages(modern):
    folders = Folders(modern)
    own = load_weights(folders.block("b1") / "block.safetensors")
    kept = load_weights(folders.block("b2") / "features/prefix.safetensors")
    names = [name for name in own if name.startswith("trunk.")]
    assert any("running_mean" in name for name in names)
    assert all(np.array_equal(own[name], kept[name.removeprefix("trunk.")]) for name in names)


def test_predictions_of_the_library_are_those_of_the_run(modern):
    exits = np.load(modern / "runs/exits_test.npz")
    images = np.load(modern / "data/prepared/test.npz")["images"]
    answer = Run(modern).network("bloctrain").predict(images)
    assert np.array_equal(answer.prediction, exits["prediction"])
    assert np.array_equal(answer.exit_block, exits["exit_block"])
