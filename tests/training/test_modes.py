"""Cached features and recomputed ones: the same spikes, so the same training."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.base.folders import Folders
from pipeline.base.seeding import numpy_generator
from pipeline.data.prepare import prepare
from pipeline.data.prepared import load_prepared
from pipeline.encoding.encode_stage import encode_stage
from pipeline.partition.detector_stage import detector_stage
from pipeline.partition.partition_stage import partition_stage
from pipeline.partition.start_stage import start_stage
from pipeline.training.context import Context
from pipeline.training.forward_stages import forward_base, forward_block
from pipeline.training.loop import _plan
from pipeline.training.methods import _all_images, train_base, train_block

HERE = Folders()


def begin(params):
    prepare(params.data, params.seed, HERE.prepared, HERE.raw)
    encode_stage(HERE, params.encoding, params.seed)
    start_stage(HERE, "recall")


def run_two_blocks(params):
    begin(params)
    for key, prev in (("b1", "b0"), ("b2", "b1")):
        train_block(HERE, params, key)
        forward_block(HERE, params, key)
        detector_stage(HERE, params, key, prev)
        partition_stage(HERE, params, key, prev)
        train_base(HERE, params, key)
        forward_base(HERE, params, key)


@pytest.mark.parametrize("augmentation", ["none", "flip", "crop_flip"])
def test_with_a_realisation_per_epoch_both_modes_agree(folder, make_params, monkeypatch, augmentation):
    changes = {
        "training.epochs": 2, "training.augmentation": augmentation, "partition.no_hard_class": "stop",
        "partition.no_easy_class": "continue", "partition.threshold.value": 1.0,
    }  # fmt: skip
    found = {}
    for mode in ("cached", "recompute"):
        (folder / mode).mkdir()
        monkeypatch.chdir(folder / mode)
        run_two_blocks(make_params(changes | {"features.mode": mode, "features.realisations": 2}))
        assert (HERE.block("b1") / "features" / "prefix.safetensors").exists() == (mode == "recompute")
        assert (HERE.block("b1") / "features" / "train_r1.npy").exists() == (mode == "cached")
        found[mode] = [load_file(HERE.block("b2", method) / "block.safetensors") for method in ("bloctrain", "bloctrain_base")]
    for cached, recomputed in zip(found["cached"], found["recompute"], strict=True):
        assert cached.keys() == recomputed.keys()
        for name in cached:
            assert abs(cached[name] - recomputed[name]).max() < 1e-6, name


@pytest.mark.parametrize("kernel", ["reference", "lean", "auto"])
def test_recomputed_features_train_in_bf16_with_every_engine(folder, make_params, kernel):
    changes = {
        "training.epochs": 1, "partition.no_hard_class": "stop", "partition.no_easy_class": "continue",
        "partition.threshold.value": 1.0, "features.mode": "recompute", "compute.precision": "bf16", "compute.kernel": kernel,
    }  # fmt: skip
    run_two_blocks(make_params(changes))
    assert (HERE.block("b2") / "block.safetensors").exists()


def test_missing_features_are_one_line(folder, make_params, refusal):
    params = make_params()
    begin(params)
    line = refusal(train_base, HERE, params, "b2")
    assert line.startswith("runs/b1/base/features: missing; run `dvc repro`")


@pytest.mark.parametrize(
    ("changes", "splits"),
    [
        ({}, ["train", "validation"]),
        ({"network.norm": "batch", "features.mode": "recompute"}, ["train+validation"]),
        ({"network.norm": "batch", "features.mode": "cached"}, ["train+validation"]),
    ],
)
def test_baselines_normalise_whole_batches(folder, make_params, changes, splits):
    params = make_params(changes | {"training.batch_size": 16, "compute.micro_batch": 16})
    begin(params)
    parts = _all_images(Context.open(HERE, params), "b1", "bloctrain_base")
    assert [part.split for part in parts] == splits
    images = [load_prepared(HERE.prepared, split) for split in ("train", "validation")]
    assert np.array_equal(np.concatenate([part.column for part in parts]), np.concatenate([one.label for one in images]))
    if len(splits) == 1:
        sizes = [len(micro.positions) for micro in _plan(parts, 16, 16, numpy_generator(0), 0, 1)]
        assert set(sizes[:-1]) == {16}
        host = parts[0].feed.read(parts[0].rows[-1:], 0)
        assert next(iter(host.values())).shape[0] == 1
