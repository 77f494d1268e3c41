"""Comparisons of experiments: what had to run again, what differs, what is recommended."""

import subprocess

import pandas as pd
import pytest
import yaml

from studies.experiments import as_markdown, run_experiments, stages_changed
from studies.thresholds import recommend
from studies.variants import _changes, _name, by_chance, compare


@pytest.fixture
def two_locks(folder):
    """A repository with two commits of a dvc.lock: another parameter for `train`, another output only for `report`."""

    def write(threshold, digest):
        stages = {"train": {"params": {"params.yaml": {"t": threshold}}}, "report": {"outs": [digest]}, "prepare": {"deps": [1]}}
        (folder / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))

    def git(*arguments):
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], check=True, capture_output=True
        )

    git("init", "-q")
    write(0.5, "a")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "one")
    write(0.6, "b")
    git("commit", "-qam", "two")


def test_stages_changed_are_those_with_other_inputs(two_locks):
    assert stages_changed("HEAD", "one") == ["train"]
    assert stages_changed("HEAD", "HEAD") == []


def test_a_difference_that_chance_makes_in_one_of_twenty_is_none():
    runs = {
        "a=1": pd.DataFrame({"accuracy.x": [0.90, 0.92, 0.91], "exits.b1": [0, 0, 0], "efficiency.measured_speedup": [1, 1, 1]}),
        "a=2": pd.DataFrame({"accuracy.x": [0.91, 0.91, 0.91], "exits.b1": [0, 0, 0], "efficiency.measured_speedup": [1, 1, 1]}),
        "a=3": pd.DataFrame({"accuracy.x": [0.95, 0.97, 0.965], "exits.b1": [0, 0, 0], "efficiency.measured_speedup": [1, 1, 1]}),
        # 4 standard errors: clear for many seeds, not for three (t = 4.3)
        "a=4": pd.DataFrame(
            {"accuracy.x": [0.905, 0.93, 0.915], "exits.b1": [0, 0, 0], "efficiency.measured_speedup": [1, 1, 1]}
        ),
    }
    rows = compare(runs).set_index("setting")
    assert list(rows["metric"]) == ["accuracy.x"] * 4  # neither counts of exits nor measured times
    assert list(rows["verdict"]) == ["", "no difference", "differs", "no difference"]
    assert rows.loc["a=3", "difference"] == pytest.approx(0.05167, abs=1e-4)
    assert by_chance(compare(runs)).startswith("1 of 3 comparisons differ; by chance alone some 0.2 would")


def test_what_one_setting_has_no_number_for_is_not_compared():
    both, fewer = pd.DataFrame({"accuracy.b2": [0.9, 0.9], "accuracy.b3": [0.9, 0.9]}), pd.DataFrame({"accuracy.b2": [0.8, 0.8]})
    assert set(compare({"a=1": both, "a=2": fewer})["metric"]) == {"accuracy.b2"}


def test_settings_that_differ_in_a_sign_are_two_experiments():
    assert _name("digits", "partition.threshold.value=-0.5", 0) != _name("digits", "partition.threshold.value=0.5", 0)


def test_parameters_that_are_not_committed_are_refused(two_locks, folder):
    (folder / "params.yaml").write_text("seed: 1\n")
    with pytest.raises(SystemExit, match=r"params\.yaml has changes"):
        run_experiments({"one": {"seed": 2}})


def test_the_recommendation_is_chosen_on_validation():
    def row(threshold, split, accuracy, compute):
        return {"threshold": threshold, "theta_conf": 1.0, "split": split, "accuracy": accuracy,
                "compute_efficiency": compute, "memory_overhead": 1.2}  # fmt: skip

    rows = [row(0, "validation", 0.90, 1.5), row(0, "test", 0.80, 1.5),
            row(1, "validation", 0.897, 1.8), row(1, "test", 0.85, 1.8),
            row(2, "validation", 0.85, 2.5), row(2, "test", 0.99, 2.5)]  # fmt: skip
    text = recommend(pd.DataFrame(rows))
    assert "threshold 1, theta_conf 1;" in text and "accuracy 85.00 %" in text


def test_markdown():
    assert as_markdown(["a", "b"], [["x", 0.123456]]) == "| a | b |\n| --- | --- |\n| x | 0.1235 |\n"


def test_a_setting_may_hold_lists():
    assert _changes("inference.steps=[2,4],training.dropout=0.3", 7) == {
        "inference.steps": "[2,4]", "training.dropout": "0.3", "seed": 7,
    }  # fmt: skip
