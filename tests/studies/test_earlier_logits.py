"""Weights of the earlier logits, replayed: 1 gives what the run published, 0 the block's own decision."""

import pandas as pd
import pytest

from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.training.stored import load_outputs
from studies import earlier_logits


@pytest.fixture
def study(finished_run, monkeypatch):
    folders = Folders(finished_run)
    monkeypatch.setattr(earlier_logits, "FOLDERS", folders)

    def call(theta_conf, weights):
        params = load_params(folders.params)
        inference = params.inference.model_copy(update={"theta_conf": theta_conf})
        rows = earlier_logits.study(params.model_copy(update={"inference": inference}), weights)
        return pd.DataFrame(rows).set_index(["method", "up to block", "weight"]).sort_index()

    return call


@pytest.mark.slow
def test_weight_1_is_what_the_run_published(study, finished_run):
    table = study(load_params(finished_run / "params.yaml").inference.theta_conf, [1.0])
    published = pd.read_csv(finished_run / "runs/accuracy_by_depth.csv").set_index("block")
    for method, column in (("BlocTrain", "bloctrain"), ("BlocTrain-base", "bloctrain_base")):
        for block, accuracy in published[column].dropna().items():
            assert table.loc[(method, block, 1.0), "test accuracy"] == pytest.approx(100 * accuracy)


@pytest.mark.slow
def test_weight_0_is_the_last_blocks_own_decision(study, finished_run):
    table = study(1.0, [0.0, 1.0])
    own = load_outputs(Folders(finished_run).block("b3", "bloctrain_base"), "test")
    alone = 100 * (own.logits.argmax(1) == own.label).mean()
    assert table.loc[("BlocTrain-base", "b3", 0.0), "test accuracy"] == pytest.approx(alone)
    assert table.loc[("BlocTrain-base", "b3", 1.0), "test accuracy"] != pytest.approx(alone)
    assert table.loc["BlocTrain", "validation accuracy"].notna().all()
    assert table.loc["BlocTrain-base", "validation accuracy"].isna().all()
