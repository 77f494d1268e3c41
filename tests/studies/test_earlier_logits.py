"""Weights of the earlier logits, replayed: 1 gives what the run published, 0 the block's own decision."""

import pandas as pd
import pytest

from pipeline.base.folders import Folders
from pipeline.config import load_params
from pipeline.training.stored import load_outputs
from studies import earlier_logits


@pytest.mark.slow
def test_weights_are_replayed(finished_run, monkeypatch):
    folders = Folders(finished_run)
    monkeypatch.setattr(earlier_logits, "FOLDERS", folders)
    params = load_params(folders.params)
    table = pd.DataFrame(earlier_logits.study(params, [0.0, 1.0])).set_index(["method", "up to block", "weight"])
    published = pd.read_csv(folders.runs / "accuracy_by_depth.csv").set_index("block")
    for method, column in (("BlocTrain", "bloctrain"), ("BlocTrain-base", "bloctrain_base")):
        for block, accuracy in published[column].items():
            assert table.loc[(method, block, 1.0), "test accuracy"] == pytest.approx(100 * accuracy)
    last = list(params.blocks)[-1]
    own = load_outputs(folders.block(last, "bloctrain_base"), "test")
    alone = 100 * (own.logits.argmax(1) == own.label).mean()
    assert table.loc[("BlocTrain-base", last, 0.0), "test accuracy"] == pytest.approx(alone)  # its theta_conf is 1
