"""The whole pipeline through the real `dvc repro`, tiny, in a clone of its own."""

import json
from pathlib import Path

import pytest
from tiny_pipeline import STAGES, commit, make_clone, read_params, run, stages_run, write_params


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    make_clone(folder)
    return folder


def test_everything_runs_and_then_nothing(clone):
    output = run(clone, "dvc", "repro")
    assert len(stages_run(output)) == STAGES
    summary = json.loads((clone / "reports/summary.json").read_text())
    assert 0 <= summary["accuracy"]["bloctrain"] <= 1
    assert set(summary["accuracy"]["by_depth"]["end_to_end"]) == {"b1", "b2"}
    agreement = json.loads((clone / "runs/agreement.json").read_text())
    for method in agreement.values():
        assert method["same_exit"] == method["same_prediction"] == method["images"] == 60
    assert (clone / "reports/report.html").exists()
    assert run(clone, "python", "-m", "stages.validate", "--strict")
    assert stages_run(run(clone, "dvc", "repro")) == []


FOUR_BLOCKS = {
    "b1": {"prev": "b0", "layers": [{"kind": "conv", "channels": 4}, {"kind": "pool", "size": 2}]},
    "b2": {"prev": "b1", "layers": [{"kind": "conv", "channels": 4, "stride": 2}]},
    "b3": {"prev": "b2", "layers": [{"kind": "conv", "channels": 4}]},
    "b4": {"prev": "b3", "layers": [{"kind": "conv", "channels": 4}], "residual": ["b1", "b2"], "threshold": 0.5},
}


def test_another_network_takes_no_more_than_another_parameter_file(tmp_path):
    """VGG-16's shape: four blocks with linear classifiers, the last fed by the first two as well; no baselines."""
    make_clone(tmp_path)
    content = read_params(tmp_path)
    content["blocks"] = {key: block | {"hidden": 0, "learning_rate": 0.01} for key, block in FOUR_BLOCKS.items()}
    content["data"]["split"]["held_out"] = False
    content["partition"] |= {"source": "test", "no_hard_class": "stop", "no_easy_class": "continue"}
    content |= {"deepest": "b4", "baselines": content["baselines"] | {"trained": []}}
    write_params(tmp_path, content)
    assert len(stages_run(run(tmp_path, "dvc", "repro"))) == STAGES + 2 * 9
    summary = json.loads((tmp_path / "reports/summary.json").read_text())
    assert summary["depth"] >= 3 and summary["accuracy"]["end_to_end"] is None
    assert "hard classes picked on the test set" in (tmp_path / "reports/tables/this_run.md").read_text()


def test_publishing_needs_a_clean_tree_and_a_run_of_this_commit(clone):
    output = run(clone, "python", "-m", "stages.publish", ok=False)
    assert output.startswith("error: git: ") and "not committed" in output
    commit(clone, "run")
    assert "published: reports/published/" in run(clone, "python", "-m", "stages.publish")
    entry = clone / "reports/published" / read_params(clone)["experiment"]
    stored = json.loads((entry / "entry.json").read_text())
    assert stored["summary"] == json.loads((clone / "reports/summary.json").read_text())
    assert len(stored["provenance"]["commit"]) == 40
    assert "0 failures" in run(clone, "python", "-m", "stages.validate", "--published")

    stored["summary"]["accuracy"]["by_depth"]["end_to_end"]["b2"] += 0.01
    (entry / "entry.json").write_text(json.dumps(stored))
    assert "end_to_end_b2" in run(clone, "python", "-m", "stages.validate", "--published", ok=False)
    run(clone, "git", "checkout", "-q", ".")
    run(clone, "git", "clean", "-qfd", "reports")

    content = read_params(clone)
    write_params(clone, content | {"seed": 1})
    commit(clone, "another seed")
    assert "error: dvc: the run is not that of the committed" in run(clone, "python", "-m", "stages.publish", ok=False)
    write_params(clone, content)
    commit(clone, "the old seed")


def test_an_unchanged_partition_reruns_nothing_after_it(clone):
    content = read_params(clone)
    threshold = json.loads((clone / "runs/b1/classes.json").read_text())["threshold"]
    content["partition"]["threshold"]["value"] += 1e-9
    write_params(clone, content)
    reports = {"tables", "figures", "report"}  # which state the threshold
    assert set(stages_run(run(clone, "dvc", "repro"))) == {"check", "partition@b1", "partition@b2"} | reports
    assert json.loads((clone / "runs/b1/classes.json").read_text())["threshold"] != threshold


@pytest.mark.parametrize("joint", [True, False])
def test_a_new_threshold_reruns_only_what_follows(clone, joint):
    chain = [f"{name}@b2" for name in ("train_block", "forward", "train_hcd", "partition")]
    content = read_params(clone)
    content["hcd"]["joint"] = joint
    content["partition"]["threshold"] = {"mode": "relative", "value": -0.5}
    write_params(clone, content)
    run(clone, "dvc", "repro", *chain)
    before = (clone / "runs/b1/groups.json").read_text()

    content["partition"]["threshold"] = {"mode": "relative", "value": 1.0}
    write_params(clone, content)
    spared = {"prepare", "encode", "train_block@b1", "forward@b1", "train_hcd@b1"}
    baselines = ("train_base", "forward_base", "train_end_to_end", "forward_end_to_end")
    spared |= {f"{name}@{key}" for name in baselines for key in ("b1", "b2")} | {"start"}
    if not joint:
        spared |= {"train_block@b2", "forward@b2"}
    planned = stages_run(run(clone, "dvc", "repro", "--dry"))
    assert "partition@b1" in planned
    assert not spared & set(planned)
    done = stages_run(run(clone, "dvc", "repro", *chain))
    assert not spared & set(done)
    assert {"partition@b1", "train_hcd@b2", "partition@b2"} <= set(done)
    assert ("train_block@b2" in done) == joint
    assert (clone / "runs/b1/groups.json").read_text() != before


def test_bad_input_is_one_line_and_leaves_nothing_half_written(clone):
    content = read_params(clone)
    write_params(clone, content | {"data": content["data"] | {"split": {"train": 9000, "validation": 100, "test": 60}}})
    output = run(clone, "dvc", "repro", ok=False)
    assert "Traceback" not in output
    assert "error: params.yaml: data.split" in output
    write_params(clone, content)
    run(clone, "dvc", "repro", "encode")
    assert not list(clone.rglob("*.part"))
