"""The table of experiments: what differs, by how much, and what chance may make."""

import copy
import subprocess

from pipeline.analysis.noise import Spread
from studies.compare import table
from studies.experiments import experiments

PARAMETERS = {
    "seed": 0,
    "data": {"split": {"test": 10_000}},
    "partition": {"threshold": {"value": 0.0}},
    "expectations": [{"metric": "accuracy.bloctrain", "min": 0.5}],
}
SUMMARY = {
    "accuracy": {"bloctrain": 0.70, "bloctrain_base": 0.72, "end_to_end": None},
    "efficiency": {"compute": 1.5, "memory_overhead": 0.9, "measured_speedup": 1.1},
}


def changed(bloctrain, threshold):
    parameters, summary = copy.deepcopy((PARAMETERS, SUMMARY))
    parameters["partition"]["threshold"]["value"] = threshold
    parameters["expectations"] = []
    summary["accuracy"]["bloctrain"] = bloctrain
    summary["efficiency"]["compute"] = 1.75
    return parameters, summary


def row(runs, name, **spreads):
    spreads = {name.replace("_", "."): Spread(0.0, std, 3) for name, std in spreads.items()}
    lines = table((PARAMETERS, SUMMARY), runs, spreads).splitlines()
    (found,) = (line for line in lines if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_what_differs_is_named_and_expectations_are_no_parameters():
    assert row({"sweep": changed(0.75, 0.5)}, "sweep")[1] == "partition.threshold.value=0.5"
    assert row({}, "(committed)")[1] == ""


def test_a_difference_is_marked_where_the_test_images_allow_it():
    assert row({"near": changed(0.705, 0.5)}, "near")[2] == "70.5 (+0.5 ~)"
    assert row({"far": changed(0.75, 0.5)}, "far")[2] == "75.0 (+5.0)"


def test_the_spread_of_seeds_widens_what_chance_may_make():
    assert row({"far": changed(0.75, 0.5)}, "far", accuracy_bloctrain=0.02)[2] == "75.0 (+5.0 ~)"


def test_other_numbers_are_marked_by_their_own_spread_where_it_is_known():
    runs = {"sweep": changed(0.75, 0.5)}
    assert row(runs, "sweep")[4:6] == ["-", "1.75 (+0.25)"]
    # By hand: Student's t of two degrees is 4.3, times the square root of two: a deviation of 0.05 may make 0.30.
    assert row(runs, "sweep", efficiency_compute=0.05)[5] == "1.75 (+0.25 ~)"
    assert row(runs, "sweep", efficiency_compute=0.04)[5] == "1.75 (+0.25)"


def test_experiments_of_other_commits_are_left_out(tmp_path, monkeypatch):
    def git(*arguments):
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    commits = []
    for message in ("one", "two"):
        git("commit", "-q", "--allow-empty", "-m", message)
        commits.append(git("rev-parse", "HEAD"))
    for commit, name in zip(commits, ("old", "new"), strict=True):
        git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", commit)
    git("update-ref", "refs/exps/stash", commits[0])
    monkeypatch.chdir(tmp_path)
    assert list(experiments()) == ["new"]
