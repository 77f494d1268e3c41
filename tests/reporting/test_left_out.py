"""Runs without one baseline or both: everything else is reported, and what compares with them says why it cannot."""

import json

import numpy as np
import pandas as pd
import pytest
from tiny_run import make_run, run_stage, tiny_content

from pipeline.base.folders import METHODS, Folders
from pipeline.config import load_params
from pipeline.inference.stored import predictions
from pipeline.predict.run import Run

REPORTS = ("tables", "figures", "validate", "report")


@pytest.fixture(scope="module", params=[[], ["bloctrain_base"], ["end_to_end"]], ids=["neither", "base", "end to end"])
def run(request, tmp_path_factory):
    """The folder of a run with reports, and the methods that were trained."""
    root = reported(tmp_path_factory, {"trained": request.param})
    return root, ["bloctrain", *request.param]


def reported(tmp_path_factory, baselines):
    """The folder of a run with these baselines, with its reports."""
    content = tiny_content()
    content["baselines"] |= baselines
    root = make_run(tmp_path_factory.mktemp("left_out"), content)
    for name in REPORTS:
        run_stage(root, name)
    return root


def test_numbers_are_those_of_the_methods_trained(run):
    root, trained = run
    summary = json.loads((root / "reports/summary.json").read_text())
    for method in METHODS:
        assert (summary["accuracy"][method] is not None) == (method in trained)
        assert bool(summary["accuracy"]["by_depth"][method]) == (method in trained)
    assert (summary["efficiency"]["measured_speedup"] is not None) == ("end_to_end" in trained)
    assert summary["efficiency"]["compute"] > 0


def test_nothing_is_trained_of_the_others(run):
    root, trained = run
    for method, folder in (("bloctrain_base", "base"), ("end_to_end", "end_to_end")):
        history = pd.read_csv(root / "runs/b1" / folder / "history.csv")
        assert bool(len(history)) == (method in trained)


def test_tables_and_figures_leave_them_out(run):
    root, trained = run
    names = {"bloctrain_base": "BlocTrain-base", "end_to_end": "end-to-end"}
    table = (root / "reports/tables/this_run.csv").read_text()
    captions = json.loads((root / "reports/figures/captions.json").read_text())
    for method, name in names.items():
        assert (name in table) == (method in trained)
    assert ("figure_10c" in captions) == ("bloctrain_base" in trained)
    assert ("figure_11a" in captions) == ("end_to_end" in trained)
    assert "None" not in (root / "reports/report.html").read_text().split("<h2", 3)[2]


def test_predictions_are_those_of_the_methods_trained(run):
    root, trained = run
    params = load_params(root / "params.yaml")
    arrays = predictions(Folders(root), params, params.inference.theta_conf, 10)
    assert {name.rpartition("_")[0] for name in arrays if name.endswith("_b1")} == set(trained)


def test_a_network_that_was_left_out_cannot_be_asked(run, refusal):
    root, trained = run
    for method in METHODS:
        if method not in trained:
            assert "holds no trained weights" in refusal(Run(root).network, method)


def test_end_to_end_at_full_depth_alone(tmp_path_factory):
    root = reported(tmp_path_factory, {"trained": ["end_to_end"], "end_to_end_at": "full_depth"})
    params = load_params(root / "params.yaml")
    for key in params.blocks:
        history = pd.read_csv(root / "runs" / key / "end_to_end/history.csv")
        assert bool(len(history)) == (key == params.deepest)
    summary = json.loads((root / "reports/summary.json").read_text())
    assert summary["accuracy"]["by_depth"]["end_to_end"] == {params.deepest: summary["accuracy"]["end_to_end"]}
    assert summary["efficiency"]["measured_speedup"] > 0
    assert summary["training_time_ratio"] > 0
    captions = json.loads((root / "reports/figures/captions.json").read_text())
    assert captions["figure_5a"]["alt"].rpartition("end-to-end: ")[2] == f"{100 * summary['accuracy']['end_to_end']:.1f} %."
    arrays = predictions(Folders(root), params, params.inference.theta_conf, 10)
    assert [name for name in arrays if name.startswith("end_to_end")] == [f"end_to_end_{params.deepest}"]
    assert len(Run(root).network("end_to_end").predict(np.zeros((1, 1, 8, 8), np.uint8))) == 1
