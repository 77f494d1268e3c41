"""Exits in time, chosen and run: every family has its rows, and the runner leaves where the replay says."""

import pandas as pd
import pytest

from pipeline.base.folders import Folders
from pipeline.config import load_params
from studies import time_exits


@pytest.mark.slow
def test_every_family_is_chosen_and_timed(finished_run, monkeypatch):
    folders = Folders(finished_run)
    monkeypatch.setattr(time_exits, "FOLDERS", folders)
    params = load_params(folders.params)
    every = params.encoding.time_steps
    table = pd.DataFrame(time_exits.study(params, [1, every // 2, every]))
    assert list(table["exits_in"].unique()) == ["depth", "depth and time", "time, end to end"]
    assert len(table) == 3 * len(time_exits.LOSSES)
    assert (table["compute_efficiency"] >= 1).all()
    run = table[table["points_lost_at_most"] == time_exits.TIMED]
    assert list(run["leave where the replay says (%)"]) == [100.0] * 3
    assert (run[[f"times faster than end to end, {batch} at a time" for batch in time_exits.BATCHES]] > 0).all(axis=None)
