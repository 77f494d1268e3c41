"""The stage of inference: what it writes of a finished run, and what it refuses to begin with."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tiny_run import run_stage

from pipeline.base.files import read_arrays, write_arrays
from pipeline.base.folders import Folders
from pipeline.inference.exits_file import load_exits
from pipeline.inference.sweep import falls_with_depth

MADE = (
    "exits_validation.npz", "exits_test.npz", "exits_base_test.npz", "sweep.csv", "accuracy_by_depth.csv", "agreement.json",
    "synaptic_operations.npz", "latency.json",
)  # fmt: skip


@pytest.fixture
def uninferred(finished_run, tmp_path):
    """A copy of the finished run without what inference makes."""
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    for name in MADE:
        (folder / "runs" / name).unlink()
    return folder


def made(folder):
    return [name for name in MADE if (folder / "runs" / name).exists()]


def test_it_makes_the_same_again(finished_run, uninferred):
    run_stage(uninferred, "infer")
    assert made(uninferred) == list(MADE)
    for name in set(MADE) - {"latency.json"}:
        assert (uninferred / "runs" / name).read_bytes() == (finished_run / "runs" / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    ["b1/outputs_test.npz", "b2/hcd.json", "b2/groups.json", "b3/block.safetensors", "b1/base/outputs_test.npz",
     "b3/end_to_end/outputs_test.npz"],
)  # fmt: skip
def test_digests_are_checked_before_anything_is_written(name, uninferred, refusal):
    path = uninferred / "runs" / name
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        write_arrays(path, arrays | {"logits": arrays["logits"] + np.float32(1)})  # readable, of the right form
    elif path.suffix == ".json":
        path.write_text(json.dumps(json.loads(path.read_text())))
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    line = refusal(run_stage, uninferred, "infer")
    assert line.startswith(f"{path}: ") and "its content is not what the pipeline recorded" in line
    assert made(uninferred) == []


def test_a_result_that_is_missing_is_one_line(uninferred, refusal):
    (uninferred / "runs/b2/next.json").unlink()
    assert refusal(run_stage, uninferred, "infer").startswith(f"{uninferred / 'runs/b2/next.json'}: missing")
    assert made(uninferred) == []


def test_the_network_and_its_replay_agree_on_every_image(finished_run):
    for method in json.loads((finished_run / "runs/agreement.json").read_text()).values():
        assert method["same_exit"] == method["same_prediction"] == method["images"] == 60


def test_exits_hold_the_threshold_of_each_block(finished_run):
    exits = load_exits(finished_run / "runs/exits_test.npz")
    assert exits["theta_conf"].tolist() == pytest.approx([0.3, 0.5, 1.0])
    assert np.isnan(exits["theta_high"]).tolist() == [True, False, False]
    base = load_exits(finished_run / "runs/exits_base_test.npz")
    assert np.isnan(base["theta_high"]).all()


def test_another_threshold_changes_the_exits_alone(finished_run, uninferred):
    content = yaml.safe_load((uninferred / "params.yaml").read_text())
    content["inference"]["theta_conf"] = 0.0
    (uninferred / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run_stage(uninferred, "infer")
    assert set(load_exits(uninferred / "runs/exits_test.npz")["exit_block"]) == {1}
    assert (uninferred / "runs/sweep.csv").read_bytes() == (finished_run / "runs/sweep.csv").read_bytes()


def test_depth_counts_the_first_blocks_with_the_last_letting_everyone_out(finished_run):
    table = pd.read_csv(finished_run / "runs/accuracy_by_depth.csv")
    assert list(table["block"]) == ["b1", "b2", "b3"]
    exits = load_exits(Folders(finished_run).runs / "exits_test.npz")
    assert table["bloctrain"].iloc[-1] == (exits["prediction"] == exits["label"]).mean()


def test_accuracy_that_falls_with_depth_is_said():
    keys = ["b1", "b2", "b3", "b4"]
    told = falls_with_depth([0.8, 0.939, 0.9, 0.839], keys)
    assert told.startswith("falls with depth, 93.9 % up to b2 and 83.9 % up to b4; train longer")
    assert falls_with_depth([0.8, 0.9, 0.885], keys) == ""
    assert falls_with_depth([0.9], keys) == ""
