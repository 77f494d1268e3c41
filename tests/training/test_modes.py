"""Cached features and recomputed ones: the same spikes, so the same training."""

import pytest
from pipeline.layout import base_folder, block_folder
from pipeline.partition.steps import hcd_step, partition_step
from pipeline.training.outputs import forward_base, forward_block
from safetensors.numpy import load_file

from pipeline.data.prepare import prepare
from pipeline.training.methods import train_base, train_block, train_end_to_end
from stages.encode import main as encode


class KilledError(Exception):
    pass


def run_two_blocks(params):
    prepare(params.data, params.seed)
    encode(params)
    for key in ("b1", "b2"):
        train_block(params, key)
        forward_block(params, key)
        hcd_step(params, key)
        partition_step(params, key)
        train_base(params, key, then=forward_base)


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
        assert (block_folder("b1") / "features" / "prefix.safetensors").exists() == (mode == "recompute")
        assert (block_folder("b1") / "features" / "train_r1.npy").exists() == (mode == "cached")
        found[mode] = [load_file(of("b2") / "block.safetensors") for of in (block_folder, base_folder)]
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
    assert (block_folder("b2") / "block.safetensors").exists()


@pytest.mark.parametrize("train", [train_base, train_end_to_end])
def test_a_stage_killed_after_its_training_does_not_train_again(train, folder, make_params, capfd):
    params = make_params({"training.epochs": 1})
    prepare(params.data, params.seed)
    encode(params)

    def killed(*_):
        raise KilledError

    with pytest.raises(KilledError):
        train(params, "b1", then=killed)
    assert "epoch 1/1" in capfd.readouterr().out
    finished = []
    train(params, "b1", then=lambda *what: finished.append(what))
    assert finished == [(params, "b1")]
    assert "epoch 1/1" not in capfd.readouterr().out
    assert not any((folder / ".resume").iterdir())


def test_missing_features_are_one_line(folder, make_params, refusal):
    params = make_params()
    prepare(params.data, params.seed)
    encode(params)
    line = refusal(train_base, params, "b2", then=forward_base)
    assert line.startswith("runs/b1/base/features: missing; run `dvc repro`")
