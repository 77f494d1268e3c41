"""The whole pipeline through the real `dvc repro`, tiny, in a clone of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from imports import ROOT

TINY = {
    "data": {"source": "digits", "path": None, "image_size": 8, "split": {"train": 150, "validation": 100, "test": 60}},
    "encoding": {"time_steps": 5, "max_rate_hz": 1000.0},
    "blocks": {
        "b1": {"prev": "b0", "prev2": "b0", "layers": [{"kind": "conv", "channels": 4}, {"kind": "pool", "size": 2}],
               "hidden": 8, "learning_rate": 0.01},
        "b2": {"prev": "b1", "prev2": "b0", "layers": [{"kind": "residual", "channels": 4}], "hidden": 0, "learning_rate": 0.01},
    },
    "deepest": "b2",
    "features": {"mode": "cached", "realisations": 1},
    "expectations": [{"metric": "accuracy.bloctrain", "min": 0.0, "max": 1.0, "source": "any accuracy"}],
}  # fmt: skip

NOT_COPIED = ("reports/figures/", "reports/tables/", "reports/summary", "reports/validation", "dvc.lock", "tests/")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """This tree's files (committed or not) in a git repository of their own, with tiny parameters."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(NOT_COPIED):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    content = yaml.safe_load((ROOT / "experiments/digits.yaml").read_text()) | TINY
    content["training"] |= {"epochs": 2}
    content["inference"] |= {"sample_images": 20, "latency_repeats": 1}
    content["partition"] |= {"no_hard_class": "stop", "no_easy_class": "continue"}
    write_params(folder, content)
    run(folder, "git", "init", "-q")
    commit(folder, "tiny")
    return folder


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", message)


def write_params(folder: Path, content: dict) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def read_params(folder: Path) -> dict:
    return yaml.safe_load((folder / "params.yaml").read_text())


def run(folder: Path, *command: str, ok: bool = True) -> str:
    binaries = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder),
    }  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def stages_run(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_everything_runs_and_then_nothing(clone):
    output = run(clone, "dvc", "repro")
    assert len(stages_run(output)) == 7 * 2 + 8
    summary = json.loads((clone / "reports/summary.json").read_text())
    assert 0 <= summary["accuracy"]["bloctrain"] <= 1
    assert set(summary["accuracy"]["by_depth"]["end_to_end"]) == {"b1", "b2"}
    agreement = json.loads((clone / "runs/agreement.json").read_text())
    for method in agreement.values():
        assert method["same_exit"] == method["same_prediction"] == method["images"] == 60
    assert (clone / "reports/report.html").exists()
    assert run(clone, "python", "-m", "stages.validate", "--strict")
    assert stages_run(run(clone, "dvc", "repro")) == []


def test_publishing_needs_a_clean_tree_and_a_run_of_this_commit(clone):
    output = run(clone, "python", "-m", "stages.publish", ok=False)
    assert output.startswith("error: git: ") and "not committed" in output
    commit(clone, "run")
    assert "published: reports/published/" in run(clone, "python", "-m", "stages.publish")
    entry = clone / "reports/published" / read_params(clone)["experiment"]
    assert json.loads((entry / "summary.json").read_text()) == json.loads((clone / "reports/summary.json").read_text())
    assert len(json.loads((entry / "provenance.json").read_text())["commit"]) == 40
    assert "0 failures" in run(clone, "python", "-m", "stages.validate", "--published")

    summary = json.loads((entry / "summary.json").read_text())
    summary["accuracy"]["by_depth"]["end_to_end"]["b2"] += 0.01
    (entry / "summary.json").write_text(json.dumps(summary))
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
    assert set(stages_run(run(clone, "dvc", "repro"))) == {"partition@b1", "partition@b2"}
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
    spared |= {f"{name}@{key}" for name in ("train_base", "train_end_to_end") for key in ("b1", "b2")}
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
