"""A run whose images may leave in time: the policy that it chooses is the one that predictions leave by."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_run import run_stage

from pipeline.anytime.anytime_stage import TABLE
from pipeline.anytime.choose import LOSSES, Candidates
from pipeline.anytime.names import BOTH
from pipeline.anytime.policy_file import load_policy, networks, policy_path, save_policy
from pipeline.base.files import read_table
from pipeline.base.folders import Folders
from pipeline.base.yaml_file import read_mapping
from pipeline.config import load_params
from pipeline.data.prepared import load_prepared
from pipeline.predict.answer import Answer
from pipeline.predict.run import Run
from pipeline.reporting.ledger.publish import copy_networks
from pipeline.training.context import Context

STEPS, POINTS, KEYS = [1, 3], 3.0, ["b1", "b2", "b3"]


@pytest.fixture(scope="module")
def timed_run(finished_run, tmp_path_factory):
    """The tiny run with exits after 1, 3 and all 5 steps."""
    folder = tmp_path_factory.mktemp("timed") / "run"
    shutil.copytree(finished_run, folder)
    content = read_mapping(folder / "params.yaml")
    content["inference"] |= {"steps": STEPS, "points_lost": POINTS}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run_stage(folder, "anytime")
    return folder


@pytest.fixture(scope="module")
def answer(timed_run):
    return Run(timed_run).network().predict(load_prepared(Folders(timed_run).prepared, "test").images)


def rows_of(folder):
    return read_table(Folders(folder).anytime / TABLE)


def test_without_steps_there_is_no_policy(finished_run):
    assert rows_of(finished_run) == []
    assert load_policy(Folders(finished_run), KEYS) is None
    assert Run(finished_run).network().timed is None


def test_predictions_do_what_the_table_says(timed_run, answer):
    table = rows_of(timed_run)
    assert len(table) == 3 * (len(LOSSES) + 1)
    (row,) = [row for row in table if row["exits_in"] == BOTH and row["points_lost_at_most"] == POINTS]
    label = load_prepared(Folders(timed_run).prepared, "test").label
    assert row["accuracy"] == (answer.prediction == label).mean()
    assert row["compute_efficiency"] == pytest.approx(1 / answer.operations_share.mean())
    assert row["steps_on_average"] == pytest.approx(answer.exit_step.mean())
    assert row["blocks_on_average"] == pytest.approx(answer.exit_block.mean())


def test_images_leave_at_the_nodes_of_the_path_alone(timed_run, answer):
    content = json.loads(policy_path(Folders(timed_run)).read_text())
    nodes = {(node["block"], node["steps"]) for node in content["path"]}
    assert content["steps"][-1] == 5
    assert set(zip(answer.exit_block.tolist(), answer.exit_step.tolist(), strict=True)) <= nodes
    assert (answer.exit_step < 5).any()


def test_an_image_gets_the_same_answer_in_any_company(timed_run, answer):
    images = load_prepared(Folders(timed_run).prepared, "test").images
    rows = np.array([7, 3, 59])
    some = Run(timed_run).network().predict(images[rows], rows=rows)
    for name in Answer.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(some, name), getattr(answer, name)[rows])


def test_a_threshold_of_ones_own_takes_all_steps(timed_run, finished_run):
    images = load_prepared(Folders(timed_run).prepared, "test").images
    wanted = Run(finished_run).network().predict(images, theta_conf=0.7)
    for network in (Run(timed_run).network(theta_conf=0.7), Run(timed_run).network()):
        found = network.predict(images, theta_conf=0.7)
        assert set(found.exit_step) == {5}
        assert found.confidence.tolist() == wanted.confidence.tolist()
    assert Run(timed_run).network("end_to_end").timed is None


def test_more_points_cost_less(timed_run):
    folders = Folders(timed_run)
    context = Context.open(folders, load_params(folders.params))
    candidates = Candidates.of_run(context, "bloctrain", [*STEPS, 5])
    for paths in candidates.families("bloctrain").values():
        chosen = candidates.choose(paths, [0.0, 1.0, 5.0, 100.0])
        assert [one.cost for one in chosen] == sorted((one.cost for one in chosen), reverse=True)
        assert {one.path[-1] for one in chosen} == {(2, 2)}


def test_an_entry_of_the_ledger_keeps_the_policy(timed_run, answer, tmp_path):
    copy_networks(Folders(timed_run), ["b1", "b2", "b3"], tmp_path)
    shutil.copy(timed_run / "params.yaml", tmp_path)
    found = Run(tmp_path).network().predict(load_prepared(Folders(timed_run).prepared, "test").images)
    assert found.exit_step.tolist() == answer.exit_step.tolist()


def test_a_policy_is_read_as_it_was_written(timed_run, tmp_path):
    steps, policy = load_policy(Folders(timed_run), KEYS)
    save_policy(policy_path(Folders(tmp_path)), steps, policy, networks(Folders(timed_run), KEYS))
    again = policy_path(Folders(tmp_path)).read_bytes()
    assert again == policy_path(Folders(timed_run)).read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"path": []}, {"path": [{"block": 1, "steps": 4}]}, {"path": [{"block": 0, "steps": 5}, {"block": 3, "steps": 5}]},
        {"path": [{"block": 2, "steps": 5}, {"block": 1, "steps": 5}, {"block": 3, "steps": 5}]}, {"steps": [5, 5]},
        {"temperature": [[1.0]]}, {"steps": None}, {"networks": {}},
    ],
)  # fmt: skip
def test_a_damaged_policy_is_one_line(change, timed_run, tmp_path, refusal):
    folder = Path(shutil.copytree(timed_run, tmp_path / "run"))
    path = policy_path(Folders(folder))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert refusal(load_policy, Folders(folder), KEYS).startswith(f"{path}: ")


def test_a_policy_for_other_networks_is_one_line(timed_run, tmp_path, refusal):
    folder = Path(shutil.copytree(timed_run, tmp_path / "run"))
    shutil.copy(folder / "runs/b2/hcd.json", folder / "runs/b3/hcd.json")
    assert "made for other networks" in refusal(Run(folder).network)
    assert len(Run(folder).network(theta_conf=0.5).predict(np.zeros((2, 1, 8, 8), np.uint8))) == 2


def test_a_policy_for_other_sums_of_logits_is_one_line(timed_run, tmp_path, refusal):
    folder = Path(shutil.copytree(timed_run, tmp_path / "run"))
    groups = folder / "runs/b1/groups.json"
    groups.write_text(json.dumps(json.loads(groups.read_text()) | {"earlier_logits": 0.5}))
    assert "made for other networks" in refusal(Run(folder).network)


@pytest.mark.parametrize("steps", [[], [0], [5], [2, 2], [3, 1], [1, 6]])
def test_steps_that_do_not_fit_are_one_line(steps, timed_run, tmp_path, refusal):
    content = read_mapping(timed_run / "params.yaml")
    content["inference"]["steps"] = steps
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    assert "steps" in refusal(load_params, tmp_path / "params.yaml")
